"""What an arm's controller does with a trajectory, without ROS: a stand-in for a joint_trajectory_controller.

    controller = Controller(joints, q_rad); controller.accept(command, now_s); q_rad = controller.at(now_s)

It interpolates from the state that it has commanded so far (``interpolate_from_desired_state``), splines positions and
velocities, and holds the last point. Like the real one it takes no trajectory that ends in motion
(``allow_nonzero_velocity_at_trajectory_end: false``). It knows no limits: those are the guard's.
"""

import numpy as np

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.checks import finite
from rehearse.ros_nodes.guard.trajectory import Command, Reference, arranged, braking
from rehearse.ros_nodes.guard.verdict import PASS

AT_REST_RADPS = 1e-6


class Controller:
    """Of J joints, holding q_rad (J,) until it is told otherwise."""

    def __init__(self, joints: tuple[str, ...], q_rad: np.ndarray) -> None:
        self.joints, self._reference = joints, Reference(q_rad)

    def accept(self, command: Command, now_s: float) -> None:
        """Follow this from now on; DataError, and nothing changes, for a trajectory that no controller would take."""
        if (verdict := finite(command)) is not PASS:
            raise DataError(verdict.detail)
        if command.stamp_s:
            raise DataError("has a stamp; trajectories start when they arrive: send stamp 0")
        trajectory = arranged(command, self.joints)
        if np.abs(trajectory.qd_radps[-1]).max() > AT_REST_RADPS:
            raise DataError("does not end at rest")
        self._reference.begin(trajectory, now_s)

    def at(self, now_s: float) -> np.ndarray:
        """Where the joints (J,) are to be."""
        return self.state(now_s)[0]

    def state(self, now_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Where they are to be, and how fast, (J,) each."""
        return self._reference.at(now_s)

    def brake(self, now_s: float, acceleration_radps2: np.ndarray) -> None:
        """To rest with this deceleration (J,), straight on from where it was told to be."""
        self._reference.begin(braking(*self._reference.at(now_s), acceleration_radps2), now_s)

    def rests(self, now_s: float) -> bool:
        """Whether it has come to its end."""
        return self._reference.rests(now_s)
