"""Small clips with a moving square and one dataset of three of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rehearse.world_model.data import Clip, LeRobotWriter


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., Clip]:
    """make_clip(seed, length=12, size=32, action_dim=4): frames that brighten with time, and two signals."""

    def make(seed: int, length: int = 12, size: int = 32, action_dim: int = 4, task: str = "") -> Clip:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:size, :size]
        frames = np.stack([np.stack([3 * x + 5 * t, 3 * y + 9 * seed, 90 + 0 * x], -1) for t in range(length)])
        for t in range(length):
            frames[t, 4:12, (2 * t) % size :][:, :8] = 200
        disturbance = rng.random(length)
        signals = {"disturbance": disturbance, "woken": np.maximum.accumulate(disturbance > 0.8)}
        actions, proprio = rng.normal(size=(length, action_dim)), rng.normal(size=(length, 3))
        return Clip(frames.clip(0, 255).astype(np.uint8), actions, proprio, signals, task or f"task {seed % 2}")

    return make


@pytest.fixture
def clips(make_clip: Callable[..., Clip]) -> list[Clip]:
    return [make_clip(seed, length) for seed, length in enumerate((12, 5, 9))]


@pytest.fixture
def dataset(tmp_path: Path, clips: list[Clip]) -> Path:
    """Folder of a dataset with episodes of 12, 5 and 9 frames at 5 fps."""
    with LeRobotWriter(tmp_path / "jacket", fps=5, robot_type="gantry", provenance={"seed": 7}) as out:
        for clip in clips:
            out.add(clip)
    return tmp_path / "jacket"
