"""The world of the two rooms: physics of one episode, without rendering and without Gymnasium.

    world = TwoRoomWorld(); world.reset(np.random.default_rng(0)); world.step(np.array([1.0, 0.0]))

The action (2,) is the ball's velocity along x and y, 1 = MAX_SPEED_MPS. Success: within 3 cm of the goal. Progress is
made along the shortest way, through the door where start and goal are in different rooms.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from rehearse.sim.goal_world import GoalWorld
from rehearse.sim.two_room import scene
from rehearse.sim.variation import Look, between, usually

MAX_SPEED_MPS = 0.07
TOLERANCE_M, FARTHER_THAN_M = 0.03, 0.12  # of success, and of every start
OTHER_ROOM = 0.7  # chance that the goal is in the other room
CLEARANCE_M = 0.008  # between a wall and the ball at start and goal
REACH_M = scene.FLOOR_HALF_M - scene.BALL_RADIUS_M  # of the ball's middle, from the floor's


@dataclass(frozen=True)
class TwoRoomFactors(Look):
    """What varies between layouts besides start and goal: where the divider stands, and where its door is."""

    wall_x_m: float = between(-0.12, 0.12)
    door_y_m: float = between(-0.2, 0.2)
    door_half_m: float = between(0.05, 0.065, "size", (0.036, 0.09))
    wall_friction: float = between(0.0, 0.4, "friction", (0.0, 1.5))
    ball_mass_kg: float = usually(0.3, "mass", (0.05, 2.0))


class TwoRoomWorld(GoalWorld):
    """One ball in two rooms.

    Starts: start and goal lie uniformly in a room each, at least FARTHER_THAN_M apart along the shortest way, which is
    0.39 m in the median (0.20 to 0.59 m for 80 %); in 70 % of the layouts the rooms are not the same.
    """

    action_names = ("velocity_x", "velocity_y")
    hold = (0.0, 0.0)
    signals = ("agent_x_m", "agent_y_m")
    proprio = ("velocity_x", "velocity_y")  # where it is, only the picture tells
    goal = ("agent_x", "agent_y")
    goal_signals = signals
    factors_kind = TwoRoomFactors
    instruction = "go to where the picture shows the ball"

    def __init__(self) -> None:
        super().__init__(scene.build().compile())
        self._walls = [i for i in range(self.model.ngeom) if self.model.geom_priority[i] == 1]

    def lay_out(self, rng: np.random.Generator) -> None:
        """Stand the divider, then draw start and goal."""
        factors = self.factors
        scene.place_divider(self.model, factors.wall_x_m, factors.door_y_m, factors.door_half_m)
        self.model.geom_friction[self._walls, 0] = factors.wall_friction
        ball = self.model.body("ball")
        self.model.body_inertia[ball.id] *= factors.ball_mass_kg / float(ball.mass[0])
        self.model.body_mass[ball.id] = factors.ball_mass_kg
        mujoco.mj_setConst(self.model, mujoco.MjData(self.model))  # what the solver derives from masses
        side = rng.choice((-1, 1))
        other = -side if rng.random() < OTHER_ROOM else side
        while True:
            start, self.goal_state = self._place(side, rng), self._place(other, rng)
            if self.way_m(start) >= FARTHER_THAN_M:
                break
        self.data.qpos[:] = start

    def _place(self, side: int, rng: np.random.Generator) -> np.ndarray:
        """Uniform (2,) in the room on this side of the divider, -1 or 1, clear of all walls."""
        reach_m = REACH_M - CLEARANCE_M
        from_wall = self.factors.wall_x_m + side * (scene.WALL_HALF_M + scene.BALL_RADIUS_M + CLEARANCE_M)
        low, high = sorted((from_wall, side * reach_m))
        return np.array([rng.uniform(low, high), rng.uniform(-reach_m, reach_m)])

    def controls(self, actions: np.ndarray, command: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions (H, 2) -> the servos' velocities (H * substeps, 2), m/s; nothing is left commanded."""
        return np.repeat(actions * MAX_SPEED_MPS, self.substeps, axis=0), command

    def gate(self, places_m: np.ndarray, goal_m: np.ndarray) -> np.ndarray:
        """Where (..., 2) in the door the shortest way from places (..., 2) to a goal (2,) in the other room leads."""
        factors = self.factors
        free_m = factors.door_half_m - scene.BALL_RADIUS_M
        before, behind = np.abs(factors.wall_x_m - places_m[..., 0]), np.abs(goal_m[0] - factors.wall_x_m)
        straight = places_m[..., 1] + before / (before + behind) * (goal_m[1] - places_m[..., 1])
        y = np.clip(straight, factors.door_y_m - free_m, factors.door_y_m + free_m)
        return np.stack([np.full_like(y, factors.wall_x_m), y], axis=-1)

    def way_m(self, places_m: np.ndarray) -> np.ndarray:
        """Length (...,) of the shortest way from places (..., 2) to the goal."""
        goal, wall_x_m = self.goal_state, self.factors.wall_x_m
        gate = self.gate(places_m, goal)
        direct = np.linalg.norm(goal - places_m, axis=-1)
        through = np.linalg.norm(gate - places_m, axis=-1) + np.linalg.norm(goal - gate, axis=-1)
        return np.where((places_m[..., 0] - wall_x_m) * (goal[0] - wall_x_m) < 0, through, direct)

    def measure(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """Positions (..., 2) -> signals; ``way_m``: the shortest way to the goal, ``distance_m``: the straight line."""
        return {
            "agent_x_m": qpos[..., 0],
            "agent_y_m": qpos[..., 1],
            "distance_m": np.linalg.norm(qpos - self.goal_state, axis=-1),
            "way_m": self.way_m(qpos),
        }

    def excess(self, measured: dict[str, np.ndarray]) -> np.ndarray:
        """The shortest way as far as it exceeds the tolerance, in tolerances."""
        return np.maximum(measured["way_m"] / TOLERANCE_M - 1, 0)

    def proprioception(self) -> np.ndarray:
        """(2,) the ball's velocity."""
        return self.data.qvel.astype(np.float32)

    def pose_goal(self, data: mujoco.MjData) -> None:
        """The ball at the goal."""
        data.qpos[:] = self.goal_state

    def mark_goal(self, scene_drawn: mujoco.MjvScene) -> None:
        """A translucent disc on the floor, as wide as success."""
        geom, size = scene_drawn.geoms[scene_drawn.ngeom], np.array([TOLERANCE_M, 0.0008, 0])
        place, colour = np.array([*self.goal_state, 0.001]), np.array(scene.GHOST_RGBA, np.float32)
        mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_CYLINDER, size, place, np.eye(3).ravel(), colour)
        scene_drawn.ngeom += 1
