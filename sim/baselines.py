"""The two behaviours that every task is measured against, and the step that many are made of.

behaviour = Random(2)
behaviour.reset(world, rng); action = behaviour.act(world)     # (A,) in [-1, 1]
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


class Nothing:
    """Do nothing: ``hold`` (A,) is the action that does it."""

    def __init__(self, hold: Sequence[float]) -> None:
        self.hold = hold

    def reset(self, world: Any, rng: np.random.Generator) -> None:
        """Nothing to prepare."""

    def act(self, world: Any) -> np.ndarray:
        """The same, always."""
        return np.array(self.hold)


class Random:
    """Uniform actions of ``size`` A."""

    def __init__(self, size: int) -> None:
        self.size = size

    def reset(self, world: Any, rng: np.random.Generator) -> None:
        """Take the generator."""
        self.rng = rng

    def act(self, world: Any) -> np.ndarray:
        """A uniform draw."""
        return self.rng.uniform(-1, 1, self.size)


def towards(gap_m: np.ndarray, step_m: float | np.ndarray) -> np.ndarray:
    """The action (A,) that covers ``gap_m`` (A,) in one step, or begins to; the fastest one covers ``step_m``."""
    action = gap_m / step_m
    return action / max(1.0, np.abs(action).max())
