"""The reaching world: physics of one episode, without rendering and without Gymnasium.

    world = ReachWorld(); world.reset(np.random.default_rng(0)); world.step(np.array([1.0, 0.0, 0.0]))

The action (3,) is the velocity of the gripper's commanded point along x, y and z, 1 = MAX_SPEED_MPS; inverse kinematics
turns it into joint targets, the hand pointing down as far as it can. Success: the fingertips within 2 cm of the ball's
middle.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from rehearse.sim.arm_world import STEP_M, ArmWorld
from rehearse.sim.reach import scene
from rehearse.sim.robots import Robot
from rehearse.sim.variation import Look, between

TOLERANCE_M, FARTHER_THAN_M = 0.02, 0.12  # of success, and of every start
SETTLE_SUBSTEPS = 40


@dataclass(frozen=True)
class ReachFactors(Look):
    """What varies between layouts besides start and goal. Damping is a share of the arm's own."""

    # For the usual robot; a small one reaches for a small ball.
    ball_radius_m: float = between(0.028, 0.036, "size", (0.015, 0.06))
    joint_damping: float = between(0.6, 1.6, "friction", (0.2, 5.0))
    payload_kg: float = between(0.0, 0.4, "mass", (0.0, 2.0))  # in the hand


class ReachWorld(ArmWorld):
    """One robot and one ball.

    Starts: fingertips and ball are uniform in the robot's workspace, at least FARTHER_THAN_M apart; 0.28 m in the
    median (0.16 to 0.44 m for 80 %) for the usual one.
    """

    action_names = ("velocity_x", "velocity_y", "velocity_z")
    hold = (0.0, 0.0, 0.0)
    signals = ("grip_x_m", "grip_y_m", "grip_z_m", "distance_m")  # the ball can be seen, so the distance can be learnt
    proprio = ("grip_x", "grip_y", "grip_z", "lag_x", "lag_y", "lag_z")
    goal = ("grip_x", "grip_y", "grip_z")
    goal_signals = signals[:3]
    factors_kind = ReachFactors
    instruction = "bring the fingertips to the ball"

    def __init__(self, robot: Robot = scene.USUAL) -> None:
        super().__init__(scene.build(robot).compile(), robot)
        model = self.model
        self.workspace_m = np.array([robot.workspace_low_m, robot.workspace_high_m])
        self._ball = scene.scale(robot)
        self._closed = np.full(model.nu - self._joints, robot.closed)
        self._hand = model.body(f"arm/{robot.hand}").id
        self._nominal = model.dof_damping.copy(), model.body_mass.copy()

    def lay_out(self, rng: np.random.Generator) -> None:
        """Stand the ball, and bring the arm to where it starts."""
        factors, model, data = self.factors, self.model, self.data
        damping, mass = self._nominal
        model.dof_damping[self._dofs] = damping[self._dofs] * factors.joint_damping
        model.body_mass[self._hand] = mass[self._hand] + factors.payload_kg
        mujoco.mj_setConst(model, mujoco.MjData(model))  # what the solver derives from masses
        while True:
            start, self.goal_state = rng.uniform(*self.workspace_m, (2, 3))
            if np.linalg.norm(start - self.goal_state) >= FARTHER_THAN_M:
                break
        scene.stand_ball(model, self.goal_state, factors.ball_radius_m * self._ball)
        self.command = np.concatenate([self.posture(start), start])
        data.qpos[self._qpos] = self.command[: self._joints]
        data.ctrl[:] = np.concatenate([self.command[: self._joints], self._closed])
        mujoco.mj_step(model, data, nstep=SETTLE_SUBSTEPS)

    def controls(self, actions: np.ndarray, command: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions (H, 3) -> joint targets (H * substeps, nu), moving evenly within each step."""
        q_rad, target_m = command[: self._joints], command[self._joints :]
        share = np.linspace(0, 1, self.substeps + 1)[1:, None]
        fingers = np.broadcast_to(self._closed, (self.substeps, len(self._closed)))
        rows = []
        for action in actions:
            target_m = np.clip(target_m + action * STEP_M, *self.workspace_m)
            q_next = self.kinematics.solve(q_rad, target_m)
            rows.append(np.concatenate([q_rad + (q_next - q_rad) * share, fingers], axis=1))
            q_rad = q_next
        return np.concatenate(rows), np.concatenate([q_rad, target_m])

    def measure(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """Positions (..., nq) -> signals."""
        grip = self.fingertips(qpos)
        return {
            "grip_x_m": grip[..., 0],
            "grip_y_m": grip[..., 1],
            "grip_z_m": grip[..., 2],
            "distance_m": np.linalg.norm(grip - self.goal_state, axis=-1),
        }

    def excess(self, measured: dict[str, np.ndarray]) -> np.ndarray:
        """The distance as far as it exceeds the tolerance, in tolerances."""
        return np.maximum(measured["distance_m"] / TOLERANCE_M - 1, 0)

    def proprioception(self) -> np.ndarray:
        """(6,) where the fingertips are, and how far behind the commanded point."""
        grip = self.fingertips(self.data.qpos)
        return np.concatenate([grip, self.commanded_m - grip]).astype(np.float32)

    def pose_goal(self, data: mujoco.MjData) -> None:
        """The arm with its fingertips at the ball."""
        data.qpos[self._qpos] = self.posture(self.goal_state)

    def mark_goal(self, scene_drawn: mujoco.MjvScene) -> None:
        """The ball stands there already."""
