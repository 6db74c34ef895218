"""The planner as a node: camera frames and proprioception in, joint trajectories out, to a guard.

    ros2 run rehearse planner_node --ros-args -p checkpoint:=runs/dog-on-jacket -p futures:=512

In: camera/image_raw (rgb8), proprio; an observation is a pair with equal stamps. joint_states; joint_trajectory, which
is what the guard lets the arm be told. Out: guard/command (JointTrajectory: stamp 0, positions and velocities, at rest
at its end); in lockstep instead cartesian_command (TwistStamped, m/s, world frame), stamped with the observation that
it answers. ~/status (diagnostics). Services ~/start, ~/stop. What else it can be asked for, and how: goal_desk.py.
What it imagined, for people: showing.py.

~/start begins an episode and forgets the last one; ~/stop brings the arm to rest and is silent from then on. Imagining
happens in a thread of its own; this node's callbacks return at once. An error holds the arm, stops the planner and
stands in ~/status.
"""

from collections import deque
from functools import partial

import numpy as np
import torch
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger

from rehearse.errors import DataError
from rehearse.ros_nodes import messages
from rehearse.ros_nodes.commanding import JointTrajectories, TwistAnswers
from rehearse.ros_nodes.goal_desk import GoalDesk, Planner
from rehearse.ros_nodes.goals import Outcome
from rehearse.ros_nodes.parameters import PlannerParameters, declare
from rehearse.ros_nodes.planning import Decision, Observed, PlanningThread
from rehearse.ros_nodes.showing import Showing
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings
from rehearse.world_model import load, shipped_checkpoint

CHECK_PERIOD_S = 0.1


class PlannerNode(Node):
    """All ROS on the executor's thread; the planning thread rings a guard condition when it has decided."""

    def __init__(self) -> None:
        super().__init__("planner")
        settings = declare(self, PlannerParameters)
        torch.set_num_threads(1)
        self._model = load(settings.checkpoint or shipped_checkpoint(TASK.checkpoint))
        agent = PlannerAgent(TASK, self._model, PlannerSettings(settings.futures, fear=settings.fear))
        self._episode, self._running, self._state, self._faulty = 0, False, "", False
        self._last: dict[str, object] = {}
        self._decisions: deque[Decision] = deque()
        self._decided = self.create_guard_condition(self._deliver)
        self._thread = PlanningThread(agent, settings.seed, self._ring)
        self._way = TwistAnswers(self) if settings.lockstep else JointTrajectories(self, settings)
        self._status = self.create_publisher(DiagnosticArray, "~/status", 10)
        for kind, topic, name in ((Image, "camera/image_raw", "image"), (JointState, "proprio", "proprio")):
            self.create_subscription(kind, topic, partial(self._on_sensed, name), qos_profile_sensor_data)
        self.create_service(Trigger, "~/start", self._on_start)
        self.create_service(Trigger, "~/stop", self._on_stop)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(CHECK_PERIOD_S, self._check, clock=steady)
        self.create_timer(1.0, self._report, clock=steady)
        self._showing = Showing(self)
        self._goals = GoalDesk(self, self._planner())
        self._begin(settings.autostart)
        self.get_logger().info(f"ready, {settings.futures} futures a decision")

    def close(self) -> None:
        """Bring the arm to rest, end the planning thread."""
        self._goals.close()
        if self._running:
            self._hold("ended")
        self._thread.close()
        self._showing.close()

    def _planner(self) -> Planner:
        """What goals may ask of this node."""
        return Planner(
            refuses=lambda: "",
            begin=lambda: self._begin(True),
            rest=self._hold,
            report=self._report,
            way=lambda: self._way,
            latest=lambda: self._latest,
        )

    def _begin(self, running: bool) -> None:
        self._episode += 1
        self._running, self._faulty, self._state = running, False, "planning" if running else "stopped"
        self._count, self._sensed, self._latest = 0, {}, None
        self._way.begin()
        if running:
            self._goals.begun()

    def _on_start(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        self._begin(True)
        reply.success, reply.message = True, "planning from the next observation on"
        return reply

    def _on_stop(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        self._hold("stopped")
        reply.success, reply.message = True, f"stopped after {self._count} decisions"
        return reply

    def _hold(self, state: str, faulty: bool = False) -> None:
        """Bring the arm to rest and plan no more."""
        if faulty:
            self.get_logger().error(f"holding: {state}")
        self._running, self._state, self._faulty = False, state, faulty
        self._way.hold()
        ended = Outcome.TIME_UP if self._way.over() else Outcome.CANCELED
        self._goals.held(state, Outcome.FAULT if faulty else ended)
        self._report()

    def _on_sensed(self, kind: str, message: Image | JointState) -> None:
        """Hand an observation to the planning thread once both halves are here; repeat the answer to a repeated one."""
        self._sensed[kind] = message
        image, proprio = self._sensed.get("image"), self._sensed.get("proprio")
        if not self._running or image is None or proprio is None or image.header.stamp != proprio.header.stamp:
            return
        if image.header.stamp == self._latest:
            if kind == "image":
                self._way.repeat()
            return
        if self._goals.over(image.header.stamp):
            return
        if self._way.over():
            self._hold("the episode's time is up")
            return
        try:
            self._submit(image.header.stamp, messages.from_image(image), np.array(proprio.position, np.float32))
        except DataError as error:
            self._hold(str(error), faulty=True)

    def _submit(self, stamp: Time, picture: np.ndarray, felt: np.ndarray) -> None:
        if (led := self._way.led(stamp, picture)) is None:
            return
        self._latest = stamp
        observation = {"image": picture, "proprio": felt}
        self._thread.submit(Observed(stamp, self._episode, observation, led.action, led.committed))

    def _check(self) -> None:
        """Notice what does not come."""
        if self._running:
            try:
                self._way.check()
            except DataError as error:
                self._hold(str(error), faulty=True)

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
                self._hold(str(decision.error) or repr(decision.error), faulty=True)
                continue
            self._count += 1
            plan = decision.plan
            milliseconds = round(1e3 * plan.elapsed_s, 1)
            self._last = {"futures": plan.futures, "milliseconds": milliseconds, "cost": plan.cost}
            self._way.send(decision)
            self._goals.decided(plan)
            self._showing.decided(decision, self._model)
            self._report()

    def _report(self) -> None:
        level, state = DiagnosticStatus.OK, self._state
        if self._faulty:
            level = DiagnosticStatus.ERROR
        elif self._running and (complaint := self._way.complaint()):
            level, state = DiagnosticStatus.WARN, complaint
        elif self._running and self._latest is None:
            level, state = DiagnosticStatus.WARN, "waiting for camera/image_raw and proprio with equal stamps"
        values = {"decisions": self._count, **self._last, **self._goals.report()}
        now = self.get_clock().now().to_msg()
        self._status.publish(messages.to_diagnostics("planner", level, state, values, now))
