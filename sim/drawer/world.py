"""The drawer's world: physics of one episode, without rendering and without Gymnasium.

    world = DrawerWorld(); world.reset(np.random.default_rng(0)); world.step(np.array([0.0, 0.0, -1.0, 1.0]))

The action (4,) is told in rehearse.sim.grip_world. Success: the drawer open as far as it is told, within 1.2 cm, its
knob let go, and the glass standing. The drawer resists by friction and, as grease does, by speed; a quick pull, and the
blow at the end stop, shake the cabinet, and the glass on it can fall.
"""

import colorsys
from dataclasses import dataclass

import mujoco
import numpy as np

from rehearse.sim.drawer import scene
from rehearse.sim.grip_world import ARM, PROPRIO, GripWorld, set_box
from rehearse.sim.variation import Look, between

TOLERANCE_M, FARTHER_THAN_M = 0.012, 0.06  # of success, and of every start
HELD_EXCESS = 0.25  # of a drawer that is open as far as it should be and still held, in tolerances
FALLEN_RAD = 0.4  # the glass does not come back from there: it stands on its edge at 0.2 to 0.25
SHUT_M, OPEN_M = 0.05, 0.15  # starts are less far open, goals no farther
CABINET_LOW_M, CABINET_HIGH_M = np.array([-0.47, -0.03]), np.array([-0.43, 0.08])  # where its middle stands
GLASS_LOW_M, GLASS_HIGH_M = np.array([-0.03, -0.055]), np.array([0.035, 0.055])  # on it, from its middle
START_LOW_M, START_HIGH_M = np.array([-0.25, -0.10, 0.15]), np.array([0.02, 0.13, 0.26])  # of the open hand
HOVER_M = 0.05  # of the open hand above the knob, in the goal's picture
HELD_REACH_M = np.array([0.02, 0.012, 0.03])  # of a held knob's middle from the fingertips, along x, y, z
HELD_GAP_M = 0.004  # between how wide a held knob and the fingers are


@dataclass(frozen=True)
class DrawerFactors(Look):
    """What varies between layouts besides start and goal."""

    knob_half_m: float = between(0.008, 0.013, "size", (0.0065, 0.02))
    glass_half_height_m: float = between(0.06, 0.07, "size", (0.05, 0.08))
    drawer_mass_kg: float = between(0.4, 1.0, "mass", (0.15, 4.0))
    glass_mass_kg: float = between(0.1, 0.25, "mass", (0.05, 0.6))
    drawer_friction_n: float = between(0.5, 2.0, "friction", (0.1, 6.0))
    drawer_damping_nspm: float = between(35.0, 65.0, "friction", (10.0, 110.0))
    finger_friction: float = between(0.7, 1.2, "friction", (0.35, 2.0))
    knob_hue: float = between(0.92, 1.08)  # red, more or less


class DrawerWorld(GripWorld):
    """One arm, one cabinet with a drawer, one glass.

    Starts: the drawer is less than SHUT_M open and the goal at least FARTHER_THAN_M beyond; the cabinet is somewhere
    on the left, the glass somewhere on it; the hand is open somewhere above and beside it.
    """

    workspace_low_m, workspace_high_m = (-0.50, -0.14, 0.03), (0.10, 0.16, 0.30)
    signals = (
        *("opening_m", "knob_x_m", "knob_y_m", "knob_z_m", "grip_x_m", "grip_y_m", "grip_z_m"),
        *("gap_m", "holds", "reach_m", "disturbance", "fallen"),
    )
    proprio = PROPRIO
    goal = ("opening",)
    goal_signals = ("opening_m",)
    harm = "fallen"
    factors_kind = DrawerFactors
    instruction = "open the drawer as far as the picture shows it, and let the glass stand"

    def __init__(self) -> None:
        super().__init__(scene.build())
        model = self.model
        self._cabinet, self._drawer, self._glass = (model.body(name).id for name in ("cabinet", "drawer", "glass"))
        self._knob, self._glass_geom, self._glass_seen = (
            model.geom(name).id for name in ("knob", "glass", "glass_seen")
        )
        self._slide, self._sway, self._glass_qpos = (
            int(model.joint(name).qposadr[0]) for name in ("drawer", "sway", "glass")
        )
        self._slide_dof = int(model.joint("drawer").dofadr[0])
        self._usual_drawer = model.body_mass[self._drawer], model.body_inertia[self._drawer].copy()

    def lay_out(self, rng: np.random.Generator) -> None:
        """Make cabinet and glass, draw where they stand, start and goal; everything comes to rest."""
        self._make()
        self._cabinet_m = np.append(rng.uniform(CABINET_LOW_M, CABINET_HIGH_M), 0)
        self.model.body_pos[self._cabinet] = self._cabinet_m
        self._glass_m = self._cabinet_m + np.append(
            rng.uniform(GLASS_LOW_M, GLASS_HIGH_M), 2 * scene.CABINET_HALF_M[2] + self.factors.glass_half_height_m
        )
        start_m = rng.uniform(0, SHUT_M)
        self.goal_state = rng.uniform([start_m + FARTHER_THAN_M], [OPEN_M])
        self._stand(self.data, start_m)
        self.begin_at(rng.uniform(START_LOW_M, START_HIGH_M))

    def _make(self) -> None:
        """Sizes, masses, friction and colour of this layout."""
        factors, model = self.factors, self.model
        self.knob_half_m = factors.knob_half_m
        set_box(model, [self._knob], np.array([0.008, self.knob_half_m, scene.KNOB_HALF_HEIGHT_M]))
        half = np.array([*model.geom_size[self._glass_geom, :2], factors.glass_half_height_m])
        set_box(model, [self._glass_geom], half)
        model.geom_size[self._glass_seen, 1] = half[2]
        mass, inertia = self._usual_drawer
        model.body_mass[self._drawer] = factors.drawer_mass_kg
        model.body_inertia[self._drawer] = inertia * factors.drawer_mass_kg / mass
        model.body_mass[self._glass] = factors.glass_mass_kg
        model.body_inertia[self._glass] = factors.glass_mass_kg / 3 * ((half**2).sum() - half**2)
        model.dof_frictionloss[self._slide_dof] = factors.drawer_friction_n
        model.dof_damping[self._slide_dof] = factors.drawer_damping_nspm
        model.geom_friction[self._finger_geoms, 0] = factors.finger_friction
        model.geom_rgba[self._knob, :3] = colorsys.hsv_to_rgb(factors.knob_hue % 1, 0.85, 0.85)
        mujoco.mj_setConst(model, mujoco.MjData(model))  # what the solver derives from masses

    def _stand(self, data: mujoco.MjData, opening_m: float) -> None:
        data.qpos[self._slide] = opening_m
        data.qpos[self._glass_qpos : self._glass_qpos + 7] = [*self._glass_m, 1, 0, 0, 0]

    def measure(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """Positions (..., nq) -> signals.

        ``knob_*_m``: its middle. ``holds``: it is between the fingers, and they are as far apart as it is wide.
        ``reach_m``: from the fingertips to it. ``disturbance``: how far the glass leans; at 1, FALLEN_RAD, it falls.
        """
        opening = qpos[..., self._slide]
        ahead_m = scene.KNOB_AT_M + opening + qpos[..., self._sway]
        level = np.zeros_like(ahead_m)
        knob = self._cabinet_m + np.stack([ahead_m, level, level + scene.KNOB_Z_M], -1)
        grip, gap = self.fingertips(qpos), self.gap_m(qpos)
        away = knob - grip
        holds = (np.abs(away) <= HELD_REACH_M).all(-1) & (np.abs(gap - 2 * self.knob_half_m) <= HELD_GAP_M)
        turned = qpos[..., self._glass_qpos + 4 : self._glass_qpos + 6]  # x and y of its quaternion
        lean = np.arccos(np.clip(1 - 2 * (turned**2).sum(-1), -1, 1)) / FALLEN_RAD
        return {
            "opening_m": opening,
            "knob_x_m": knob[..., 0],
            "knob_y_m": knob[..., 1],
            "knob_z_m": knob[..., 2],
            "grip_x_m": grip[..., 0],
            "grip_y_m": grip[..., 1],
            "grip_z_m": grip[..., 2],
            "gap_m": gap,
            "holds": holds.astype(float),
            "reach_m": np.linalg.norm(away, axis=-1),
            "disturbance": lean,
            "fallen": lean >= 1,
            "distance_m": np.abs(opening - self.goal_state[0]),
        }

    def excess(self, measured: dict[str, np.ndarray]) -> np.ndarray:
        """The distance as far as it exceeds the tolerance, in tolerances; at the goal, a little while it is held."""
        too_far = np.maximum(measured["distance_m"] / TOLERANCE_M - 1, 0)
        return np.where(too_far > 0, too_far, HELD_EXCESS * measured["holds"])

    def seen(self) -> dict[str, float]:
        """What ``measure`` tells of now."""
        return {name: float(value) for name, value in self.measure(self.data.qpos).items()}

    def pose_goal(self, data: mujoco.MjData) -> None:
        """The drawer at the goal, the glass standing, and the open hand above the knob."""
        self._stand(data, self.goal_state[0])
        above_knob = np.array([scene.KNOB_AT_M + self.goal_state[0], 0, scene.KNOB_Z_M + HOVER_M])
        data.qpos[self._qpos] = self.posture(self._cabinet_m + above_knob)
        data.qpos[self._finger_qpos] = ARM.open

    def mark_goal(self, scene_drawn: mujoco.MjvScene) -> None:
        """A translucent front of the drawer."""
        geom, colour = scene_drawn.geoms[scene_drawn.ngeom], np.array(scene.GHOST_RGBA, np.float32)
        place = self._cabinet_m + np.array([scene.FRONT_AT_M + self.goal_state[0], 0, scene.CABINET_HALF_M[2]])
        half = np.array(scene.FRONT_HALF_M)
        mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_BOX, half, place, np.eye(3).ravel(), colour)
        scene_drawn.ngeom += 1
