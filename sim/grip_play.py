"""What behaviours share that lead a gripper (grip_world.py): a move, and roaming about.

return moved(world, over_m, OPEN)
"""

import numpy as np

from rehearse.sim.arm_world import STEP_M
from rehearse.sim.baselines import towards
from rehearse.sim.grip_world import GripWorld

OPEN, CLOSED = -1.0, 1.0  # the fourth number of an action


def moved(world: GripWorld, there_m: np.ndarray, grip: float) -> np.ndarray:
    """The action (4,) that brings the commanded point towards ``there_m`` (3,), as far as one step reaches."""
    return np.append(towards(there_m - world.commanded_m, STEP_M), grip)


class Roam:
    """From one random place of the workspace to the next, low more often than high; what it holds, it takes along."""

    def reset(self, world: GripWorld, rng: np.random.Generator) -> None:
        """Nowhere yet."""
        self._rng, self._place_m, self._grip = rng, None, OPEN

    def act(self, world: GripWorld) -> np.ndarray:
        """On; another place, and perhaps another grip, when it is reached, and now and then before."""
        arrived = self._place_m is not None and np.allclose(self._place_m, world.commanded_m, atol=1e-3)
        if self._place_m is None or arrived or self._rng.random() < 0.1:
            low, high = np.array(world.workspace_low_m), np.array(world.workspace_high_m)
            self._place_m = low + (high - low) * self._rng.random(3) ** [1, 1, 2]
            self._grip = self._rng.choice([OPEN, CLOSED])
        return moved(world, self._place_m, self._grip)
