"""The action ~/follow_joint_trajectory (control_msgs/FollowJointTrajectory) of a node that leads an arm.

    follow = follow_action(node, joints, accept, brake)      # None where control_msgs is not installed
    follow.step(now_s, desired, actual)                      # every period, on the executor's thread

One goal at a time: a newer one, a trajectory on the topic or a reset ends the one before, which is then aborted. A goal
that is cancelled or leaves its tolerances is braked. All rules are in rehearse.ros_nodes.follow.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.action import ActionServer, CancelResponse
from rclpy.node import Node
from rclpy.task import Future
from trajectory_msgs.msg import JointTrajectoryPoint

from rehearse.errors import DataError
from rehearse.ros_nodes.follow import Code, Ended, Goal, State, Tolerance, Way, refusal
from rehearse.ros_nodes.guard.trajectory import MOST_JOINTS, Command
from rehearse.ros_nodes.reading import from_joint_trajectory

FEEDBACK_S = 0.05


class FollowAction:
    """The server. ``accept`` begins a command or raises DataError, ``brake`` brings the arm to rest, at now_s."""

    def __init__(
        self,
        node: Node,
        kind: Any,
        joints: tuple[str, ...],
        accept: Callable[[Command, float], None],
        brake: Callable[[float], None],
    ) -> None:
        self._node, self._kind, self._joints = node, kind, joints
        self._accept, self._brake = accept, brake
        self._now_s = 0.0
        self._handle: Any = None  # of the goal that is on its way
        self._way: Way | None = None
        self._over: Future | None = None
        self._told_s = -np.inf
        self._server = ActionServer(
            node,
            kind,
            "~/follow_joint_trajectory",
            execute_callback=self._execute,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    def step(self, now_s: float, desired: State, actual: State) -> None:
        """A period is over: positions and velocities (J,), as told and as felt."""
        self._now_s = now_s
        if self._way is None:
            return
        if self._handle.is_cancel_requested:
            self._end(Ended(Code.INVALID_GOAL, "cancelled"), brake=True)
            return
        if (ended := self._way.ended(now_s, desired, actual)) is not None:
            self._end(ended, brake=ended.code is not Code.SUCCESSFUL)
        elif now_s - self._told_s >= FEEDBACK_S:
            self._told_s = now_s
            self._handle.publish_feedback(self._feedback(desired, actual))

    def override(self, by: str) -> None:
        """Somebody else leads the arm now."""
        if self._way is not None:
            self._end(Ended(Code.INVALID_GOAL, f"overridden by {by}"), brake=False)

    async def _execute(self, handle: Any) -> Any:
        """Until `step` says that it is over."""
        goal = _read(handle.request)
        ended = refusal(goal, self._joints, self._now_s)
        if ended is None:
            try:
                self._accept(goal.command, self._now_s)
            except DataError as error:
                ended = Ended(Code.INVALID_GOAL, f"it {error}")
        if ended is None:
            self.override("another goal")
            self._handle, self._way = handle, Way(goal, self._joints, self._now_s)
            self._over, self._told_s = Future(executor=self._node.executor), -np.inf
            ended = await self._over
        if ended.code is Code.SUCCESSFUL:
            handle.succeed()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
            self._node.get_logger().error(f"follow_joint_trajectory: {ended.code.name}: {ended.said}")
        return self._kind.Result(error_code=int(ended.code), error_string=ended.said)

    def _end(self, ended: Ended, brake: bool) -> None:
        over, self._way, self._over = self._over, None, None
        if brake:
            self._brake(self._now_s)
        over.set_result(ended)

    def _feedback(self, desired: State, actual: State) -> Any:
        feedback = self._kind.Feedback(joint_names=list(self._joints))
        feedback.header.stamp = self._node.get_clock().now().to_msg()
        error = desired[0] - actual[0], desired[1] - actual[1]
        feedback.desired, feedback.actual, feedback.error = (_point(state) for state in (desired, actual, error))
        return feedback


def follow_action(
    node: Node, joints: tuple[str, ...], accept: Callable[[Command, float], None], brake: Callable[[float], None]
) -> FollowAction | None:
    """The server, or None where control_msgs is not installed: it is no part of the ROS that pip brings."""
    try:
        from control_msgs.action import FollowJointTrajectory
    except ImportError:
        node.get_logger().info("no action follow_joint_trajectory: control_msgs is not installed")
        return None
    return FollowAction(node, FollowJointTrajectory, joints, accept, brake)


def _read(request: Any) -> Goal:
    read = lambda given: tuple(Tolerance(t.name, t.position, t.velocity) for t in given[: MOST_JOINTS + 1])  # noqa: E731
    wait = request.goal_time_tolerance
    return Goal(
        from_joint_trajectory(request.trajectory),
        read(request.path_tolerance),
        read(request.goal_tolerance),
        wait.sec + 1e-9 * wait.nanosec,
    )


def _point(state: State) -> JointTrajectoryPoint:
    return JointTrajectoryPoint(positions=state[0].tolist(), velocities=state[1].tolist())
