"""The planner as a node: camera frames and proprioception in, the gripper's velocity out.

    ros2 run rehearse planner_node --ros-args -p checkpoint:=runs/dog-on-jacket -p futures:=512

In: camera/image_raw (rgb8), proprio; an observation is a pair with equal stamps. Out: cartesian_command (TwistStamped,
m/s, world frame), stamped with the observation that it answers; ~/status (diagnostics). Services ~/start, ~/stop.

~/start begins an episode and forgets the last one; ~/stop sends a zero velocity and is silent from then on. Imagining
happens in a thread of its own; this node's callbacks return at once. An error holds the arm, stops the planner and
stands in ~/status.
"""

from collections import deque
from functools import partial

import numpy as np
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger

from rehearse.errors import DataError
from rehearse.ros_nodes import messages
from rehearse.ros_nodes.parameters import PlannerParameters, declare
from rehearse.ros_nodes.planning import Decision, Observed, PlanningThread
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings
from rehearse.world_model import load, shipped_checkpoint

HOLD = np.array(TASK.hold)


class PlannerNode(Node):
    """All ROS on the executor's thread; the planning thread rings a guard condition when it has decided."""

    def __init__(self) -> None:
        super().__init__("planner")
        settings = declare(self, PlannerParameters)
        torch.set_num_threads(1)
        model = load(settings.checkpoint or shipped_checkpoint(TASK.checkpoint))
        agent = PlannerAgent(TASK, model, PlannerSettings(settings.futures, fear=settings.fear))
        self._episode, self._running, self._fault = 0, False, ""
        self._last: dict[str, object] = {}
        self._decisions: deque[Decision] = deque()
        self._decided = self.create_guard_condition(self._deliver)
        self._thread = PlanningThread(agent, settings.seed, self._ring)
        self._command = self.create_publisher(TwistStamped, "cartesian_command", 1)
        self._status = self.create_publisher(DiagnosticArray, "~/status", 10)
        for kind, topic, name in ((Image, "camera/image_raw", "image"), (JointState, "proprio", "proprio")):
            self.create_subscription(kind, topic, partial(self._on_sensed, name), qos_profile_sensor_data)
        self.create_service(Trigger, "~/start", self._on_start)
        self.create_service(Trigger, "~/stop", self._on_stop)
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._begin(settings.autostart)
        self.get_logger().info(f"ready, {settings.futures} futures a decision")

    def close(self) -> None:
        """End the planning thread."""
        self._thread.close()

    def _begin(self, running: bool) -> None:
        self._episode += 1
        self._running, self._fault, self._count = running, "", 0
        self._sensed, self._latest, self._answer = {}, None, None
        self._action = HOLD  # what the robot has been told, and so does until it is told otherwise

    def _on_start(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        self._begin(True)
        reply.success, reply.message = True, "planning from the next observation on"
        return reply

    def _on_stop(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        self._hold()
        reply.success, reply.message = True, f"stopped after {self._count} decisions"
        return reply

    def _hold(self, fault: str = "") -> None:
        """Send a zero velocity and plan no more."""
        self._running, self._fault = False, fault
        if self._latest is not None:
            self._send(HOLD, self._latest)
        self._report()

    def _on_sensed(self, kind: str, message: Image | JointState) -> None:
        """Hand an observation to the planning thread once both halves are here; repeat the answer to a repeated one."""
        self._sensed[kind] = message
        image, proprio = self._sensed.get("image"), self._sensed.get("proprio")
        if not self._running or image is None or proprio is None or image.header.stamp != proprio.header.stamp:
            return
        stamp = image.header.stamp
        if stamp == self._latest:
            if kind == "image" and self._answer is not None:
                self._command.publish(self._answer)  # the first may have been lost; the stamp tells them apart
            return
        try:
            felt = np.array(proprio.position, np.float32)
            observation = {"image": messages.from_image(image), "proprio": felt}
        except DataError as error:
            self._hold(str(error))
            return
        action = None if self._latest is None else self._action
        self._latest, self._answer = stamp, None
        self._thread.submit(Observed(stamp, self._episode, observation, action))

    def _ring(self, decision: Decision) -> None:
        """Called in the planning thread."""
        self._decisions.append(decision)
        self._decided.trigger()

    def _deliver(self) -> None:
        while self._decisions:
            decision = self._decisions.popleft()
            if not self._running or decision.episode != self._episode:
                continue  # stopped or begun anew meanwhile
            if decision.error is not None:
                self.get_logger().error(f"holding: {decision.error!r}")
                self._hold(str(decision.error) or repr(decision.error))
                continue
            self._count += 1
            plan = decision.plan
            milliseconds = round(1e3 * plan.elapsed_s, 1)
            self._last = {"futures": plan.futures, "milliseconds": milliseconds, "cost": plan.cost}
            self._send(decision.action, decision.key)
            self._report()

    def _send(self, action: np.ndarray, stamp: object) -> None:
        self._answer = messages.to_twist(action, stamp)
        self._action = messages.from_twist(self._answer)
        self._command.publish(self._answer)

    def _report(self) -> None:
        level, state = DiagnosticStatus.OK, "planning"
        if self._fault:
            level, state = DiagnosticStatus.ERROR, self._fault
        elif not self._running:
            state = "stopped"
        elif not self._command.get_subscription_count():
            level, state = DiagnosticStatus.WARN, "nobody listens to cartesian_command"
        elif self._latest is None:
            level, state = DiagnosticStatus.WARN, "waiting for camera/image_raw and proprio with equal stamps"
        values = {"decisions": self._count, **self._last}
        now = self.get_clock().now().to_msg()
        self._status.publish(messages.to_diagnostics("planner", level, state, values, now))
