"""Hand-written pushing: a demonstrator that solves the task, and the noisy play that training data comes from.

    behaviour = Demonstrator(); behaviour.reset(world, rng); action = behaviour.act(world)

They read the world's true state (where the block is), which the planner never sees. Actions are (2,) in [-1, 1].
"""

import numpy as np

from rehearse.sim.goal_world import PERIOD_S
from rehearse.sim.push.contacts import REACH_M, Contacts
from rehearse.sim.push.scene import PUSHER_RADIUS_M
from rehearse.sim.push.world import MAX_SPEED_MPS, PushWorld, rotated

STEP_M = MAX_SPEED_MPS * PERIOD_S
TURN_RADIUS_M = 0.06  # what a radian of turn counts, beside a metre
SLOWEST_GAIN = 0.05
AT_CONTACT_M = 0.009

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
        return velocity(rotated(target - self.pusher, self.yaw_rad))


def velocity(gap_m: np.ndarray) -> np.ndarray:
    """The action (2,) that covers ``gap_m`` (2,) in one step, or as much of it as can be."""
    action = gap_m / STEP_M
    return action / max(1.0, np.abs(action).max())


class Demonstrator:
    """Brings the block to the goal, or to another pose given as ``aim``.

    At every step it takes the contact that promises the least way: round to it, and then as far as the block's error
    is from gone at the rate at which a push there would lessen it.
    """

    def __init__(self, aim: Pose | None = None) -> None:
        self.aim = aim

    def reset(self, world: PushWorld, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self._pusher = Pusher(world)
        self._turn_radius_m = TURN_RADIUS_M if np.isfinite(world.shape.angle_tolerance_rad) else 0.0

    def act(self, world: PushWorld) -> np.ndarray:
        """Towards the best contact, or a push there."""
        pusher, contacts = self._pusher, self._pusher.contacts
        pusher.look(world)
        place_m, yaw_rad = self.aim or world.goal_pose()
        error = rotated(place_m - pusher.block, -pusher.yaw_rad)
        turn = self._turn_radius_m * np.angle(np.exp(1j * (yaw_rad - pusher.yaw_rad)))
        size = float(np.hypot(np.linalg.norm(error), turn))
        lessens = contacts.shift @ error + self._turn_radius_m * contacts.turn * turn
        gain = np.maximum(lessens / size, SLOWEST_GAIN)
        cost = np.where(pusher.usable, pusher.ways_m + size / gain, np.inf)
        if not np.isfinite(cost).any():
            return np.zeros(2)
        best = int(cost.argmin())
        moved = (contacts.shift[best] ** 2).sum() + (self._turn_radius_m * contacts.turn[best]) ** 2
        return pusher.go(best, float(np.clip(lessens[best] / moved, 0.004, STEP_M)))
