"""The guard as a node: commands from a planner in, what an arm's controller may be told out. Its own process.

    ros2 run rehearse guard_node --ros-args --params-file config/guard.yaml -r joint_trajectory:=/arm/joint_trajectory

In: ~/command (JointTrajectory), joint_states, ~/enable (Bool, the deadman's switch, to be refreshed). Services ~/stop,
~/reset (Trigger). Out: joint_trajectory for a joint_trajectory_controller: stamp 0, positions and velocities, at rest
at its end; ~/verdict (DiagnosticStatus, latched) on every command and whenever it changes; /diagnostics once a second.

All rules are in rehearse.ros_nodes.guard; here messages become numbers and back. Imports neither torch nor mujoco: what
thinks may hang, grow or be killed, and this goes on.
"""

import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from rehearse.ros_nodes import messages
from rehearse.ros_nodes.guard import Action, Guard, Now, Trajectory, Verdict
from rehearse.ros_nodes.guard.trajectory import MOST_JOINTS
from rehearse.ros_nodes.guard.verdict import PASS, severest
from rehearse.ros_nodes.parameters import GuardParameters, declare
from rehearse.ros_nodes.reading import from_joint_trajectory, seconds

LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # who asks late hears the last ones
LEVELS = {
    Action.PASS: DiagnosticStatus.OK,
    Action.CLAMP: DiagnosticStatus.WARN,
    Action.HOLD: DiagnosticStatus.ERROR,
    Action.STOP: DiagnosticStatus.ERROR,
}
NO_SWITCH = "no deadman's switch: for simulation only"
NO_BOX = "urdf_file is empty: the tool may go anywhere, workspace_low_m and workspace_high_m are not looked at"


class GuardNode(Node):
    """One arm's guard; everything happens on the executor's thread."""

    def __init__(self) -> None:
        super().__init__("guard")
        self._settings = declare(self, GuardParameters)
        self._guard = Guard(self._settings)
        self._counts = dict.fromkeys(Action, 0)
        self._latest = {"command": PASS, "watch": PASS}  # the last verdict on either
        self._last_refusal = ""
        self._told = self.create_publisher(JointTrajectory, "joint_trajectory", 1)
        self._verdicts = self.create_publisher(DiagnosticStatus, "~/verdict", LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_subscription(JointTrajectory, "~/command", self._on_command, QoSProfile(depth=1))
        self.create_subscription(JointState, "joint_states", self._on_joints, qos_profile_sensor_data)
        self.create_subscription(Bool, "~/enable", self._on_enable, QoSProfile(depth=1))
        self.create_service(Trigger, "~/stop", self._on_stop)
        self.create_service(Trigger, "~/reset", self._on_reset)
        # The wall's clock: a simulated one may stand still, and the guard must not.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self._settings.period_s, self._watch, clock=steady)
        self.create_timer(1.0, self._report, clock=steady)
        self._off = [
            said
            for given, said in ((self._settings.deadman, NO_SWITCH), (self._settings.urdf_file, NO_BOX))
            if not given
        ]
        for said in self._off:
            self.get_logger().warning(said)
        self.get_logger().info(f"guarding {len(self._settings.joints)} joints")

    def close(self) -> None:
        """Told to end in mid-motion: brake, as a last word."""
        now = self._now()
        self._tell(self._guard.stop(now), now)

    # -- in ------------------------------------------------------------------------------------------------------

    def _on_command(self, message: JointTrajectory, info: dict) -> None:
        command, controllers = from_joint_trajectory(message), self._controllers()
        now = self._now()
        verdict, told = self._guard.judge(command, now, controllers, _age_s(info))
        verdict = self._tell(told, now) or verdict
        self._counts[verdict.action] += 1
        self._say("command", verdict)

    def _on_joints(self, message: JointState, info: dict) -> None:
        stamp_s = seconds(message.header.stamp)
        names = tuple(message.name[: MOST_JOINTS + 1])  # one too many is enough to refuse it by
        self._guard.sense(names, message.position, self._now(), stamp_s, _age_s(info))

    def _on_enable(self, message: Bool, info: dict) -> None:
        self._guard.enable(message.data, self._now(), _age_s(info))

    def _on_stop(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        now = self._now()
        self._tell(self._guard.stop(now), now)
        reply.success, reply.message = True, "braking; nothing passes until ~/reset"
        return reply

    def _on_reset(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        now = self._now()
        reply.success, reply.message, told = self._guard.reset(now, self._controllers())
        if unsaid := self._tell(told, now):
            reply.success, reply.message = False, unsaid.detail
        return reply

    def _watch(self) -> None:
        now = self._now()
        verdict, told = self._guard.watch(now, self._controllers())
        verdict = self._tell(told, now) or verdict
        if verdict.reason != self._latest["watch"].reason:
            self._say("watch", verdict)

    # -- out -----------------------------------------------------------------------------------------------------

    def _now(self) -> Now:
        return Now(self.get_clock().now().nanoseconds * 1e-9, time.monotonic())

    def _controllers(self) -> int:
        """How many of that name listen to joint_trajectory; recorders and the planner do, too."""
        listeners = self.get_subscriptions_info_by_topic(self._told.topic_name)
        return sum(listener.node_name == self._settings.controller for listener in listeners)

    def _tell(self, told: Trajectory | None, now: Now) -> Verdict | None:
        """Say what was judged to be right ``now``, unless that is long ago: a verdict, where it is."""
        if told is None:
            return None
        message = messages.to_joint_trajectory(self._settings.joints, told)
        if (late_s := time.monotonic() - now.steady_s) > self._settings.joint_timeout_s:
            return self._guard.unsaid(self._now(), late_s)
        self._told.publish(message)
        return None

    def _say(self, on: str, verdict: Verdict) -> None:
        """Publish a verdict; log what is refused, when it begins to be."""
        known = {latest.reason for latest in self._latest.values()}
        if verdict.action >= Action.HOLD and verdict.reason not in known:
            self.get_logger().error(f"{verdict.action.name.lower()}, {verdict.reason}: {verdict.detail}")
            self._last_refusal = f"{verdict.reason}: {verdict.detail}"
        self._latest[on] = verdict
        self._verdicts.publish(self._status(verdict, {"stretch": round(verdict.stretch, 3)}))

    def _report(self) -> None:
        counts = {action.name.lower(): count for action, count in self._counts.items()}
        state = {
            "deadman": self._settings.deadman,
            "controllers": self._controllers(),
            "last_refusal": self._last_refusal,
        }
        status = self._status(severest(self._latest.values()), {**counts, **state})
        others = self.count_publishers(self._told.topic_name) > 1
        warned = [*self._off, *(["somebody else commands the controller too, past the guard"] if others else [])]
        if warned and status.level == DiagnosticStatus.OK:
            status.level, status.message = DiagnosticStatus.WARN, "; ".join(warned)
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _status(self, verdict: Verdict, more: dict) -> DiagnosticStatus:
        values = {"action": verdict.action.name.lower(), "reason": verdict.reason.value, **more}
        said = f"{verdict.reason}: {verdict.detail}" if verdict.detail else verdict.reason.value
        return messages.to_status("guard", LEVELS[verdict.action], said, values)


def _age_s(info: dict) -> float:
    """How long ago a message was sent: by the system clock of its sender's machine, whatever ROS time is, and by ours.

    When it was received is no help: a process that stands still receives when it goes on.
    """
    return time.time() - 1e-9 * info["source_timestamp"]
