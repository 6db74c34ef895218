"""What ROS messages say, as arrays. Asks only for their fields, so messages out of a bag will do; needs no ROS.

pixels = from_image(message)                            # (h,w,3) uint8
command = from_joint_trajectory(message)
"""

from typing import Any

import numpy as np

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.trajectory import MOST_JOINTS, MOST_POINTS, Command, listed

MOST_PIXELS = 4096 * 4096


def from_image(message: Any) -> np.ndarray:
    """rgb8 -> (h,w,3) uint8, a copy; DataError for any other encoding, a wrong length, or too large a picture."""
    height, width, step = message.height, message.width, message.step
    if len(message.data) > 4 * MOST_PIXELS:
        raise DataError(f"image is {height} x {width}, {len(message.data)} bytes; at most {MOST_PIXELS} pixels")
    if message.encoding != "rgb8" or step < 3 * width or len(message.data) != height * step:
        raise DataError(
            f"image is {height} x {width} {listed([message.encoding])!r}, step {step}, {len(message.data)} bytes; "
            "expected rgb8 with height x step bytes"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)
    return rows[:, : 3 * width].reshape(height, width, 3).copy()


def from_joint_trajectory(message: Any) -> Command:
    """What the message says, unchecked; points without a number for every joint leave an array of no columns.

    Of more points or joints than there may be, one too many is read: that is enough to refuse it by.
    """
    points, names = message.points[: MOST_POINTS + 1], message.joint_names[: MOST_JOINTS + 1]
    whole = lambda rows: all(len(row) == len(names) for row in rows)  # noqa: E731
    table = lambda rows: np.array(rows, float) if rows and whole(rows) else np.zeros((len(rows), 0))  # noqa: E731
    return Command(
        joints=tuple(names),
        times_s=np.array([p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in points]),
        q_rad=table([p.positions for p in points]),
        qd_radps=table([p.velocities for p in points]),
        stamp_s=seconds(message.header.stamp),
    )


def seconds(stamp: Any) -> float:
    """Time -> seconds."""
    return stamp.sec + 1e-9 * stamp.nanosec
