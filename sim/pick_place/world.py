"""The world of picking and placing: physics of one episode, without rendering and without Gymnasium.

    world = PickPlaceWorld(); world.reset(np.random.default_rng(0)); world.step(np.array([0.0, 0.0, -1.0, 1.0]))

The action (4,) is told in rehearse.sim.grip_world. Success: the block's middle within 2.5 cm of the goal, in all three
directions together, and let go. The block is held by friction alone: the force of the fingers is 8 N at most, and a
block of 0.15 kg weighs 1.5 N.
"""

import colorsys
from dataclasses import dataclass

import mujoco
import numpy as np

from rehearse.sim.grip_world import ARM, PROPRIO, GripWorld, set_box
from rehearse.sim.pick_place import scene
from rehearse.sim.variation import Look, between

TOLERANCE_M, FARTHER_THAN_M = 0.025, 0.12  # of success, and of every start
HELD_EXCESS = 0.25  # of a block that is where it should be and still held, in tolerances
ON_SHELF = 0.35  # chance that the goal is on the shelf
TABLE_LOW_M, TABLE_HIGH_M = np.array([-0.29, -0.10]), np.array([0.07, 0.13])  # of block and goal on the table
SHELF_REACH_M = np.array(scene.SHELF_HALF_M[:2]) - 0.035  # of a goal, from the shelf's middle
START_LOW_M, START_HIGH_M = np.array([-0.35, -0.12, 0.14]), np.array([0.08, 0.14, 0.26])  # of the open hand
HOVER_M = 0.09  # of the open hand above the block, in the goal's picture
HELD_REACH_M = np.array([0.02, 0.012, 0.03])  # of a held block's middle from the fingertips, along x, y, z
HELD_GAP_M = 0.004  # between how wide a held block and the fingers are


@dataclass(frozen=True)
class PickPlaceFactors(Look):
    """What varies between layouts besides start and goal."""

    block_half_m: float = between(0.015, 0.021, "size", (0.011, 0.026))
    block_half_height_m: float = between(0.018, 0.03, "size", (0.012, 0.04))
    block_mass_kg: float = between(0.04, 0.15, "mass", (0.01, 0.6))
    table_friction: float = between(0.3, 0.7, "friction", (0.1, 1.2))
    finger_friction: float = between(0.7, 1.2, "friction", (0.25, 2.0))
    block_hue: float = between(0.55, 1.05)  # from blue by red to orange


class PickPlaceWorld(GripWorld):
    """One arm, one block, a table and a shelf.

    Starts: the block lies anywhere on the table beside the shelf, turned by at most 0.3 rad against the fingers; the
    hand is open somewhere above; the goal is anywhere on the table or, in 35 % of the layouts, on the shelf, at least
    FARTHER_THAN_M away.
    """

    workspace_low_m, workspace_high_m = (-0.54, -0.14, 0.014), (0.10, 0.16, 0.30)
    signals = (
        *("block_x_m", "block_y_m", "block_z_m", "grip_x_m", "grip_y_m", "grip_z_m"),
        *("gap_m", "holds", "height_m", "reach_m"),
    )
    proprio = PROPRIO
    goal = ("block_x", "block_y", "block_z")
    goal_signals = signals[:3]
    factors_kind = PickPlaceFactors
    instruction = "put the block where the picture shows it"

    def __init__(self) -> None:
        super().__init__(scene.build())
        model = self.model
        self._block, self._block_geom = model.body("block").id, model.geom("block").id
        self._block_qpos = int(model.joint("block").qposadr[0])
        self._surfaces = [model.geom(name).id for name in ("table", "shelf")]

    def lay_out(self, rng: np.random.Generator) -> None:
        """Make the block, draw where it lies, where it is wanted and where the hand is; everything comes to rest."""
        factors, model = self.factors, self.model
        half = np.array([factors.block_half_m, factors.block_half_m, factors.block_half_height_m])
        self.half_m, mass = half, factors.block_mass_kg
        set_box(model, [self._block_geom], half)
        model.body_mass[self._block] = mass
        model.body_inertia[self._block] = mass / 3 * ((half**2).sum() - half**2)
        model.geom_friction[self._block_geom, 0] = factors.table_friction
        model.geom_friction[self._finger_geoms, 0] = factors.finger_friction
        model.geom_rgba[self._block_geom, :3] = colorsys.hsv_to_rgb(factors.block_hue % 1, 0.85, 0.9)
        mujoco.mj_setConst(model, mujoco.MjData(model))  # what the solver derives from masses
        block = rng.uniform(TABLE_LOW_M, TABLE_HIGH_M)
        yaw_rad, self._goal_yaw_rad = rng.uniform(-0.3, 0.3, 2)
        on_shelf = rng.random() < ON_SHELF
        while True:
            middle = np.array(scene.SHELF_AT_M)
            low, high = (middle - SHELF_REACH_M, middle + SHELF_REACH_M) if on_shelf else (TABLE_LOW_M, TABLE_HIGH_M)
            goal = rng.uniform(low, high)
            if np.linalg.norm(goal - block) >= FARTHER_THAN_M:
                break
        self.goal_state = np.append(goal, half[2] + on_shelf * scene.SHELF_TOP_M)
        self._put_block(self.data, np.append(block, half[2]), yaw_rad)
        self.begin_at(rng.uniform(START_LOW_M, START_HIGH_M))

    def _put_block(self, data: mujoco.MjData, place_m: np.ndarray, yaw_rad: float) -> None:
        at = self._block_qpos
        data.qpos[at : at + 7] = [*place_m, np.cos(yaw_rad / 2), 0, 0, np.sin(yaw_rad / 2)]

    def measure(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """Positions (..., nq) -> signals.

        ``holds``: the block is between the fingers, and they are as far apart as it is wide. ``height_m``: of the
        block's middle above where it would lie on the table. ``reach_m``: from the fingertips to the block.
        """
        block, grip, gap = qpos[..., self._block_qpos :][..., :3], self.fingertips(qpos), self.gap_m(qpos)
        away = block - grip
        between_fingers = (np.abs(away) <= HELD_REACH_M + np.array([0, 0, self.half_m[2] - 0.02])).all(-1)
        holds = between_fingers & (np.abs(gap - 2 * self.half_m[0]) <= HELD_GAP_M)
        return {
            "block_x_m": block[..., 0],
            "block_y_m": block[..., 1],
            "block_z_m": block[..., 2],
            "grip_x_m": grip[..., 0],
            "grip_y_m": grip[..., 1],
            "grip_z_m": grip[..., 2],
            "gap_m": gap,
            "holds": holds.astype(float),
            "height_m": block[..., 2] - self.half_m[2],
            "reach_m": np.linalg.norm(away, axis=-1),
            "distance_m": np.linalg.norm(block - self.goal_state, axis=-1),
        }

    def excess(self, measured: dict[str, np.ndarray]) -> np.ndarray:
        """The distance as far as it exceeds the tolerance, in tolerances; at the goal, a little while it is held."""
        too_far = np.maximum(measured["distance_m"] / TOLERANCE_M - 1, 0)
        return np.where(too_far > 0, too_far, HELD_EXCESS * measured["holds"])

    def block_m(self) -> np.ndarray:
        """Where the block's middle is (3,)."""
        return self.data.qpos[self._block_qpos :][:3].copy()

    def holds(self) -> bool:
        """Whether the hand has the block."""
        return bool(self.measure(self.data.qpos)["holds"])

    def pose_goal(self, data: mujoco.MjData) -> None:
        """The block at the goal, and the open hand above it."""
        self._put_block(data, self.goal_state, self._goal_yaw_rad)
        data.qpos[self._qpos] = self.posture(self.goal_state + np.array([0, 0, HOVER_M]))
        data.qpos[self._finger_qpos] = ARM.open

    def mark_goal(self, scene_drawn: mujoco.MjvScene) -> None:
        """A translucent block."""
        cos, sin = np.cos(self._goal_yaw_rad), np.sin(self._goal_yaw_rad)
        geom, turned = scene_drawn.geoms[scene_drawn.ngeom], np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        colour = np.array(scene.GHOST_RGBA, np.float32)
        mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_BOX, self.half_m, self.goal_state, turned.ravel(), colour)
        scene_drawn.ngeom += 1
