"""Where the planner takes goals: by topic, by service, and, where rehearse_interfaces is built, by action.

In: ~/goal (String, latched: a name or a little JSON); ~/goal_image (Image, latched: what the camera shows when the goal
is reached); ~/start, ~/stop, ~/home (Trigger); action ~/plan_to_goal (PlanToGoal); sim/info (diagnostics), in which
whoever watches the world says how the episode goes.

    desk = GoalDesk(node, Planner(...)); desk.serve(task)
    desk.begun(); desk.decided(plan); desk.over(stamp); desk.held("stopped", False)

There is one goal at a time, and a new one takes its place. Where a task has goals, one that does not say which, as
~/start, means the last one. Whatever ends a goal brings the arm to rest first, and only then is the outcome told.
Everything happens on the executor's thread.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from rehearse.errors import DataError
from rehearse.planner import Plan
from rehearse.ros_nodes.commanding import JointTrajectories, TwistAnswers
from rehearse.ros_nodes.goals import Errand, Goal, Kind, Outcome, checked, goal_of, reachable
from rehearse.sim.task import Task

try:
    from rehearse_interfaces.action import PlanToGoal
except ImportError:  # not built here: goals come by topic and service
    PlanToGoal = None

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TICK_S = 0.1


@dataclass(frozen=True)
class Planner:
    """What the desk may ask of its node. ``begin`` and ``rest`` tell the desk in turn, by ``begun`` and ``held``."""

    refuses: Callable[[], str]  # why no goal can be taken now, or ""
    begin: Callable[[], None]  # an episode
    rest: Callable[[str], None]  # plan no more, for this reason
    report: Callable[[], None]  # the status, now
    way: Callable[[], JointTrajectories | TwistAnswers]
    latest: Callable[[], Time | None]  # the stamp of the last observation of this episode
    shown: Callable[[Image], np.ndarray]  # the picture that a goal's message holds; DataError where it cannot be one


class GoalDesk:
    """The goal that there is, and how it goes."""

    def __init__(self, node: Node, planner: Planner, task: Task) -> None:
        self._node, self._planner = node, planner
        self.serve(task)
        self._errand: Errand | None = None
        self._number, self._busy = 0, False
        self._ending: tuple[Outcome, str] | None = None  # told once the arm rests
        self._homing: Any = None
        self._refused, self._refusals = "", 0
        self._info: DiagnosticArray | None = None
        self._handles: dict[int, Any] = {}  # {number of a goal: the handle of the action that it came by}
        self._futures: dict[bytes, Future] = {}
        node.create_subscription(String, "~/goal", self._on_text, LATCHED)
        node.create_subscription(Image, "~/goal_image", self._on_image, LATCHED)
        node.create_subscription(DiagnosticArray, "sim/info", self._on_info, LATCHED)
        node.create_service(Trigger, "~/home", self._on_home)
        node.create_timer(TICK_S, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        if PlanToGoal is not None:
            self._server = ActionServer(
                node,
                PlanToGoal,
                "~/plan_to_goal",
                self._execute,
                callback_group=ReentrantCallbackGroup(),
                goal_callback=self._on_goal,
                handle_accepted_callback=self._on_accepted,
                cancel_callback=self._on_cancel,
            )

    # -- what the node tells -------------------------------------------------------------------------------------

    def serve(self, task: Task) -> None:
        """Take goals of this task from now on; of another's nothing is remembered."""
        self._task, self._known = task, reachable(task)
        self._aim = checked(Kind.REACH, "", 0, self._known)  # what is reached for, unless a goal says otherwise

    @property
    def aim(self) -> Goal:
        """What this episode is for."""
        return self._aim

    def lacks(self) -> str:
        """Why there is nothing to be reached for yet; or ""."""
        if not self._task.goal or self._aim.told is not None:
            return ""
        numbers = ", ".join(self._task.goal)
        return (
            f"{self._task.name} has no goal yet: send a picture to ~/goal_image, or "
            f'{{"kind": "reach", "goal_state": [{numbers}]}} to ~/goal'
        )

    def begun(self) -> None:
        """An episode begins: for the goal that is being taken, or, if nobody gave one, for what is reached for."""
        if not self._busy:
            self._replace(self._aim)

    def decided(self, plan: Plan) -> None:
        """A decision was made and is on its way."""
        if (errand := self._errand) is None or errand.outcome is not None:
            return
        errand.foresee(plan, self._task.harm and self._task.harm.event)
        if handle := self._handles.get(errand.number):
            feedback = PlanToGoal.Feedback(
                step=errand.steps,
                cost=float(plan.cost),
                futures=int(plan.futures),
                milliseconds=1e3 * float(plan.elapsed_s),
                predicted_success=errand.success,
                predicted_risk=errand.risk,
            )
            handle.publish_feedback(feedback)

    def over(self, stamp: Time | None) -> bool:
        """Whether the world, as it was at this stamp, is done with the goal; which then ends."""
        if not self._on_errand(Kind.REACH) or self._info is None or self._info.header.stamp != stamp:
            return False
        status = self._info.status[0]
        said = {pair.key for pair in status.values if pair.value == "true"}
        harm = self._task.harm and self._task.harm.event
        ends = ((self._task.success, Outcome.REACHED), (harm, Outcome.HARM), ("finished", Outcome.TIME_UP))
        outcome = next((outcome for name, outcome in ends if name in said), None)
        if outcome is not None:
            self._end(outcome, status.message)
        return outcome is not None

    def held(self, message: str, outcome: Outcome) -> None:
        """The node plans no more: what was not over yet is, with this outcome."""
        if not self._busy and self._on_errand():
            self._homing, self._ending = None, (outcome, message)

    def close(self) -> None:
        """The node is deactivated: the goal ends without waiting for anything."""
        if self._on_errand():
            self._end(Outcome.CANCELED, "deactivated")
        self._tell()

    def report(self) -> dict[str, Any]:
        """For the status."""
        said = {} if self._errand is None else self._errand.report()
        return said | ({"refusals": self._refusals, "refused": self._refused} if self._refusals else {})

    # -- how goals come ------------------------------------------------------------------------------------------

    def _on_text(self, message: String) -> None:
        try:
            self._take(goal_of(message.data, self._known))
        except DataError as error:
            self._refuse(str(error))

    def _on_image(self, message: Image) -> None:
        try:
            self._take(Goal(Kind.REACH, picture=self._shown(message)))
        except DataError as error:
            self._refuse(str(error))

    def _shown(self, message: Image) -> np.ndarray:
        """The picture (h,w,3) that a message holds; DataError where the planner cannot be told by it now."""
        if not self._task.goal:
            raise DataError(f"{self._task.name} has no goals that a picture could show; send a goal to ~/goal")
        self._check_active()
        return self._planner.shown(message)

    def _on_home(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        try:
            self._take(Goal(Kind.HOME))
            reply.success, reply.message = True, "going home"
        except DataError as error:
            reply.success, reply.message = False, str(error)
        return reply

    def _on_goal(self, request: Any) -> GoalResponse:
        try:
            self._check(self._asked(request))
        except DataError as error:
            self._refuse(str(error))
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _on_accepted(self, handle: Any) -> None:
        self._futures[bytes(handle.goal_id.uuid)] = Future()
        handle.execute()
        self._take(self._asked(handle.request), handle)

    async def _execute(self, handle: Any) -> Any:
        return await self._futures[bytes(handle.goal_id.uuid)]

    def _on_cancel(self, handle: Any) -> CancelResponse:
        current = None if self._errand is None else self._handles.get(self._errand.number)
        if current is None or current.goal_id != handle.goal_id:
            return CancelResponse.REJECT
        if self._on_errand():
            self._end(Outcome.CANCELED, "canceled")
        return CancelResponse.ACCEPT

    # -- how they go ---------------------------------------------------------------------------------------------

    def _check(self, goal: Goal) -> Any:
        """DataError where it cannot be taken now; the way home, if that is where it leads."""
        self._check_active()
        if goal.kind is Kind.REACH and goal.told is None and (why := self.lacks()):
            raise DataError(why)
        return self._planner.way().homing() if goal.kind is Kind.HOME else None

    def _check_active(self) -> None:
        if why := self._planner.refuses():
            raise DataError(why)

    def _asked(self, request: Any) -> Goal:
        """What an action's goal asks for."""
        place = list(request.goal_state) or ()
        goal = checked(request.kind, request.signal, request.time_limit_s, self._known, place)
        if not request.goal_image.data:
            return goal
        if place or goal.kind is not Kind.REACH:
            raise DataError("a goal_image is for a goal of kind reach without a goal_state; leave one of them out")
        return replace(goal, picture=self._shown(request.goal_image))

    def _take(self, goal: Goal, handle: Any = None) -> None:
        """Do this from now on; DataError if that cannot be."""
        homing = self._check(goal)
        if goal.told is not None:
            self._aim = replace(goal, time_limit_s=0.0)
        elif goal.kind is Kind.REACH:
            goal = replace(goal, goal_state=self._aim.goal_state, picture=self._aim.picture)
        self._replace(goal)
        if handle is not None:
            self._handles[self._errand.number] = handle
        self._homing = homing
        ask = self._planner.begin
        if goal.kind is not Kind.REACH:
            ask = partial(self._planner.rest, "going home" if goal.kind is Kind.HOME else "stopped")
        self._busy = True
        try:
            ask()
        finally:
            self._busy = False
        if goal.kind is Kind.STOP:
            self._ending = Outcome.REACHED, "stopped"

    def _replace(self, goal: Goal) -> None:
        self._ending = self._ending or (Outcome.PREEMPTED, f"another goal came: {goal.kind}")
        self._tell()
        self._number += 1
        self._errand, self._homing = Errand(goal, self._number, time.monotonic()), None

    def _on_errand(self, *kinds: Kind) -> bool:
        """Whether there is a goal, of these kinds, that is still to be reached."""
        errand = self._errand
        going = errand is not None and errand.outcome is None and self._ending is None
        return going and (not kinds or errand.goal.kind in kinds)

    def _end(self, outcome: Outcome, message: str) -> None:
        """Bring the arm to rest; then the outcome is told."""
        self._homing, self._ending = None, (outcome, message)
        self._planner.rest(message)

    def _tick(self) -> None:
        if self._ending is not None:
            if self._planner.way().rests():
                self._tell()
        elif self._on_errand():
            limit_s = self._errand.goal.limit_s
            if time.monotonic() - self._errand.began_s > limit_s:
                self._end(Outcome.TIME_UP, f"not done within {limit_s:g} s")
            elif self._homing is not None:
                self._go_home()

    def _go_home(self) -> None:
        try:
            arrived = self._planner.way().go_home(self._homing)
        except DataError as error:
            self._end(Outcome.FAULT, str(error))
            return
        if arrived:
            self._end(Outcome.REACHED, "at home")

    def _tell(self) -> None:
        """The outcome, to whoever waits for it."""
        errand, ending, self._ending = self._errand, self._ending, None
        if errand is None or errand.outcome is not None or ending is None:
            return
        errand.end(*ending)
        if handle := self._handles.pop(errand.number, None):
            if errand.outcome is Outcome.REACHED:
                handle.succeed()
            elif handle.is_cancel_requested:
                handle.canceled()
            else:
                handle.abort()
            result = PlanToGoal.Result(outcome=int(errand.outcome), message=errand.message, steps=errand.steps)
            self._futures.pop(bytes(handle.goal_id.uuid)).set_result(result)
        self._node.get_logger().info(f"{errand.goal.kind} {errand.outcome.name.lower()}: {errand.message}")
        self._planner.report()

    def _on_info(self, message: DiagnosticArray) -> None:
        """It may come later than the picture of the same moment."""
        self._info = message if message.status else None
        self.over(self._planner.latest())

    def _refuse(self, why: str) -> None:
        self._refused, self._refusals = why, self._refusals + 1
        self._node.get_logger().error(f"refused a goal: {why}")
        self._planner.report()
