"""A small untrained model and a tiny dataset, made once."""

from pathlib import Path

import pytest
import torch

from rehearse.sim.collect import CollectConfig, collect
from rehearse.sim.dog_on_jacket.task import SIGNALS
from rehearse.world_model import ModelConfig, WorldModel, preset, save


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained debug-size model of the dog task."""
    small = preset("debug").model
    config = ModelConfig(**{**vars(small), "action_dim": 4, "proprio_dim": 10, "signals": SIGNALS})
    with torch.random.fork_rng():  # the same whatever ran before
        torch.manual_seed(0)
        model = WorldModel(config)
    return save(model, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six episodes of noisy play."""
    return collect(CollectConfig(episodes=6, seed=3, workers=1), tmp_path_factory.mktemp("data") / "play")
