"""One world for the tests that only need some world: building it costs more than an episode."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from rehearse.sim.dog_on_jacket.factors import LEVELS, Factors, sample_factors
from rehearse.sim.dog_on_jacket.world import World
from rehearse.sim.layouts import layout_seed


def layout(index: int = 0, level: str = "half", fixed: frozenset[str] = frozenset()) -> Factors:
    """The factors of one training layout."""
    return sample_factors(LEVELS[level], np.random.default_rng(layout_seed("train", index)), fixed)


@pytest.fixture(name="layout")
def layout_fixture() -> Callable[..., Factors]:
    return layout


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", params=["patch", "cloth"])
def either_world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


@pytest.fixture(scope="session")
def world() -> World:
    return World()
