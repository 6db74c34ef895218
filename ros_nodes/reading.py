"""What ROS messages say, as arrays. Asks only for their fields, so messages out of a bag will do; needs no ROS.

pixels = from_image(message)                            # (h,w,3) uint8
command = from_joint_trajectory(message)
"""

from typing import Any

import numpy as np

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.trajectory import Command


def from_image(message: Any) -> np.ndarray:
    """rgb8 -> (h,w,3) uint8, a copy; DataError for any other encoding or a wrong length."""
    height, width, step = message.height, message.width, message.step
    if message.encoding != "rgb8" or step < 3 * width or len(message.data) != height * step:
        raise DataError(
            f"image is {height} x {width} {message.encoding!r}, step {step}, {len(message.data)} bytes; "
            "expected rgb8 with height x step bytes"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)
    return rows[:, : 3 * width].reshape(height, width, 3).copy()


def from_joint_trajectory(message: Any) -> Command:
    """What the message says, unchecked; points that lack positions or velocities leave an array of no columns."""
    points = message.points
    table = lambda rows: (  # noqa: E731
        np.array(rows, float) if len({len(row) for row in rows}) == 1 else np.zeros((len(rows), 0))
    )
    return Command(
        joints=tuple(message.joint_names),
        times_s=np.array([p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in points]),
        q_rad=table([p.positions for p in points]),
        qd_radps=table([p.velocities for p in points]),
        stamp_s=seconds(message.header.stamp),
    )


def seconds(stamp: Any) -> float:
    """Time -> seconds."""
    return stamp.sec + 1e-9 * stamp.nanosec
