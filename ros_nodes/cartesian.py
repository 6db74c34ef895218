"""The simulated robot's own command: a gripper velocity as a TwistStamped, and back.

motion = TASK.motion(); publisher.publish(to_twist(action, stamp, motion)); action = from_twist(message, motion)  # (A,)
"""

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Header

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.trajectory import listed
from rehearse.ros_nodes.messages import WORLD_FRAME
from rehearse.sim.arm_motion import ArmMotion


def to_twist(action: np.ndarray, stamp: Time, motion: ArmMotion) -> TwistStamped:
    """Action (A,) -> the gripper's velocity, m/s in the world frame. The grip is not sent: the hand stays closed."""
    message = TwistStamped(header=Header(stamp=stamp, frame_id=WORLD_FRAME))
    linear = message.twist.linear
    linear.x, linear.y, linear.z = (float(x) for x in motion.velocity_mps(action))
    return message


def from_twist(message: TwistStamped, motion: ArmMotion) -> np.ndarray:
    """The gripper's velocity -> action (A,), clipped, hand closed; DataError if not finite or of another frame."""
    linear = message.twist.linear
    speed = np.array([linear.x, linear.y, linear.z])
    if not np.isfinite(speed).all():
        raise DataError(f"command {speed.tolist()} m/s is not finite")
    if message.header.frame_id not in ("", WORLD_FRAME):
        raise DataError(f"command is in frame {listed([message.header.frame_id])!r}; send it in {WORLD_FRAME!r}")
    return motion.action_of(speed)
