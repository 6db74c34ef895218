"""What a behaviour is, and the two that every task is measured against.

behaviour = Random()
behaviour.reset(world, rng); action = behaviour.act(world)     # (A,) in [-1, 1]
"""

from typing import Protocol

import numpy as np

from rehearse.sim.goal_world import GoalWorld


class Behaviour(Protocol):
    """Anything that acts in a world. It may read the world's true state, which a planner never sees."""

    def reset(self, world: GoalWorld, rng: np.random.Generator) -> None:
        """Begin an episode."""

    def act(self, world: GoalWorld) -> np.ndarray:
        """The next action (A,)."""


class Nothing:
    """Stand still."""

    def reset(self, world: GoalWorld, rng: np.random.Generator) -> None:
        """Nothing to prepare."""

    def act(self, world: GoalWorld) -> np.ndarray:
        """Zeros."""
        return np.zeros(len(world.action_names))


class Random:
    """Uniform actions."""

    def reset(self, world: GoalWorld, rng: np.random.Generator) -> None:
        """Take the generator."""
        self.rng = rng

    def act(self, world: GoalWorld) -> np.ndarray:
        """A uniform draw."""
        return self.rng.uniform(-1, 1, len(world.action_names))


def towards(gap_m: np.ndarray, step_m: float | np.ndarray) -> np.ndarray:
    """The action (A,) that covers ``gap_m`` (A,) in one step, or begins to; the fastest one covers ``step_m``."""
    action = gap_m / step_m
    return action / max(1.0, np.abs(action).max())
