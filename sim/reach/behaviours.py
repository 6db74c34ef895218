"""Hand-written reaching: a demonstrator, and the noisy play that training data comes from.

    behaviour = Demonstrator(); behaviour.reset(world, rng); action = behaviour.act(world)

They read the world's true state (where the ball is), which the planner never sees. Actions are (3,) in [-1, 1].
"""

import numpy as np

from rehearse.sim.arm_world import STEP_M
from rehearse.sim.baselines import Random, towards
from rehearse.sim.play import NoisyPlay
from rehearse.sim.reach.world import ReachWorld


class Demonstrator:
    """Straight to the ball."""

    def reset(self, world: ReachWorld, rng: np.random.Generator) -> None:
        """Nothing to prepare."""

    def act(self, world: ReachWorld) -> np.ndarray:
        """Move the commanded point on."""
        return towards(world.goal_state - world.commanded_m, STEP_M)


class Roam:
    """From one random place of the workspace to the next, in straight lines."""

    def reset(self, world: ReachWorld, rng: np.random.Generator) -> None:
        """Nowhere yet."""
        self._rng, self._place_m = rng, None

    def act(self, world: ReachWorld) -> np.ndarray:
        """On; another place when it is reached, and now and then before."""
        arrived = self._place_m is not None and np.allclose(self._place_m, world.commanded_m, atol=1e-3)
        if self._place_m is None or arrived or self._rng.random() < 0.1:
            self._place_m = self._rng.uniform(*world.workspace_m)
        return towards(self._place_m - world.commanded_m, STEP_M)


def noisy_play() -> NoisyPlay:
    """The whole workspace at every speed, and often the ball."""
    return NoisyPlay({"goal": (0.4, Demonstrator()), "roam": (0.5, Roam()), "uniform": (0.1, Random(3))})
