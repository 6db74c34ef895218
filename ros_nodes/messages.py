"""Arrays to standard ROS messages, each conversion once; the way back is reading.py.

    publisher.publish(to_image(pixels, stamp))                             # (h,w,3) uint8
    publisher.publish(to_joint_trajectory(joints, trajectory))

Scalar fields of rclpy messages take garbage from anything but a plain float or int, hence float() and int()
everywhere; Image.data takes 100 ms from anything but an array.array. The guard imports this: no simulator, no torch.
What comes in may be anything: of a list that is too long, no more is read than tells that it is.
"""

import array
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from rehearse.ros_nodes.guard.trajectory import Trajectory

WORLD_FRAME = "world"


def camera_frame(camera: str) -> str:
    """Of the camera of that name."""
    return f"{camera}_camera_optical_frame"


CAMERA_FRAME = camera_frame("front")


def to_image(pixels: np.ndarray, stamp: Time, frame: str = CAMERA_FRAME) -> Image:
    """(h,w,3) uint8 -> rgb8."""
    height, width, _ = pixels.shape
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(pixels))
    return Image(
        header=Header(stamp=stamp, frame_id=frame),
        height=int(height),
        width=int(width),
        encoding="rgb8",
        step=3 * int(width),
        data=data,
    )


def to_named(names: Sequence[str], values: Sequence[float], stamp: Time, rates: Sequence[float] = ()) -> JointState:
    """Named numbers with a stamp: the joints, or whatever else the robot feels."""
    numbers, speeds = [float(x) for x in values], [float(x) for x in rates]
    return JointState(
        header=Header(stamp=stamp, frame_id=WORLD_FRAME), name=list(names), position=numbers, velocity=speeds
    )


def to_camera_info(size: tuple[int, int], focal_px: float, stamp: Time, frame: str = CAMERA_FRAME) -> CameraInfo:
    """A camera without distortion, its axis through the middle of height x width pixels."""
    height, width = size
    fx, cx, cy = float(focal_px), (width - 1) / 2, (height - 1) / 2
    return CameraInfo(
        header=Header(stamp=stamp, frame_id=frame),
        height=int(height),
        width=int(width),
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fx, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fx, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def focal_px(fovy_deg: float, height_px: int) -> float:
    """Focal length of a camera that sees ``fovy_deg`` from top to bottom; 0, which means "not calibrated", for 0."""
    return height_px / 2 / math.tan(math.radians(fovy_deg) / 2) if fovy_deg else 0.0


def squared(pixels: np.ndarray, size_px: int) -> np.ndarray:
    """The middle square of (h,w,3) uint8, scaled to (size_px,size_px,3); the same pixels for size 0."""
    if not size_px:
        return pixels
    from PIL import Image as Picture  # not for the guard, which imports this file

    height, width, _ = pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Picture.fromarray(np.ascontiguousarray(pixels[top : top + side, left : left + side]))
    return np.asarray(square.resize((size_px, size_px), Picture.Resampling.BOX))


def to_joint_trajectory(joints: Sequence[str], trajectory: Trajectory, with_start: bool = False) -> JointTrajectory:
    """For a joint_trajectory_controller: positions and velocities, stamp 0, which means "start now".

    The state that it starts from is left out, for the controller knows better where it is; ``with_start`` keeps it,
    so that a guard can see what the plan was made for. A trajectory of one point means "stay there".
    """
    first = 0 if with_start or len(trajectory.times_s) == 1 else 1
    rows = zip(trajectory.times_s[first:], trajectory.q_rad[first:], trajectory.qd_radps[first:], strict=True)
    points = [
        JointTrajectoryPoint(positions=q.tolist(), velocities=qd.tolist(), time_from_start=to_duration(time_s))
        for time_s, q, qd in rows
    ]
    return JointTrajectory(joint_names=list(joints), points=points)


def to_duration(time_s: float) -> Duration:
    """Seconds -> Duration."""
    nanoseconds = round(1e9 * float(time_s))
    return Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def to_time(time_s: float) -> Time:
    """Seconds -> Time."""
    nanoseconds = round(1e9 * float(time_s))
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def to_status(name: str, level: bytes, message: str, values: Mapping[str, Any]) -> DiagnosticStatus:
    """One component's state; booleans are written true and false."""
    text = lambda value: str(value).lower() if isinstance(value, bool) else str(value)  # noqa: E731
    pairs = [KeyValue(key=key, value=text(value)) for key, value in values.items()]
    return DiagnosticStatus(name=name, hardware_id="rehearse", level=level, message=message, values=pairs)


def to_diagnostics(name: str, level: bytes, message: str, values: Mapping[str, Any], stamp: Time) -> DiagnosticArray:
    """One component's state as diagnostics."""
    return DiagnosticArray(header=Header(stamp=stamp), status=[to_status(name, level, message, values)])
