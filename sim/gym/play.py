"""Play in a world of which nothing is known: smooth motion, at its own pace and size in every episode.

behaviour = Smooth(size=2); behaviour.reset(world, rng); action = behaviour.act(world)
"""

from typing import Any

import numpy as np

MEMORIES = (0.0, 0.7, 0.9, 0.97)  # correlation of an action with the one before
SIZES = (0.3, 0.7, 1.2)  # standard deviation, in shares of the largest action


class Smooth:
    """Actions of ``size`` A that wander: an autoregressive walk around a constant push, both drawn for the episode."""

    def __init__(self, size: int) -> None:
        self.size = size

    def reset(self, world: Any, rng: np.random.Generator) -> None:
        """Draw this episode's character."""
        self._rng, self._memory, self._spread = rng, rng.choice(MEMORIES), rng.choice(SIZES)
        self._push = rng.uniform(-0.5, 0.5, self.size) * (rng.random() < 0.5)
        self._walk = rng.normal(0, 1, self.size)

    def act(self, world: Any) -> np.ndarray:
        """One step on."""
        fresh = self._rng.normal(0, 1, self.size)
        self._walk = self._memory * self._walk + np.sqrt(1 - self._memory**2) * fresh
        return np.clip(self._push + self._spread * self._walk, -1, 1)
