"""Base of the goal worlds in which an arm's fingertips follow a point that is commanded.

class ReachWorld(ArmWorld): ...
world.fingertips(world.data.qpos)       # (3,) where they are; world.commanded_m is where they should be
"""

import mujoco
import numpy as np

from rehearse.sim.goal_world import PERIOD_S, GoalWorld
from rehearse.sim.kinematics import ArmKinematics
from rehearse.sim.live import TICK_S
from rehearse.sim.robots import Robot

MAX_SPEED_MPS = np.array([0.3, 0.3, 0.25])  # of the commanded point, along x, y and z
STEP_M = MAX_SPEED_MPS * PERIOD_S  # the longest move of one step


class ArmWorld(GoalWorld):
    """One robot, its names in the model after ``arm/``. ``command`` (J + 3,) holds the commanded joints and point."""

    def __init__(self, model: mujoco.MjModel, robot: Robot) -> None:
        super().__init__(model)
        self.robot, self.kinematics = robot, ArmKinematics(robot)
        self._joints = len(robot.joints)
        joints = [model.joint(f"arm/{name}") for name in robot.joints]
        self._qpos, self._dofs = (np.array([getattr(j, at)[0] for j in joints]) for at in ("qposadr", "dofadr"))

    @property
    def commanded_m(self) -> np.ndarray:
        """The commanded point (3,)."""
        return self.command[self._joints :]

    @property
    def q_rad(self) -> np.ndarray:
        """The commanded joints (J,)."""
        return self.command[: self._joints]

    def follow(self, q_rad: np.ndarray) -> None:
        """Advance 20 ms under joint targets (J,) that a controller outside gives, without regard to limits.

        The fingers go on with what they were told.
        """
        self.command = np.concatenate([q_rad, self.kinematics.forward(q_rad)])
        self.data.ctrl[: self._joints] = q_rad
        mujoco.mj_step(self.model, self.data, nstep=round(TICK_S / self.model.opt.timestep))
        mujoco.mj_kinematics(self.model, self.data)  # mj_step leaves positions of bodies one substep behind

    def arm_state(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (J,) of the joints, rad and rad/s."""
        return self.data.qpos[self._qpos].copy(), self.data.qvel[self._dofs].copy()

    def posture(self, place_m: np.ndarray) -> np.ndarray:
        """Joint angles (J,) with the fingertips at ``place_m`` (3,)."""
        return self.kinematics.solve(self.kinematics.home_rad, place_m, iterations=80)

    def fingertips(self, qpos: np.ndarray) -> np.ndarray:
        """Where the point between the fingertips is (..., 3) for positions (..., nq)."""
        joints = qpos[..., self._qpos].reshape(-1, self._joints)
        return np.array([self.kinematics.forward(q_rad) for q_rad in joints]).reshape(*qpos.shape[:-1], 3)
