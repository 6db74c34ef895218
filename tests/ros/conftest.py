"""A ROS domain of its own for each test process, nodes as real processes, and a small trained model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ros.live import Nodes, Probe, own_domain


@pytest.fixture(scope="session")
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with own_domain(tmp_path_factory.mktemp("ros_log")):
        yield


@pytest.fixture
def nodes(_environment: None, tmp_path: Path) -> Iterator[Nodes]:
    """Starts the project's executables, and ends what still runs."""
    started = Nodes(tmp_path)
    yield started
    started.close()


@pytest.fixture
def probe(nodes: Nodes) -> Iterator[Probe]:
    """A node in this process that listens, sends and calls."""
    probe = Probe(nodes)
    yield probe
    probe.close()


@pytest.fixture
def action() -> Any:
    """The action, where it could be built; where not, Python takes the package's own folder for a module."""
    found = pytest.importorskip("rehearse_interfaces.action")
    if not hasattr(found, "PlanToGoal"):
        pytest.skip("rehearse_interfaces is not built: rehearse_interfaces/build_from_wheels, or colcon")
    return found.PlanToGoal


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained for seconds on six episodes: it plans, if not well."""
    import torch

    from rehearse.sim.collect import CollectConfig, collect
    from rehearse.world_model import preset, train
    from rehearse.world_model.data import ClipCache

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("model")
    data = collect(CollectConfig(episodes=6, workers=1), folder / "data")
    config = preset("debug", steps=30, save_every=30)
    return train(config, [ClipCache.open([data])], folder / "run", on_progress=lambda now: None).path


@pytest.fixture(scope="session")
def other_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a robot with two actions, untrained."""
    from rehearse.world_model import ModelConfig, WorldModel, save

    config = ModelConfig(action_dim=2, proprio_dim=10, signals={"progress": "regression"})
    return save(WorldModel(config), tmp_path_factory.mktemp("other") / "model.safetensors")
