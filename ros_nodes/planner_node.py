"""The planner as a lifecycle node: camera frames and proprioception in, joint trajectories out, to a guard.

    ros2 run rehearse planner_node --ros-args -p checkpoint:=runs/dog-on-jacket -p futures:=512
    ros2 run rehearse planner_node --ros-args -p task:=reach

In: camera/image_raw (rgb8), camera/<name>/image_raw for every further camera of the model, proprio; an observation is
all of them with equal stamps. joint_states; joint_trajectory, which is what the guard lets the arm be told. Out:
guard/command (JointTrajectory: stamp 0, positions and velocities, at rest at its end); in lockstep instead
cartesian_command (TwistStamped, m/s, world frame), stamped with the observation that it answers. ~/status and
/diagnostics. Services ~/start, ~/stop, and those of the lifecycle. What else it can be asked for, and how:
goal_desk.py. What it imagined, for people: showing.py.

Configuring loads the model; activating sees whether the planner is fast enough, and plans; deactivating brings the arm
to rest. While active, ~/start begins an episode and forgets the last one; ~/stop brings the arm to rest and is silent
from then on. Imagining happens in a thread of its own; this node's callbacks return at once. An error holds the arm,
stops the planner and stands in ~/status.
"""

from collections import deque
from functools import partial
from typing import Any

import numpy as np
import torch
from builtin_interfaces.msg import Time
from rclpy.clock import Clock, ClockType
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger

from rehearse.errors import DataError
from rehearse.ros_nodes.benchmark import measure
from rehearse.ros_nodes.codes import Code, Said, told_by
from rehearse.ros_nodes.commanding import JointTrajectories, TwistAnswers
from rehearse.ros_nodes.goal_desk import GoalDesk, Planner
from rehearse.ros_nodes.goals import Outcome
from rehearse.ros_nodes.managed import ManagedNode
from rehearse.ros_nodes.parameters import PlannerParameters, current, declare
from rehearse.ros_nodes.planning import Decision, Observed, PlanningThread
from rehearse.ros_nodes.reading import from_image
from rehearse.ros_nodes.reporting import Reporter
from rehearse.ros_nodes.senses import CAMERA, PROPRIO, Senses
from rehearse.ros_nodes.showing import Showing
from rehearse.sim.goal_picture import checked_picture
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings
from rehearse.sim.tasks import arm_task
from rehearse.world_model import load, shipped_checkpoint

CHECK_PERIOD_S = 0.1


class PlannerNode(ManagedNode):
    """All ROS on the executor's thread; the planning thread rings a guard condition when it has decided."""

    def __init__(self) -> None:
        super().__init__("planner", PlannerParameters)
        settings = declare(self, PlannerParameters, settable=True)
        torch.set_num_threads(1)
        self._episode, self._running, self._count = 0, False, 0
        self._said = Said(Code.UNCONFIGURED, "waiting to be configured")
        self._last: dict[str, Any] = {}
        self._pace: dict[str, Any] = {}
        self._decisions: deque[Decision] = deque()
        self._decided = self.create_guard_condition(self._deliver)
        self._reporter = Reporter(self, self._state_now)
        self.create_service(Trigger, "~/start", self._on_start)
        self.create_service(Trigger, "~/stop", self._on_stop)
        self.create_timer(CHECK_PERIOD_S, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._way, self._thread, self._inputs, self._latest = None, None, [], None
        self._showing = Showing(self)
        self._task = arm_task(settings.task)
        self._goals = GoalDesk(self, self._planner(), self._task)
        if settings.autostart:
            self.autostart()

    def close(self) -> None:
        """Shut down, and show nothing more."""
        super().close()
        self._showing.close()

    # -- lifecycle -----------------------------------------------------------------------------------------------

    def configure(self) -> None:
        """Load the model, join the topics."""
        self._settings = settings = current(self, PlannerParameters)
        self._task = task = arm_task(settings.task)
        self._goals.serve(task)
        self._model = load(settings.checkpoint or shipped_checkpoint(task.checkpoint or task.name))
        self._agent = PlannerAgent(task, self._model, PlannerSettings(settings.futures, fear=settings.fear))
        self._way = (TwistAnswers if settings.lockstep else JointTrajectories)(self, settings, task)
        self._senses = Senses(self._model.config.views, self._model.config.proprio_dim)
        self._latest = None
        self._inputs = [
            self.create_subscription(kind, topic, partial(self._on_sensed, topic), qos_profile_sensor_data)
            for kind, topic in (*((Image, camera) for camera in self._senses.cameras), (JointState, PROPRIO))
        ]
        self._said = Said(Code.INACTIVE, "waiting to be activated")

    def activate(self) -> None:
        """See whether it is fast enough, then plan."""
        settings = self._settings
        if settings.benchmark_plans and not settings.lockstep:
            self._benchmark()
        self._thread = PlanningThread(self._agent, settings.seed, self._ring)
        self._begin(settings.begin_at_once and not self._goals.lacks())
        self.get_logger().info(f"ready, {settings.futures} futures a decision{', a dry run' * settings.dry_run}")

    def deactivate(self) -> None:
        """Bring the arm to rest, end the planning thread."""
        self._goals.close()
        if self._running:
            self._way.hold()
        self._end()
        self._say(Code.INACTIVE, "waiting to be activated")

    def clean(self) -> None:
        """Leave the topics, forget the model."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        if self._way is not None:
            self._way.close()
        self._end()
        self._way, self._inputs, self._agent, self._model, self._last, self._pace = None, [], None, None, {}, {}
        self._said = Said(Code.UNCONFIGURED, "waiting to be configured")

    def refused(self, error: Exception) -> None:
        """A transition failed."""
        self._say(*told_by(error))

    def _end(self) -> None:
        """No more planning, and nobody who plans."""
        self._running = False
        if self._thread is not None:
            self._thread.close()
        self._thread = None
        self._decisions.clear()

    def _benchmark(self) -> None:
        """Plan about a grey picture, in what time the arm has been told what to do and a little more."""
        settings, grey = self._settings, self._senses.grey(self._model.config.image_size)
        grey["goal_state"] = np.zeros(len(self._task.goal), np.float32)
        allowed_s = self._task.period_s + settings.latency_budget_s
        plans = settings.benchmark_plans
        pace = measure(self._agent, grey, np.array(self._task.hold), plans, enough_s=plans * allowed_s)
        self._pace = {"benchmark_ms": round(1e3 * pace.p99_s, 1), "allowed_ms": round(1e3 * allowed_s, 1)}
        pace.check(allowed_s, settings.futures)

    def _planner(self) -> Planner:
        """What goals may ask of this node."""
        return Planner(
            refuses=lambda: "" if self.active else f"the planner is not active: {self._said.message}",
            begin=lambda: self._begin(True),
            rest=lambda message: self._hold(Said(Code.STOPPED, message)),
            report=self._reporter.now,
            way=lambda: self._way,
            latest=lambda: self._latest,
            shown=lambda message: checked_picture(self._model, from_image(message), self._settings.goal_error),
        )

    # -- episodes ------------------------------------------------------------------------------------------------

    def _begin(self, running: bool) -> None:
        self._episode += 1
        self._running, self._count, self._latest = running, 0, None
        self._senses.forget()
        self._way.begin()
        self._say(*((Code.OK, "planning") if running else (Code.STOPPED, self._goals.lacks() or "stopped")))
        if running:
            self._goals.begun()

    def _on_start(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        why = self._goals.lacks() if self.active else f"the planner is not active: {self._said.message}"
        reply.success, reply.message = not why, why or "planning from the next observation on"
        if not why:
            self._begin(True)
        return reply

    def _on_stop(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        reply.success, reply.message = self.active, f"stopped after {self._count} decisions"
        if self.active:
            self._hold(Said(Code.STOPPED, "stopped"))
        else:
            reply.message = f"the planner is not active: {self._said.message}"
        return reply

    def _hold(self, said: Said, faulty: bool = False) -> None:
        """Bring the arm to rest and plan no more."""
        if faulty:
            self.get_logger().error(f"holding: {said.message}")
        over = self._running and self._way.over()
        self._running = False
        self._way.hold()
        self._goals.held(said.message, Outcome.FAULT if faulty else Outcome.TIME_UP if over else Outcome.CANCELED)
        self._say(*said)

    def _on_sensed(self, topic: str, message: Image | JointState) -> None:
        """Hand an observation to the planning thread once it is whole; repeat the answer to a repeated one."""
        self._senses.take(topic, message)
        stamp = self._senses.stamp()
        if not self._running or stamp is None:
            return
        if stamp == self._latest:
            if topic == CAMERA:
                self._way.repeat()
            return
        if self._goals.over(stamp):
            return
        if self._way.over():
            self._hold(Said(Code.STOPPED, "the episode's time is up"))
            return
        try:
            self._submit(stamp, self._senses.pictures(), self._senses.felt())
        except DataError as error:
            self._hold(told_by(error), faulty=True)

    def _submit(self, stamp: Time, pictures: dict[str, np.ndarray], felt: np.ndarray) -> None:
        if (led := self._way.led(stamp, pictures)) is None:
            return
        self._latest = stamp
        aim = self._goals.aim
        observation = self._senses.observation(pictures, felt) | aim.observed
        self._thread.submit(Observed(stamp, self._episode, observation, led.action, led.committed, aim.told))

    def _check(self) -> None:
        """Notice what does not come."""
        if self._running:
            try:
                self._way.check(self._senses)
            except DataError as error:
                self._hold(told_by(error), faulty=True)

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
                self._hold(told_by(decision.error), faulty=True)
                continue
            self._count += 1
            plan = decision.plan
            milliseconds = round(1e3 * plan.elapsed_s, 1)
            self._last = {"futures": plan.futures, "milliseconds": milliseconds, "cost": plan.cost}
            self._way.send(decision)
            self._goals.decided(plan)
            self._showing.decided(decision, self._model, self._way.motion)
            self._reporter.now()

    # -- status --------------------------------------------------------------------------------------------------

    def _say(self, code: Code, message: str) -> None:
        self._said = Said(code, message)
        self._reporter.now()

    def _state_now(self) -> tuple[Said, dict[str, Any]]:
        """What to report: what was said, unless it is to plan and something keeps it from that."""
        said = self._said
        if self._running:
            awaited = Said(Code.WAITING, f"waiting for {', '.join(self._senses.cameras)} and proprio with equal stamps")
            said = self._way.complaint() or (awaited if self._latest is None else said)
        dry = {"dry_run": True} if self.configured and self._settings.dry_run else {}
        return said, {"decisions": self._count, **self._last, **self._goals.report(), **self._pace, **dry}
