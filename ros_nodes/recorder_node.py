"""The recorder as a node: what passes between robot, planner and guard into MCAP bags. Its own process.

    ros2 run rehearse recorder_node --ros-args --params-file config/recorder.yaml -p folder:=/data/bags

In: camera/image_raw, proprio, joint_states, guard/command, joint_trajectory, guard/verdict, planner/status, sim/info,
all as they come over the wire. Services ~/start, ~/stop, ~/save (Trigger). Out: /diagnostics once a second.

With mode `always` everything goes into record_<time>.mcap; with both modes the last seconds are kept in memory, and
become stop_<time>.mcap when the guard stops, save_<time>.mcap on ~/save. Files are written by a thread: nothing here
waits for a disk, and who sends never waits for us. Imports neither torch nor mujoco.
"""

from functools import partial
from importlib import import_module
from time import monotonic

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from std_srvs.srv import Trigger

from rehearse.ros_nodes import messages
from rehearse.ros_nodes.bag.kinds import IMAGE, NAMED, RECORDED, VERDICT, types
from rehearse.ros_nodes.bag.recording import ALWAYS, Recording
from rehearse.ros_nodes.bag.writer import Raw
from rehearse.ros_nodes.guard.verdict import Action
from rehearse.ros_nodes.parameters import RecorderParameters, declare

STOP = Action.STOP.name.lower()
# Deep, for a busy moment must not cost messages. What is sensed is taken best effort, as every robot offers it.
SENSED = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
SAID = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
LATCHED = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)
QOS = {IMAGE: SENSED, NAMED: SENSED}


class RecorderNode(Node):
    """Takes messages on the executor's thread, hands them to the recording's."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self._settings = declare(self, RecorderParameters)
        types()  # what is missing is said now, not when the first message comes
        self._recording = Recording(self._settings)
        self._stopped, self._reported = False, 0
        self._silent = set(RECORDED)
        for topic, kind in RECORDED.items():
            self._listen(topic, kind)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        for name, on_call in (("start", self._on_start), ("stop", self._on_stop), ("save", self._on_save)):
            self.create_service(Trigger, f"~/{name}", on_call)
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        if self._settings.autostart:
            self._recording.start()
        self.get_logger().info(f"mode {self._settings.mode}, bags go to {self._settings.folder}")

    def close(self) -> None:
        """Write what waits and finish the bag."""
        self._recording.close()

    def _listen(self, topic: str, kind: str) -> None:
        package, _, name = kind.split("/")
        message_type = getattr(import_module(f"{package}.msg"), name)
        qos = QOS.get(kind, LATCHED if topic == "sim/info" else SAID)
        taken = partial(self._on_message, topic, kind, self.resolve_topic_name(topic))
        self.create_subscription(message_type, topic, taken, qos, raw=True)

    # -- in ------------------------------------------------------------------------------------------------------

    def _on_message(self, topic: str, kind: str, name: str, data: bytes, info: dict) -> None:
        self._silent.discard(topic)
        log_ns = self.get_clock().now().nanoseconds
        self._recording.offer(Raw(name, kind, data, log_ns, info["source_timestamp"], monotonic()))
        if topic == VERDICT:
            self._watch(deserialize_message(data, DiagnosticStatus))

    def _watch(self, verdict: DiagnosticStatus) -> None:
        """Save the ring when the guard begins to stop; while it lasts, every command brings the verdict again."""
        stopped = any(pair.key == "action" and pair.value == STOP for pair in verdict.values)
        if stopped and not self._stopped and self._recording.on:
            path = self._recording.save("stop", self._settings.after_stop_s)
            self.get_logger().warning(f"the guard stopped ({verdict.message}); saving {path or 'already'}")
        self._stopped = stopped

    def _on_start(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        if self._recording.on and not self._recording.error:
            reply.success, reply.message = False, "already recording"
        else:
            self._recording.start()
            reply.success, reply.message = True, f"recording, mode {self._settings.mode}"
        return reply

    def _on_stop(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        reply.success = self._recording.on
        reply.message = "the bag is being finished" if reply.success else "not recording"
        self._recording.stop()
        return reply

    def _on_save(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        if not self._recording.on:
            reply.success, reply.message = False, "not recording, so nothing is remembered: call ~/start"
        elif (path := self._recording.save("save")) is None:
            reply.success, reply.message = False, "another bag is being saved"
        else:
            reply.success, reply.message = True, str(path)
        return reply

    # -- out -----------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        facts = self._recording.facts()
        lost, level = facts["dropped"] + facts["too_big"], DiagnosticStatus.OK
        unfelt = sorted(topic for topic in self._silent if RECORDED[topic] in QOS)
        said = "records everything" if self._settings.mode == ALWAYS else "remembers the last seconds"
        if self._recording.error:
            level, said = DiagnosticStatus.ERROR, self._recording.error
        elif not self._recording.on:
            said = "stopped"
        elif lost > self._reported:
            level, said = DiagnosticStatus.WARN, f"{lost - self._reported} messages were not recorded: {facts['lost']}"
        elif unfelt:
            level, said = DiagnosticStatus.WARN, f"nothing has come on {', '.join(unfelt)}"
        self._reported = lost
        facts["silent"] = ", ".join(sorted(self._silent))
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(messages.to_diagnostics("recorder", level, said, facts, stamp))
