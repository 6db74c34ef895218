"""Between a task's actions and an arm's joints, both ways, without stepping any physics.

    motion = TASK.motion(); q_rad = motion.joint_targets(q_rad, actions)  # (n,A) gripper velocities -> (n,J)
    action = motion.action_between(q_before_rad, q_after_rad)             # what a period of that motion is as an action
    path = motion.path_m(proprio, actions)                                # (n+1,3), where the gripper would be

What a node needs to command an arm through its joints with plans that are made of gripper velocities.
"""

from collections.abc import Sequence

import numpy as np

from rehearse.sim.kinematics import ArmKinematics
from rehearse.sim.robots import Robot


class ArmMotion:
    """Of one arm with J joints, whose action (A,) is the velocity of its gripper along x, y and z, and then ``rest``.

    1 is ``max_speed_mps`` (3,); ``workspace_m`` (2,3): from where to where the gripper may be told to be; ``rest``:
    what the action holds besides, such as a grip that stays closed.
    """

    def __init__(
        self,
        arm: Robot,
        period_s: float,
        max_speed_mps: np.ndarray,
        workspace_m: np.ndarray,
        rest: Sequence[float] = (),
    ) -> None:
        self.joints, self.period_s = arm.joints, period_s
        self._speed_mps, self._step_m = max_speed_mps, max_speed_mps * period_s
        self._workspace_m, self._rest = workspace_m, rest
        self._kinematics = ArmKinematics(arm)
        self.home_rad = self._kinematics.home_rad

    def joint_targets(self, q_rad: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Joints (n,J) at the end of each of the actions (n,A), begun at q_rad (J,): as the world itself reckons."""
        target_m, targets = self._kinematics.forward(q_rad), []
        for action in actions:
            target_m = self._moved(target_m, action)
            q_rad = self._kinematics.solve(q_rad, target_m)
            targets.append(q_rad)
        return np.array(targets)

    def action_between(self, before_rad: np.ndarray, after_rad: np.ndarray) -> np.ndarray:
        """The action (A,) that moves the gripper from where it is with the one (J,) to where it is with the other."""
        moved_m = self._kinematics.forward(after_rad) - self._kinematics.forward(before_rad)
        return np.append(np.clip(moved_m / self._step_m, -1, 1), self._rest)

    def path_m(self, proprio: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Where actions (n,A) lead the gripper (n+1,3), begun where proprioception (P,) says that it was told to be.

        Proprioception begins with where the gripper is, and how far that is from where it was told to be.
        """
        path = [proprio[:3] + proprio[3:6]]
        for action in actions:
            path.append(self._moved(path[-1], action))
        return np.array(path)

    def velocity_mps(self, action: np.ndarray) -> np.ndarray:
        """Of the gripper (3,), that an action (A,) asks for."""
        return np.asarray(action)[:3] * self._speed_mps

    def action_of(self, velocity_mps: np.ndarray) -> np.ndarray:
        """The action (A,) for a velocity of the gripper (3,), clipped."""
        return np.append(np.clip(velocity_mps / self._speed_mps, -1, 1), self._rest)

    def _moved(self, place_m: np.ndarray, action: np.ndarray) -> np.ndarray:
        return np.clip(place_m + np.clip(action[:3], -1, 1) * self._step_m, *self._workspace_m)
