"""The pushing world: physics of one episode, without rendering and without Gymnasium.

    world = PushWorld("T"); world.reset(np.random.default_rng(0)); world.step(np.array([1.0, 0.0]))

The action (2,) is the pusher's velocity along x and y, 1 = MAX_SPEED_MPS. Success: the block's centre of mass within
3 cm of the goal, and for the T its angle within 20 degrees of the goal's; the square's angle does not count.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from rehearse.errors import ConfigError
from rehearse.sim.goal_world import GoalWorld
from rehearse.sim.push import scene
from rehearse.sim.push.shapes import SHAPES
from rehearse.sim.variation import Look, between, usually

MAX_SPEED_MPS = 0.25
TOLERANCE_M, FARTHER_THAN_M = 0.03, 0.10  # of success, and of every start
CLEARANCE_M = 0.015  # between pusher and block at the start
SETTLE_SUBSTEPS = 30
PUSHER_REACH_M = scene.TABLE_HALF_M - scene.PUSHER_RADIUS_M


@dataclass(frozen=True)
class PushFactors(Look):
    """What varies between layouts besides the poses of pusher, block and goal."""

    block_mass_kg: float = between(0.15, 0.35, "mass", (0.05, 1.2))
    table_friction: float = between(0.35, 0.65, "friction", (0.1, 1.2))
    pusher_friction: float = between(0.2, 0.45, "friction", (0.02, 1.0))
    block_scale: float = usually(1.0, "size", (0.75, 1.3))  # of its outline


class PushWorld(GoalWorld):
    """One pusher and one block, ``square`` or ``T``.

    Starts: block and goal lie uniformly anywhere that leaves room for the pusher all round, turned by any angle,
    independently but for a distance of at least FARTHER_THAN_M; it is 0.19 m in the median (0.12 to 0.26 m for 80 %;
    0.02 m less for the T).
    """

    action_names = ("velocity_x", "velocity_y")
    hold = (0.0, 0.0)
    signals = ("block_x_m", "block_y_m", "block_sin", "block_cos", "pusher_x_m", "pusher_y_m")
    proprio = ("pusher_x", "pusher_y", "pusher_velocity_x", "pusher_velocity_y")
    goal = ("block_x", "block_y", "block_sin", "block_cos")
    goal_signals = signals[:4]
    factors_kind = PushFactors
    instruction = "push the block to where the picture shows it"

    def __init__(self, block: str = "square") -> None:
        if block not in SHAPES:
            raise ConfigError(f"unknown block {block!r}; choose one of {', '.join(SHAPES)}")
        self._nominal_shape = self.shape = SHAPES[block]
        super().__init__(scene.build(self.shape).compile())
        model = self.model
        self._block = model.body("block").id
        self._block_geoms = [model.geom(f"block_{i}").id for i in range(len(self.shape.boxes))]
        own = [i for i in range(model.ngeom) if model.geom_bodyid[i] == self._block]
        self._nominal_geoms = own, model.geom_size[own, :2].copy(), model.geom_pos[own, :2].copy()
        self._nominal_mass = float(model.body_mass[self._block]), model.body_inertia[self._block].copy()

    def lay_out(self, rng: np.random.Generator) -> None:
        """Block, goal and pusher, each drawn until it keeps its distance; then everything comes to rest."""
        factors, model, data = self.factors, self.model, self.data
        self._scale_block(factors.block_scale)
        scale = factors.block_mass_kg / self._nominal_mass[0] * factors.block_scale**2
        model.body_mass[self._block] = factors.block_mass_kg
        model.body_inertia[self._block] = self._nominal_mass[1] * scale
        model.geom_friction[self._block_geoms, 0] = factors.table_friction
        model.geom_friction[model.geom("pusher").id, 0] = factors.pusher_friction
        mujoco.mj_setConst(model, mujoco.MjData(model))  # what the solver derives from masses
        reach = self.shape.reach_m
        block, yaw_rad, self._goal_yaw_rad = rng.uniform(-reach, reach, 2), *rng.uniform(-np.pi, np.pi, 2)
        self._goal_m = _drawn(rng, reach, lambda place: np.linalg.norm(place - block) >= FARTHER_THAN_M)
        nearest = scene.PUSHER_RADIUS_M + CLEARANCE_M
        free = lambda place: self.shape.distance(rotated(place - block, -yaw_rad)) >= nearest  # noqa: E731
        self._start_m = block
        data.qpos[:] = [*_drawn(rng, PUSHER_REACH_M, free), *block, 0.0, yaw_rad]
        self.goal_state = np.array([*self._goal_m, np.sin(self._goal_yaw_rad), np.cos(self._goal_yaw_rad)])
        mujoco.mj_step(model, data, nstep=SETTLE_SUBSTEPS)

    def _scale_block(self, scale: float) -> None:
        """An outline ``scale`` times as large; it is as high as ever."""
        model, (geoms, sizes, places) = self.model, self._nominal_geoms
        self.shape = self._nominal_shape.scaled(scale)
        model.geom_size[geoms, :2], model.geom_pos[geoms, :2] = sizes * scale, places * scale
        model.geom_aabb[geoms, 3:] = model.geom_size[geoms]
        model.geom_rbound[geoms] = np.linalg.norm(model.geom_size[geoms], axis=-1)

    def controls(self, actions: np.ndarray, command: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions (H, 2) -> the servos' velocities (H * substeps, 2), m/s; nothing is left commanded."""
        return np.repeat(actions * MAX_SPEED_MPS, self.substeps, axis=0), command

    def measure(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """Positions (..., 6) -> signals; ``angle_rad`` is the turn that is left to the goal's angle."""
        yaw_rad = qpos[..., 5]
        turn = yaw_rad - self._goal_yaw_rad
        return {
            "block_x_m": qpos[..., 2],
            "block_y_m": qpos[..., 3],
            "block_sin": np.sin(yaw_rad),
            "block_cos": np.cos(yaw_rad),
            "pusher_x_m": qpos[..., 0],
            "pusher_y_m": qpos[..., 1],
            "distance_m": np.linalg.norm(qpos[..., 2:4] - self._goal_m, axis=-1),
            "angle_rad": np.abs(np.arctan2(np.sin(turn), np.cos(turn))),
        }

    def excess(self, measured: dict[str, np.ndarray]) -> np.ndarray:
        """Distance and, if it is asked for, angle, as far as they exceed their tolerances, in tolerances, added up."""
        too_far = np.maximum(measured["distance_m"] / TOLERANCE_M - 1, 0)
        return too_far + np.maximum(measured["angle_rad"] / self.shape.angle_tolerance_rad - 1, 0)

    def proprioception(self) -> np.ndarray:
        """(4,) the pusher's position and velocity."""
        return np.concatenate([self.data.qpos[:2], self.data.qvel[:2]]).astype(np.float32)

    def block_pose(self) -> tuple[np.ndarray, float]:
        """Centre of mass (2,) and angle, radians."""
        return self.data.qpos[2:4].copy(), float(self.data.qpos[5])

    def goal_pose(self) -> tuple[np.ndarray, float]:
        """Where the block is wanted: centre of mass (2,) and angle, radians."""
        return self._goal_m.copy(), self._goal_yaw_rad

    def pose_goal(self, data: mujoco.MjData) -> None:
        """The block at the goal, and the pusher touching it where a push straight from the start would end."""
        away = (self._start_m - self._goal_m) / np.linalg.norm(self._start_m - self._goal_m)
        ray = away * np.linspace(0, 0.15, 151)[:, None]
        touching = self.shape.distance(rotated(ray, -self._goal_yaw_rad)) >= scene.PUSHER_RADIUS_M
        pusher = self._goal_m + ray[np.flatnonzero(~touching)[-1] + 1]
        data.qpos[:] = [*pusher, *self._goal_m, 0.0, self._goal_yaw_rad]

    def mark_goal(self, scene_drawn: mujoco.MjvScene) -> None:
        """A translucent block, as flat as paint."""
        cos, sin = np.cos(self._goal_yaw_rad), np.sin(self._goal_yaw_rad)
        turned = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        for x, y, half_x, half_y in self.shape.boxes:
            middle = np.array([*self._goal_m, 0.001]) + turned @ np.array([x, y, 0])
            geom, size = scene_drawn.geoms[scene_drawn.ngeom], np.array([half_x, half_y, 0.0008])
            colour = np.array(scene.GHOST_RGBA, np.float32)
            mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_BOX, size, middle, turned.ravel(), colour)
            scene_drawn.ngeom += 1


def rotated(points: np.ndarray, angle_rad: float) -> np.ndarray:
    """Points (..., 2) turned counterclockwise about the origin."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return points @ np.array([[cos, sin], [-sin, cos]])


def _drawn(rng: np.random.Generator, reach_m: float, fits: object) -> np.ndarray:
    """A place (2,), uniform in the square of this reach, that ``fits``."""
    while True:
        place = rng.uniform(-reach_m, reach_m, 2)
        if fits(place):
            return place
