"""Base of the goal worlds in which an arm takes hold of things with its two fingers, by friction.

    class PickPlaceWorld(GripWorld): ...
    world.step(np.array([0.0, 0.0, -1.0, 1.0]))      # down, and close the hand

The action (4,) is the velocity of the gripper's commanded point along x, y and z, 1 = MAX_SPEED_MPS, and the grip,
above 0 to close, as in dog-on-jacket. Inverse kinematics turns it into joint targets, the hand pointing down and its
fingers closing along the world's y axis. The fingers are two position servos with a limited force: what they close on
is held by nothing but friction, and can slip, or be let go.
"""

import mujoco
import numpy as np

from rehearse.sim.arm_world import STEP_M, ArmWorld
from rehearse.sim.arms import ARMS
from rehearse.sim.robots import ASSETS

ARM = ARMS["arm7"]
HAND_YAW_RAD = np.pi / 2
FINGER_GAIN, FINGER_FORCE_N = 1000.0, 8.0
FINGER_CLOSED_GAP_M = 0.01  # between the fingers' faces when both stand at 0
WIDEST_GAP_M = FINGER_CLOSED_GAP_M + 2 * ARM.open
SETTLE_SUBSTEPS = 60

Place = tuple[float, float, float]


class GripWorld(ArmWorld):
    """One arm among things.

    workspace_low_m, workspace_high_m: where the commanded point may be.
    """

    action_names = ("velocity_x", "velocity_y", "velocity_z", "grip")
    hold = (0.0, 0.0, 0.0, 1.0)  # keep still and keep hold
    workspace_low_m: Place
    workspace_high_m: Place

    def __init__(self, spec: mujoco.MjSpec) -> None:
        """``spec`` is the scene without an arm."""
        child = mujoco.MjSpec.from_file(str(ASSETS / ARM.asset))
        spec.attach(child, frame=spec.worldbody.add_frame(pos=list(ARM.base_m)), prefix="arm/")
        super().__init__(spec.compile(), ARM)
        model = self.model
        fingers = [model.joint(f"arm/finger_{side}") for side in ("left", "right")]
        self._finger_qpos = np.array([joint.qposadr[0] for joint in fingers])
        self._finger_geoms = [i for i in range(model.ngeom) if "finger" in model.body(int(model.geom_bodyid[i])).name]
        # Stiffer than in the scene that the arm comes from, where it holds a tab by a joint: here it holds by force.
        servos = slice(self._joints, model.nu)
        model.actuator_gainprm[servos, 0], model.actuator_biasprm[servos, 1] = FINGER_GAIN, -FINGER_GAIN
        model.actuator_biasprm[servos, 2] = -20.0
        model.actuator_forcelimited[servos], model.actuator_forcerange[servos] = 1, [-FINGER_FORCE_N, FINGER_FORCE_N]
        # The fingers' friction is what counts where they touch, whatever the thing is like.
        model.geom_priority[self._finger_geoms], model.geom_condim[self._finger_geoms] = 1, 4

    def begin_at(self, place_m: np.ndarray) -> None:
        """Bring the arm to where it starts, open, and let everything come to rest."""
        q_rad = self.posture(place_m)
        self.command = np.concatenate([q_rad, place_m])
        self.data.qpos[self._qpos], self.data.qpos[self._finger_qpos] = q_rad, ARM.open
        self.data.ctrl[:] = np.append(q_rad, np.full(self.model.nu - self._joints, ARM.open))
        mujoco.mj_step(self.model, self.data, nstep=SETTLE_SUBSTEPS)

    def posture(self, place_m: np.ndarray) -> np.ndarray:
        """Joint angles (J,) with the fingertips at ``place_m`` (3,), closing along y."""
        return self.kinematics.turned(super().posture(place_m), HAND_YAW_RAD)

    def controls(self, actions: np.ndarray, command: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions (H, 4) -> joint targets (H * substeps, nu), moving evenly within each step."""
        q_rad, target_m = command[: self._joints], command[self._joints :]
        share = np.linspace(0, 1, self.substeps + 1)[1:, None]
        rows = []
        for action in actions:
            target_m = np.clip(target_m + action[:3] * STEP_M, self.workspace_low_m, self.workspace_high_m)
            q_next = self.kinematics.turned(self.kinematics.solve(q_rad, target_m), HAND_YAW_RAD)
            fingers = np.full((self.substeps, 2), ARM.closed if action[3] > 0 else ARM.open)
            rows.append(np.concatenate([q_rad + (q_next - q_rad) * share, fingers], axis=1))
            q_rad = q_next
        return np.concatenate(rows), np.concatenate([q_rad, target_m])

    def gap_m(self, qpos: np.ndarray) -> np.ndarray:
        """How far apart (...,) the fingers' faces are."""
        return FINGER_CLOSED_GAP_M + qpos[..., self._finger_qpos].sum(-1)

    def proprioception(self) -> np.ndarray:
        """(7,) where the fingertips are, how far behind the commanded point, and the gap between them (1 is widest)."""
        grip = self.fingertips(self.data.qpos)
        opening = self.gap_m(self.data.qpos) / WIDEST_GAP_M
        return np.concatenate([grip, self.commanded_m - grip, [opening]]).astype(np.float32)


PROPRIO = ("grip_x", "grip_y", "grip_z", "lag_x", "lag_y", "lag_z", "opening")


def set_box(model: mujoco.MjModel, geoms: list[int], half_m: np.ndarray) -> None:
    """Make boxes so large: half sizes (3,) or (n, 3); what collision looks at first is told, too."""
    model.geom_size[geoms] = half_m
    model.geom_aabb[geoms, 3:] = half_m
    model.geom_rbound[geoms] = np.linalg.norm(model.geom_size[geoms], axis=-1)
