"""The guard between a planner and an arm, without ROS: NumPy and the standard library alone.

    guard = Guard(GuardParameters(...))
    guard.sense(joints, q_rad, now)                           # joint_states
    verdict, told = guard.judge(command, now, controllers=1)  # `told` is what the arm is to be told now, or None
    verdict, told = guard.watch(now, controllers=1)           # every few milliseconds, whatever happens

Small enough to be read before it is trusted: ``verdict`` (what may be said), ``checks`` (one function a rule),
``trajectory`` (splines that end at rest), ``limits``, ``chain`` (where the tool is), ``guard`` (what is remembered).
``tests/house`` holds that importing it loads neither torch, mujoco nor rclpy.
"""

from rehearse.ros_nodes.guard.chain import Chain
from rehearse.ros_nodes.guard.guard import Guard, Now
from rehearse.ros_nodes.guard.limits import Limits
from rehearse.ros_nodes.guard.trajectory import Command, Reference, Trajectory
from rehearse.ros_nodes.guard.verdict import Action, Reason, Verdict

__all__ = [
    "Action",
    "Chain",
    "Command",
    "Guard",
    "Limits",
    "Now",
    "Reason",
    "Reference",
    "Trajectory",
    "Verdict",
]
