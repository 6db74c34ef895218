"""Hand-written pushing: a demonstrator that solves the task, and the noisy play that training data comes from.

    behaviour = Demonstrator(); behaviour.reset(world, rng); action = behaviour.act(world)

They read the world's true state (where the block is), which the planner never sees. Actions are (2,) in [-1, 1].
"""

import numpy as np

from rehearse.sim.baselines import Random, towards
from rehearse.sim.goal_world import PERIOD_S
from rehearse.sim.play import NoisyPlay
from rehearse.sim.push.contacts import REACH_M, Contacts
from rehearse.sim.push.scene import PUSHER_RADIUS_M
from rehearse.sim.push.world import MAX_SPEED_MPS, TOLERANCE_M, PushWorld, rotated

STEP_M = MAX_SPEED_MPS * PERIOD_S
SLOWEST_GAIN = 0.05  # of the block's error per metre of pushing: less is not worth going there
SHORTEST_PUSH_M = 0.008  # a softer one would be held up by friction
AT_CONTACT_M = 0.009
AROUND_BLOCK_M = 0.07

Pose = tuple[np.ndarray, float]


class Pusher:
    """One contact at a time: go round to it, then push there. Told what to do by the behaviours below."""

    def __init__(self, world: PushWorld) -> None:
        self.contacts = Contacts(world.shape)

    def look(self, world: PushWorld) -> None:
        """Take in where everything is now."""
        self.block, self.yaw_rad = world.block_pose()
        self.pusher = rotated(world.data.qpos[:2] - self.block, -self.yaw_rad)
        on_table = np.abs(self.block + rotated(self.contacts.ring, self.yaw_rad)).max(1) <= REACH_M
        self.ways_m, self.first = self.contacts.ways(self.pusher, on_table)
        self.usable = self.contacts.usable & np.isfinite(self.ways_m)
        gap = self.pusher - self.contacts.point
        inward = self.contacts.inward
        aside = np.abs(gap[:, 0] * inward[:, 1] - gap[:, 1] * inward[:, 0])
        behind = -(gap * inward).sum(1)
        self.there = (aside < AT_CONTACT_M) & (behind > 0) & (behind < PUSHER_RADIUS_M + 2 * AT_CONTACT_M)
        self.ways_m[self.there & self.usable] = 0.0

    def go(self, contact: int, push_m: float, slant_rad: float = 0.0) -> np.ndarray:
        """The action (2,) that brings the pusher towards ``contact``, or, when there, pushes by ``push_m``."""
        contacts = self.contacts
        if self.there[contact]:
            inward = contacts.inward[contact]
            target = contacts.point[contact] - inward * PUSHER_RADIUS_M + rotated(inward, slant_rad) * push_m
        else:
            target = contacts.ring[self.first[contact]]
        return towards(rotated(target - self.pusher, self.yaw_rad), STEP_M)


class Demonstrator:
    """Brings the block to the goal, or to another pose given as ``aim``.

    At every step it takes the contact that promises the least way: round to it, and then as far as the block's error
    is from gone at the rate at which a push there would lessen it. What would bring the block so near to a wall that
    the pusher could not get behind it is left.
    """

    def __init__(self, aim: Pose | None = None) -> None:
        self.aim = aim

    def reset(self, world: PushWorld, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._pusher = Pusher(world)
        # What a radian of turn counts beside a metre: as much as success allows of each.
        self._turn_radius_m = TOLERANCE_M / world.shape.angle_tolerance_rad

    def act(self, world: PushWorld) -> np.ndarray:
        """Towards the best contact, or a push there."""
        pusher, contacts = self._pusher, self._pusher.contacts
        pusher.look(world)
        place_m, yaw_rad = self.aim or world.goal_pose()
        error = rotated(place_m - pusher.block, -pusher.yaw_rad)
        turn = self._turn_radius_m * np.angle(np.exp(1j * (yaw_rad - pusher.yaw_rad)))
        size = float(np.hypot(np.linalg.norm(error), turn))
        lessens = contacts.shift @ error + self._turn_radius_m * contacts.turn * turn
        moves = (contacts.shift**2).sum(1) + (self._turn_radius_m * contacts.turn) ** 2
        push_m = np.clip(lessens / moves, SHORTEST_PUSH_M, STEP_M)
        ends = pusher.block + rotated(contacts.shift * push_m[:, None], pusher.yaw_rad)
        reach_m = max(world.shape.reach_m, float(np.abs(pusher.block).max()))
        good = pusher.usable & (lessens > SLOWEST_GAIN * size) & (np.abs(ends).max(1) <= reach_m)
        if not good.any():
            return np.zeros(2)
        cost = pusher.ways_m[good] + size**2 / lessens[good]
        best = int(np.flatnonzero(good)[cost.argmin()])
        return pusher.go(best, float(push_m[best]))


class Roam:
    """From one random place of the table to the next in straight lines, over whatever lies there."""

    def reset(self, world: PushWorld, rng: np.random.Generator) -> None:
        """Nowhere yet."""
        self._rng, self._place_m, self._steps = rng, None, 0

    def act(self, world: PushWorld) -> np.ndarray:
        """On; a new place when it is reached or takes too long."""
        gap = None if self._place_m is None else self._place_m - world.data.qpos[:2]
        if gap is None or np.linalg.norm(gap) < STEP_M / 2 or self._steps >= 12:
            self._place_m, self._steps = self._rng.uniform(-REACH_M, REACH_M, 2), 0
            gap = self._place_m - world.data.qpos[:2]
        self._steps += 1
        return towards(gap, STEP_M)


class Shove:
    """A random contact, a random slant, a push of random length; and again. Where it leads to is all one."""

    def reset(self, world: PushWorld, rng: np.random.Generator) -> None:
        """Choose the first push."""
        self._rng, self._pusher = rng, Pusher(world)
        self._choose()

    def _choose(self) -> None:
        contacts, rng = self._pusher.contacts, self._rng
        self._contact = int(rng.choice(np.flatnonzero(contacts.usable)))
        self._slant_rad = rng.uniform(-0.7, 0.7)
        self._pushes, self._patience = int(rng.integers(1, 9)), 14

    def act(self, world: PushWorld) -> np.ndarray:
        """On to the contact, or push."""
        self._pusher.look(world)
        self._patience -= 1
        if self._pushes == 0 or self._patience == 0 or not self._pusher.usable[self._contact]:
            self._choose()
        if self._pusher.there[self._contact]:
            self._pushes -= 1
        return self._pusher.go(self._contact, STEP_M, self._slant_rad)


class Ram:
    """Straight through a place on or beside the block, and on; then back through another.

    This is what most plans of a search look like. It shows what a push that is not meant well comes to: corners caught,
    sides slid along, a block that is only turned, or missed by a hair.
    """

    def reset(self, world: PushWorld, rng: np.random.Generator) -> None:
        """Nowhere yet."""
        self._rng, self._steps = rng, 0

    def act(self, world: PushWorld) -> np.ndarray:
        """On, or in a new direction."""
        rng, pusher = self._rng, world.data.qpos[:2]
        if self._steps == 0:
            place_m = world.block_pose()[0] + rng.uniform(-AROUND_BLOCK_M, AROUND_BLOCK_M, 2)
            self._steps = int(np.linalg.norm(place_m - pusher) / STEP_M) + int(rng.integers(1, 6))
            self._action = towards(1e3 * (place_m - pusher), STEP_M)
        self._steps -= 1
        return self._action


class Elsewhere:
    """A demonstrator with aims of its own: one random pose after another."""

    def reset(self, world: PushWorld, rng: np.random.Generator) -> None:
        """Choose the first pose."""
        self._rng, self._demonstrator, self._steps = rng, Demonstrator(), 0
        self._demonstrator.reset(world, rng)

    def act(self, world: PushWorld) -> np.ndarray:
        """On towards the pose; another one every three seconds."""
        if self._steps % 15 == 0:
            reach_m = world.shape.reach_m
            self._demonstrator.aim = self._rng.uniform(-reach_m, reach_m, 2), float(self._rng.uniform(-np.pi, np.pi))
        self._steps += 1
        return self._demonstrator.act(world)


def noisy_play() -> NoisyPlay:
    """Contacts everywhere, at every angle and speed.

    The demonstrator, towards the goal or elsewhere, brings the block to all places in all ways; shoving and ramming are
    wrong in every way that a planner's pushes may be; roaming shows the table and accidents.
    """
    return NoisyPlay(
        {
            "goal": (0.2, Demonstrator()),
            "elsewhere": (0.2, Elsewhere()),
            "shove": (0.2, Shove()),
            "ram": (0.3, Ram()),
            "roam": (0.05, Roam()),
            "uniform": (0.05, Random(2)),
        }
    )
