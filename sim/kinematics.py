"""Inverse kinematics of the arm: the next joint targets that bring the gripper to a point, hand pointing down.

    ik = ArmKinematics(ROBOTS["so101"]); q_rad = ik.solve(ik.home_rad, target_m)

Damped least squares on MuJoCo's own Jacobians (Buss 2004, "Introduction to inverse kinematics"), on a model that holds
the arm alone, with a pull towards the home posture in the null space. It works on commanded positions only, never on
the simulated state, so a whole plan can be turned into joint targets before any physics is stepped.
"""

import mujoco
import numpy as np

from rehearse.sim.robots import ROBOTS, Robot

ITERATIONS, POSTURE_GAIN, DOWN_GAIN, STEP_RAD, MARGIN_RAD = 3, 0.05, 0.2, 0.35, 0.02


class ArmKinematics:
    """Forward and inverse kinematics of an arm of J joints, world frame, metres and radians."""

    def __init__(self, robot: Robot = ROBOTS["arm7"]) -> None:
        self.home_rad = np.array(robot.home_rad)
        self._down, self._damping, self._joints = robot.hand_down, robot.ik_damping_m2, len(robot.joints)
        self._model = robot.stand(mujoco.MjSpec()).compile()
        self._data = mujoco.MjData(self._model)
        self._grip = self._model.site("arm/grip").id
        self._low = np.array(robot.position_low_rad) + MARGIN_RAD
        self._high = np.array(robot.position_high_rad) - MARGIN_RAD
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
        for left in range(iterations, 0, -1):
            data.qpos[:joints] = q
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            mujoco.mj_jacSite(model, data, self._jac[0], self._jac[1], self._grip)
            # The hand's axis should point down: the rotation error is axis x down, of which z does not matter. Where
            # it does not weigh beside the place (``hand_down`` 0), it takes what freedom the place leaves.
            axis = data.site_xmat[self._grip].reshape(3, 3)[:, 2]
            tilt, turn = np.array([-axis[1], axis[0], 0.0]), self._jac[1][:, :joints]
            error = np.concatenate([target_m - data.site_xpos[self._grip], self._down * tilt])
            jac = np.concatenate([self._jac[0][:, :joints], self._down * turn])
            inverse = jac.T @ np.linalg.inv(jac @ jac.T + self._damping * np.eye(6))
            pull = POSTURE_GAIN * (self.home_rad - q)
            if not self._down:  # at last without a pull, which at a joint's limit would pull the hand off its place
                pull = (pull + DOWN_GAIN * turn.T @ tilt) * (left > iterations / 3)
            step = inverse @ error + (identity - inverse @ jac) @ pull
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
