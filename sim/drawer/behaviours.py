"""Hand-written opening of drawers: a demonstrator, and the noisy play that training data comes from.

    behaviour = Demonstrator(); behaviour.reset(world, rng); action = behaviour.act(world)

They read the world's true state (where knob and drawer are), which the planner never sees. Actions are (4,) in [-1, 1].
"""

import numpy as np

from rehearse.sim.arm_world import STEP_M
from rehearse.sim.baselines import Random
from rehearse.sim.drawer import scene
from rehearse.sim.drawer.world import DrawerWorld
from rehearse.sim.grip_play import CLOSED, OPEN, Roam, moved
from rehearse.sim.play import NoisyPlay

BESIDE_M = 0.008  # beside the knob counts as above it
ABOVE_M = np.array([0, 0, 0.05])  # of the fingertips over the knob's middle on their way to it
LOW_M = 0.006  # above the knob's middle, low enough to close
THERE_M = 0.006  # of the goal, when it lets go


class Demonstrator:
    """Above the knob, down, take hold, pull or push to the goal, let go; whatever went wrong is done again.

    ``pull``: how fast, 1 as fast as the arm can. ``aim_m``: how far the drawer is to be open, instead of the goal.
    ``miss_m`` (3,): it takes the knob to be so far beside where it is.
    """

    def __init__(self, pull: float = 0.35, aim_m: float | None = None, miss_m: np.ndarray | None = None) -> None:
        self.pull, self.aim_m, self.miss_m = pull, aim_m, np.zeros(3) if miss_m is None else miss_m

    def reset(self, world: DrawerWorld, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._closing = 0

    def act(self, world: DrawerWorld) -> np.ndarray:
        """What comes next, from where knob and hand are now."""
        now = world.seen()
        grip, knob = (np.array([now[f"{what}_{axis}_m"] for axis in "xyz"]) for what in ("grip", "knob"))
        left_m = (world.goal_state[0] if self.aim_m is None else self.aim_m) - now["opening_m"]
        if now["holds"] and (self.miss_m == 0).all():
            self._closing = 0
            if abs(left_m) <= THERE_M:
                return np.array([0, 0, 0, OPEN])
            return np.array([np.clip(left_m / STEP_M[0], -self.pull, self.pull), 0, 0, CLOSED])
        if abs(left_m) <= THERE_M:
            return moved(world, np.maximum(grip, knob + ABOVE_M), OPEN)
        knob = knob + self.miss_m
        beside = np.linalg.norm((knob - grip)[:2])
        if beside > BESIDE_M and not (self._closing and beside < 2 * BESIDE_M):
            self._closing = 0
            over = knob + ABOVE_M
            # Up first: on the way over, the fingers would knock against the knob.
            return moved(world, np.append(grip[:2] if grip[2] < over[2] - 0.02 else over[:2], over[2]), OPEN)
        if grip[2] > knob[2] + LOW_M and not self._closing:
            return moved(world, knob, OPEN)
        self._closing = (self._closing + 1) % 5  # after four steps in vain it begins again
        return moved(world, knob, CLOSED)


class Elsewhere:
    """A demonstrator with aims of its own, one after another, at all speeds; half of the time it lets go on the way."""

    def reset(self, world: DrawerWorld, rng: np.random.Generator) -> None:
        """Choose the first aim."""
        self._rng, self._demonstrator = rng, Demonstrator()
        self._demonstrator.reset(world, rng)
        self._drops = rng.random() < 0.5
        self._choose()

    def _choose(self) -> None:
        self._demonstrator.aim_m = self._rng.uniform(0, scene.TRAVEL_M + 0.02)  # now and then against the stop
        self._demonstrator.pull, self._steps = self._rng.uniform(0.2, 1), 0

    def act(self, world: DrawerWorld) -> np.ndarray:
        """On towards the aim; another when the drawer is there, or after a while."""
        self._steps += 1
        now = world.seen()
        if (abs(now["opening_m"] - self._demonstrator.aim_m) < 0.01 and not now["holds"]) or self._steps > 18:
            self._choose()
        action = self._demonstrator.act(world)
        if self._drops and now["holds"] and self._rng.random() < 0.15:
            action[3] = OPEN
        return action


class Misgrasp:
    """A demonstrator that is wrong about where the knob is: beside it or too high; again and again."""

    def reset(self, world: DrawerWorld, rng: np.random.Generator) -> None:
        """Choose the first mistake."""
        self._rng, self._steps = rng, 0
        self._demonstrator = Demonstrator()
        self._demonstrator.reset(world, rng)

    def act(self, world: DrawerWorld) -> np.ndarray:
        """On with this mistake; another one every two to four seconds, and now and then it pulls at what it has got."""
        if self._steps == 0:
            self._demonstrator.miss_m = self._rng.uniform([-0.03, -0.03, 0.0], [0.03, 0.03, 0.03])
            self._steps = int(self._rng.integers(10, 20))
        self._steps -= 1
        if self._steps < 4:
            return np.array([self._rng.uniform(-0.5, 1), *self._rng.normal(0, 0.3, 2), CLOSED])
        return self._demonstrator.act(world)


def noisy_play() -> NoisyPlay:
    """Grasps, misgrasps, gentle pulls and yanks, slips, and hands that get in the glass's way, at every speed."""
    kinds = {
        "goal": (0.25, Demonstrator()),
        "yank": (0.1, Demonstrator(pull=1.0)),
        "elsewhere": (0.35, Elsewhere()),
        "misgrasp": (0.1, Misgrasp()),
        "roam": (0.15, Roam()),
        "uniform": (0.05, Random(4)),
    }
    return NoisyPlay(kinds, switches=(3,))
