"""Inverse kinematics of the arm: the next joint targets that bring the gripper to a point, hand pointing down.

    ik = ArmKinematics(); q_rad = ik.solve(ik.home_rad, target_m)

Damped least squares on MuJoCo's own Jacobians (Buss 2004, "Introduction to inverse kinematics"), on a model that holds
the arm alone, with a pull towards the home posture in the null space. It works on commanded positions only, never on
the simulated state, so a whole plan can be turned into joint targets before any physics is stepped.
"""

import mujoco
import numpy as np

from rehearse.sim.arms import ARMS, ASSETS, Arm

ITERATIONS, DAMPING, TILT_WEIGHT, POSTURE_GAIN, STEP_RAD = 3, 2e-3, 0.25, 0.05, 0.35


class ArmKinematics:
    """Forward and inverse kinematics of an arm of J joints, world frame, metres and radians."""

    def __init__(self, arm: Arm = ARMS["arm7"]) -> None:
        spec = mujoco.MjSpec.from_file(str(ASSETS / arm.asset))
        spec.body("base").pos = list(arm.base_m)
        self.home_rad = np.array(arm.home_rad)
        self._joints = len(arm.joints)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._grip = self._model.site("grip").id
        self._low, self._high = self._model.jnt_range[: self._joints].T + np.array([[0.02], [-0.02]])
        self._jac = np.zeros((2, 3, self._model.nv))

    def forward(self, q_rad: np.ndarray) -> np.ndarray:
        """Gripper position (3,) for joint angles (J,)."""
        self._data.qpos[: self._joints] = q_rad
        mujoco.mj_kinematics(self._model, self._data)
        return self._data.site_xpos[self._grip].copy()

    def solve(self, q_rad: np.ndarray, target_m: np.ndarray, iterations: int = ITERATIONS) -> np.ndarray:
        """Joint angles (J,) near ``q_rad`` whose gripper is at ``target_m`` (3,), or as near as the limits allow."""
        model, data, joints = self._model, self._data, self._joints
        q = np.array(q_rad, dtype=float)
        identity = np.eye(joints)
        for _ in range(iterations):
            data.qpos[:joints] = q
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            mujoco.mj_jacSite(model, data, self._jac[0], self._jac[1], self._grip)
            # The hand's axis should point down: the rotation error is axis x down, of which z does not matter.
            axis = data.site_xmat[self._grip].reshape(3, 3)[:, 2]
            error = np.concatenate(
                [target_m - data.site_xpos[self._grip], TILT_WEIGHT * np.array([-axis[1], axis[0], 0.0])]
            )
            jac = np.concatenate([self._jac[0][:, :joints], TILT_WEIGHT * self._jac[1][:, :joints]])
            inverse = jac.T @ np.linalg.inv(jac @ jac.T + DAMPING * np.eye(6))
            step = inverse @ error + (identity - inverse @ jac) @ (POSTURE_GAIN * (self.home_rad - q))
            q = self.within_limits(q + np.clip(step, -STEP_RAD, STEP_RAD))
        return q

    def within_limits(self, q_rad: np.ndarray) -> np.ndarray:
        """``q_rad`` (J,) clipped to the joint limits, less a margin of 0.02 rad."""
        return np.clip(q_rad, self._low, self._high)

    def turned(self, q_rad: np.ndarray, yaw_rad: float) -> np.ndarray:
        """The same posture (J,) with the hand turned about its own axis, until its x axis points along ``yaw_rad``.

        For an arm whose last joint turns the hand about that axis; where the fingertips are does not change.
        """
        self.forward(q_rad)
        x_axis = self._data.site_xmat[self._grip].reshape(3, 3)[:, 0]
        # The hand points down: its joint turns it the other way round.
        turn = np.arctan2(x_axis[1], x_axis[0]) - yaw_rad
        turned = np.array(q_rad, dtype=float)
        turned[-1] += (turn + np.pi) % (2 * np.pi) - np.pi
        return self.within_limits(turned)
