"""The simulated robot's own command: a gripper velocity as a TwistStamped, and back.

publisher.publish(to_twist(action, stamp)); action = from_twist(message)     # (4,), see sim.dog_on_jacket.env
"""

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Header

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.trajectory import listed
from rehearse.ros_nodes.messages import WORLD_FRAME
from rehearse.sim.dog_on_jacket.motion import GRIP_CLOSED
from rehearse.sim.dog_on_jacket.world import MAX_SPEED_MPS


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
        raise DataError(f"command is in frame {listed([message.header.frame_id])!r}; send it in {WORLD_FRAME!r}")
    return np.append(np.clip(speed / MAX_SPEED_MPS, -1, 1), GRIP_CLOSED)
