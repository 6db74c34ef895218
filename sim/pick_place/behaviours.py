"""Hand-written picking and placing: a demonstrator, and the noisy play that training data comes from.

    behaviour = Demonstrator(); behaviour.reset(world, rng); action = behaviour.act(world)

They read the world's true state (where the block is), which the planner never sees. Actions are (4,) in [-1, 1].
"""

import numpy as np

from rehearse.sim.baselines import Random
from rehearse.sim.grip_play import CLOSED, OPEN, Roam, moved
from rehearse.sim.pick_place import scene
from rehearse.sim.pick_place.world import SHELF_REACH_M, TABLE_HIGH_M, TABLE_LOW_M, PickPlaceWorld
from rehearse.sim.play import NoisyPlay

OVER_M = 0.01  # beside the block, or the goal, counts as above it
CLEAR_M = 0.045  # of the fingertips above what they must not touch on their way down
CARRY_M = scene.SHELF_TOP_M + 0.03  # of a carried block's underside above the table
SLACK_M = 0.003  # above the surface, when it is let go
FINGERTIP_M = 0.006  # from the point between the fingertips to their ends


class Demonstrator:
    """Above the block, down, take hold, up, over to the goal, down, let go; whatever went wrong is done again.

    ``aim`` (3,): where the block's middle is to be, instead of the goal. ``miss_m`` (3,): it takes the block to be so
    far beside where it is.
    """

    def __init__(self, aim: np.ndarray | None = None, miss_m: np.ndarray | None = None) -> None:
        self.aim, self.miss_m = aim, np.zeros(3) if miss_m is None else miss_m

    def reset(self, world: PickPlaceWorld, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._closing = 0

    def act(self, world: PickPlaceWorld) -> np.ndarray:
        """What comes next, from where block and hand are now."""
        grip, block = world.fingertips(world.data.qpos), world.block_m() + self.miss_m
        goal = world.goal_state if self.aim is None else self.aim
        if world.holds() and (self.miss_m == 0).all():
            self._closing = 0
            return self._carry(world, grip, block, goal)
        # Low on a high block there is more to hold; but the fingers must not stand on the table.
        deep = min(world.half_m[2], 0.012)
        take = block + np.array([0, 0, deep - world.half_m[2]])
        take[2] = max(take[2], block[2] - world.half_m[2] + FINGERTIP_M + 0.008)
        beside = np.linalg.norm((block - grip)[:2])
        if beside > OVER_M and not (self._closing and beside < 2 * OVER_M):
            self._closing = 0
            over = block + np.array([0, 0, world.half_m[2] + CLEAR_M])
            too_low = grip[2] < over[2] - 0.02
            # Up first: on the way over, the fingers would knock it over.
            there = np.append(grip[:2] if too_low and beside < 0.06 else over[:2], over[2])
            return moved(world, there, OPEN)
        if grip[2] > take[2] + 0.006 and not self._closing:
            return moved(world, take, OPEN)
        self._closing = (self._closing + 1) % 5  # after four steps in vain it begins again
        return moved(world, take, CLOSED)

    def _carry(self, world: PickPlaceWorld, grip: np.ndarray, block: np.ndarray, goal: np.ndarray) -> np.ndarray:
        held = block - grip
        beside = np.linalg.norm((goal - block)[:2])
        if beside <= OVER_M and block[2] <= goal[2] + SLACK_M:
            return moved(world, world.commanded_m, OPEN)
        high = CARRY_M + world.half_m[2]
        if beside > OVER_M:
            there = np.append(goal[:2] if block[2] > high - 0.015 else block[:2], high)
        else:
            there = goal
        return moved(world, there - held, CLOSED)


def somewhere(rng: np.random.Generator, world: PickPlaceWorld) -> np.ndarray:
    """A place (3,) where the block could be wanted, on the table or on the shelf."""
    if rng.random() < 0.4:
        middle, reach, top_m = np.array(scene.SHELF_AT_M), SHELF_REACH_M, scene.SHELF_TOP_M
        return np.append(rng.uniform(middle - reach, middle + reach), top_m + world.half_m[2])
    return np.append(rng.uniform(TABLE_LOW_M, TABLE_HIGH_M), world.half_m[2])


class Elsewhere:
    """A demonstrator with aims of its own, one after another; half of the time it drops the block on the way."""

    def reset(self, world: PickPlaceWorld, rng: np.random.Generator) -> None:
        """Choose the first place."""
        self._rng, self._demonstrator = rng, Demonstrator()
        self._demonstrator.reset(world, rng)
        self._drops = rng.random() < 0.5
        self._choose(world)

    def _choose(self, world: PickPlaceWorld) -> None:
        self._demonstrator.aim, self._steps = somewhere(self._rng, world), 0

    def act(self, world: PickPlaceWorld) -> np.ndarray:
        """On towards the place; another when the block lies there, or after a while."""
        self._steps += 1
        there = np.linalg.norm(world.block_m() - self._demonstrator.aim) < 0.02 and not world.holds()
        if there or self._steps > 22:
            self._choose(world)
        action = self._demonstrator.act(world)
        if self._drops and world.holds() and self._rng.random() < 0.15:
            action[3] = OPEN
        return action


class Misgrasp:
    """A demonstrator that is wrong about where the block is: beside it, on its edge, or too high; again and again."""

    def reset(self, world: PickPlaceWorld, rng: np.random.Generator) -> None:
        """Choose the first mistake."""
        self._rng, self._steps = rng, 0
        self._demonstrator = Demonstrator(miss_m=np.zeros(3))
        self._demonstrator.reset(world, rng)

    def act(self, world: PickPlaceWorld) -> np.ndarray:
        """On with this mistake; another one every two to four seconds, and now and then up with what it has got."""
        if self._steps == 0:
            self._demonstrator.miss_m = self._rng.uniform([-0.03, -0.03, 0.0], [0.03, 0.03, 0.03])
            self._steps = int(self._rng.integers(10, 20))
        self._steps -= 1
        if self._steps < 4 and world.gap_m(world.data.qpos) < 0.05:
            return np.array([*self._rng.normal(0, 0.3, 2), 1, CLOSED])
        return self._demonstrator.act(world)


def noisy_play() -> NoisyPlay:
    """Touches, grasps, misgrasps, drops, carries and places, everywhere and at every speed."""
    kinds = {
        "goal": (0.3, Demonstrator()),
        "elsewhere": (0.35, Elsewhere()),
        "misgrasp": (0.15, Misgrasp()),
        "roam": (0.15, Roam()),
        "uniform": (0.05, Random(4)),
    }
    return NoisyPlay(kinds, switches=(3,))
