"""Between the planner's actions and the arm's joints, both ways, without stepping any physics.

    motion = ArmMotion(); q_rad = motion.joint_targets(q_rad, actions)      # (n,4) gripper velocities -> (n,J)
    action = motion.action_between(q_before_rad, q_after_rad)               # what 0.2 s of that motion are as an action
    path = path_m(proprio, actions)                                         # (n+1,3), where the gripper would be

What a node needs to command an arm through its joints with plans that are made of gripper velocities.
"""

import numpy as np

from rehearse.sim.arms import ARMS
from rehearse.sim.dog_on_jacket.world import PERIOD_S, STEP_M, WORKSPACE_HIGH_M, WORKSPACE_LOW_M
from rehearse.sim.kinematics import ArmKinematics
from rehearse.sim.robots import Robot

GRIP_CLOSED = 1.0


class ArmMotion:
    """Of one arm with J joints."""

    period_s = PERIOD_S

    def __init__(self, arm: Robot = ARMS["arm7"]) -> None:
        self.joints = arm.joints
        self._kinematics = ArmKinematics(arm)
        self.home_rad = self._kinematics.home_rad

    def joint_targets(self, q_rad: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Joints (n,J) at the end of each of the actions (n,4), begun at q_rad (J,): as the world itself reckons."""
        target_m, targets = self._kinematics.forward(q_rad), []
        for action in actions:
            target_m = np.clip(target_m + np.clip(action[:3], -1, 1) * STEP_M, WORKSPACE_LOW_M, WORKSPACE_HIGH_M)
            q_rad = self._kinematics.solve(q_rad, target_m)
            targets.append(q_rad)
        return np.array(targets)

    def action_between(self, before_rad: np.ndarray, after_rad: np.ndarray) -> np.ndarray:
        """The action (4,) that moves the gripper from where it is with the one (J,) to where it is with the other."""
        moved_m = self._kinematics.forward(after_rad) - self._kinematics.forward(before_rad)
        return np.append(np.clip(moved_m / STEP_M, -1, 1), GRIP_CLOSED)


def path_m(proprio: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Where actions (n,4) lead the gripper (n+1,3), begun where proprioception (P,) says that it was told to be."""
    path = [proprio[:3] + proprio[3:6]]
    for action in actions:
        path.append(np.clip(path[-1] + np.clip(action[:3], -1, 1) * STEP_M, WORKSPACE_LOW_M, WORKSPACE_HIGH_M))
    return np.array(path)
