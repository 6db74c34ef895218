"""Arrays to standard ROS messages and back, each conversion once.

    publisher.publish(to_image(pixels, stamp)); pixels = from_image(message)     # (h,w,3) uint8
    publisher.publish(to_twist(action, stamp)); action = from_twist(message)     # (4,) in [-1, 1], see sim.env

Scalar fields of rclpy messages take garbage from anything but a plain float or int, hence float() and int()
everywhere; Image.data takes 100 ms from anything but an array.array.
"""

import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from rehearse.errors import DataError
from rehearse.sim.dog_on_jacket.world import MAX_SPEED_MPS

WORLD_FRAME, CAMERA_FRAME = "world", "front_camera_optical_frame"
GRIP_CLOSED = 1.0


def to_image(pixels: np.ndarray, stamp: Time) -> Image:
    """(h,w,3) uint8 -> rgb8."""
    height, width, _ = pixels.shape
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(pixels))
    return Image(
        header=Header(stamp=stamp, frame_id=CAMERA_FRAME),
        height=int(height),
        width=int(width),
        encoding="rgb8",
        step=3 * int(width),
        data=data,
    )


def from_image(message: Image) -> np.ndarray:
    """rgb8 -> (h,w,3) uint8, a copy; DataError for any other encoding or a wrong length."""
    height, width, step = message.height, message.width, message.step
    if message.encoding != "rgb8" or step < 3 * width or len(message.data) != height * step:
        raise DataError(
            f"image is {height} x {width} {message.encoding!r}, step {step}, {len(message.data)} bytes; "
            "expected rgb8 with height x step bytes"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)
    return rows[:, : 3 * width].reshape(height, width, 3).copy()


def to_named(names: Sequence[str], values: Sequence[float], stamp: Time, rates: Sequence[float] = ()) -> JointState:
    """Named numbers with a stamp: the joints, or whatever else the robot feels."""
    numbers, speeds = [float(x) for x in values], [float(x) for x in rates]
    return JointState(
        header=Header(stamp=stamp, frame_id=WORLD_FRAME), name=list(names), position=numbers, velocity=speeds
    )


def to_twist(action: np.ndarray, stamp: Time) -> TwistStamped:
    """Action (4,) -> the gripper's velocity, m/s in the world frame. The grip is not sent: the hand stays closed."""
    message = TwistStamped(header=Header(stamp=stamp, frame_id=WORLD_FRAME))
    speed = np.asarray(action)[:3] * MAX_SPEED_MPS
    message.twist.linear.x, message.twist.linear.y, message.twist.linear.z = (float(x) for x in speed)
    return message


def from_twist(message: TwistStamped) -> np.ndarray:
    """The gripper's velocity -> action (4,), clipped, hand closed; DataError if not finite or of another frame."""
    linear = message.twist.linear
    speed = np.array([linear.x, linear.y, linear.z])
    if not np.isfinite(speed).all():
        raise DataError(f"command {speed.tolist()} m/s is not finite")
    if message.header.frame_id not in ("", WORLD_FRAME):
        raise DataError(f"command is in frame {message.header.frame_id!r}; send it in {WORLD_FRAME!r}")
    return np.append(np.clip(speed / MAX_SPEED_MPS, -1, 1), GRIP_CLOSED)


def to_diagnostics(name: str, level: bytes, message: str, values: Mapping[str, Any], stamp: Time) -> DiagnosticArray:
    """One component's state as diagnostics; booleans are written true and false."""
    text = lambda value: str(value).lower() if isinstance(value, bool) else str(value)  # noqa: E731
    pairs = [KeyValue(key=key, value=text(value)) for key, value in values.items()]
    state = DiagnosticStatus(name=name, hardware_id="rehearse", level=level, message=message, values=pairs)
    return DiagnosticArray(header=Header(stamp=stamp), status=[state])
