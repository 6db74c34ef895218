"""Base of the goal worlds in which an arm's fingertips follow a point that is commanded.

class ReachWorld(ArmWorld): ...
world.fingertips(world.data.qpos)       # (3,) where they are; world.commanded_m is where they should be
"""

import mujoco
import numpy as np

from rehearse.sim.goal_world import PERIOD_S, GoalWorld
from rehearse.sim.kinematics import ArmKinematics
from rehearse.sim.robots import Robot

MAX_SPEED_MPS = np.array([0.3, 0.3, 0.25])  # of the commanded point, along x, y and z
STEP_M = MAX_SPEED_MPS * PERIOD_S  # the longest move of one step


class ArmWorld(GoalWorld):
    """One robot, its names in the model after ``arm/``. ``command`` (J + 3,) holds the commanded joints and point."""

    def __init__(self, model: mujoco.MjModel, robot: Robot) -> None:
        super().__init__(model)
        self.robot, self.kinematics = robot, ArmKinematics(robot)
        self._joints = len(robot.joints)
        self._qpos = np.array([model.joint(f"arm/{name}").qposadr[0] for name in robot.joints])

    @property
    def commanded_m(self) -> np.ndarray:
        """The commanded point (3,)."""
        return self.command[self._joints :]

    def posture(self, place_m: np.ndarray) -> np.ndarray:
        """Joint angles (J,) with the fingertips at ``place_m`` (3,)."""
        return self.kinematics.solve(self.kinematics.home_rad, place_m, iterations=80)

    def fingertips(self, qpos: np.ndarray) -> np.ndarray:
        """Where the point between the fingertips is (..., 3) for positions (..., nq)."""
        joints = qpos[..., self._qpos].reshape(-1, self._joints)
        return np.array([self.kinematics.forward(q_rad) for q_rad in joints]).reshape(*qpos.shape[:-1], 3)
