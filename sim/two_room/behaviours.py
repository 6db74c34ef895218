"""Hand-written ways through the two rooms: a demonstrator, and the noisy play that training data comes from.

    behaviour = Demonstrator(); behaviour.reset(world, rng); action = behaviour.act(world)

They read the world's true state (where ball, wall and door are), which the planner never sees. Actions are (2,) in
[-1, 1].
"""

import numpy as np

from rehearse.sim.baselines import Random, towards
from rehearse.sim.goal_world import PERIOD_S
from rehearse.sim.play import NoisyPlay
from rehearse.sim.two_room.scene import BALL_RADIUS_M, WALL_HALF_M
from rehearse.sim.two_room.world import MAX_SPEED_MPS, REACH_M, TwoRoomWorld

STEP_M = MAX_SPEED_MPS * PERIOD_S
MARGIN_M = 0.004  # between the ball and the edges of the door
BESIDE_M = WALL_HALF_M + BALL_RADIUS_M + MARGIN_M  # from the divider's middle, where a ball stands clear of it


def waypoint(world: TwoRoomWorld, place_m: np.ndarray) -> np.ndarray:
    """Where (2,) to head for on the shortest way to ``place_m`` (2,): the place itself, or one side of the door."""
    ball, wall_x_m = world.data.qpos, world.factors.wall_x_m
    side, wanted = np.sign(ball[0] - wall_x_m) or 1.0, np.sign(place_m[0] - wall_x_m)
    beside = np.abs(ball[0] - wall_x_m) >= BESIDE_M - 1e-3
    if side == wanted and beside:
        return place_m
    gate = world.gate(ball, place_m) if side != wanted else np.array([wall_x_m, ball[1]])
    free_m = world.factors.door_half_m - BALL_RADIUS_M - MARGIN_M
    gate[1] = np.clip(gate[1], world.factors.door_y_m - free_m, world.factors.door_y_m + free_m)
    to = side if beside and np.abs(ball[1] - gate[1]) > MARGIN_M else wanted
    return gate + np.array([to * BESIDE_M, 0.0])


class Demonstrator:
    """Takes the shortest way to the goal, or to another place (2,) given as ``aim``."""

    def __init__(self, aim: np.ndarray | None = None) -> None:
        self.aim = aim

    def reset(self, world: TwoRoomWorld, rng: np.random.Generator) -> None:
        """Nothing to prepare."""

    def act(self, world: TwoRoomWorld) -> np.ndarray:
        """On along the way."""
        place_m = world.goal_state if self.aim is None else self.aim
        return towards(waypoint(world, place_m) - world.data.qpos, STEP_M)


class Elsewhere:
    """From one random place to the next: by the shortest way, or, ``straight``, against whatever wall is between.

    A plan may press against a wall for as long as it lasts. A model that has seen balls do so for some steps only
    imagines that they come through in the end.
    """

    def __init__(self, straight: bool = False) -> None:
        self.straight = straight

    def reset(self, world: TwoRoomWorld, rng: np.random.Generator) -> None:
        """Nowhere yet."""
        self._rng, self._place_m, self._left = rng, None, 0

    def act(self, world: TwoRoomWorld) -> np.ndarray:
        """On; another place when it is reached or takes too long."""
        place_m, ball = self._place_m, world.data.qpos
        if place_m is None or np.linalg.norm(place_m - ball) < STEP_M or self._left == 0:
            self._place_m, self._left = self._rng.uniform(-REACH_M, REACH_M, 2), int(self._rng.integers(8, 56))
        self._left -= 1
        return towards((self._place_m if self.straight else waypoint(world, self._place_m)) - ball, STEP_M)


def noisy_play() -> NoisyPlay:
    """Both rooms, every wall, the door from all sides and its edges missed."""
    return NoisyPlay(
        {
            "goal": (0.15, Demonstrator()),
            "elsewhere": (0.3, Elsewhere()),
            "straight": (0.5, Elsewhere(straight=True)),
            "uniform": (0.05, Random(2)),
        }
    )
