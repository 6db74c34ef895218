"""Robot, guard, planner and recorder as processes, and one node here that listens and gives orders.

with own_domain(folder), closing(Company(folder, Settings(futures=64))) as company:
    company.begin(layout); company.probe.until(company.over, "the end"); row = company.outcome()
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.over_ros.heard import Decided, Heard, Loss
from rehearse.sim.tasks import DEFAULT, get_task
from tests.faults.rig import seconds
from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe, pairs, values

PLANS = frozenset({"ok", "waiting", "no_listener", "late"})  # codes of a planner that goes on
DEPTH = 1000  # of queues here: what is lost is to have been lost on the way
REFRESH_S = 0.05  # of the deadman's switch


@dataclass(frozen=True)
class Settings:
    """``own_clock``: all go by the robot's /clock, which is slower than the wall's at a ``pace`` below 1.

    ``recorder``: parameters of a recorder_node, None for none. ``deadman``: this process holds the switch.
    """

    futures: int = 64
    pace: float = 1.0
    own_clock: bool = False
    deadman: bool = False
    split: str = "test"
    self_benchmark: bool = True
    deadline_s: float = 10.0
    recorder: dict[str, Any] | None = None
    task: str = DEFAULT


class Company:
    """``felt``: of this episode, when by the robot's clock, and how fast the fastest joint was, rad/s."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings, self.nodes = settings, Nodes(folder)
        self.probe = Probe(self.nodes)
        self.heard, self.held = Heard(), True
        self.felt: list[tuple[float, float]] = []
        self.loss = {"joint_states": Loss(0.02), "camera": Loss(0.2)}
        self.verdicts: list[dict[str, str]] = []  # of this episode
        self.recorder: dict[str, str] = {}
        self._status: dict[str, str] = {"code": "unconfigured", "message": "", "goal_number": "0", "decisions": "0"}
        self._info: dict[str, str] = {}
        self._goal, self._began_s = 0, 0.0
        self.task = get_task(settings.task)
        self._goal_shown: Any = None  # by the robot, of the layout that is laid out, where the task has goals
        self._listen()
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End everything."""
        self.probe.close()
        self.nodes.close(show=False)

    # -- processes -----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        settings, urdf = self.settings, ROOT / "config" / "arm7.urdf"
        clock = {"use_sim_time": settings.own_clock}
        # What goes by the wall's clock must not hurry a robot that is slowed down.
        slow = settings.pace != 1
        patient = {"joint_timeout_s": 3.0, "command_age_s": 3.0, "command_timeout_s": 3.0} if slow else {}
        self.processes = {
            "guard": self.nodes.start("guard_node", deadman=settings.deadman, urdf_file=urdf, **patient, **clock)
        }
        if settings.recorder is not None:
            self.processes["recorder"] = self.nodes.start("recorder_node", **settings.recorder, **clock)
        unhurried = {"image_timeout_s": 3.0} if slow else {}
        unmeasured = {} if settings.self_benchmark and not slow else {"benchmark_plans": 0}
        asked = {"task": settings.task, "begin_at_once": False, "futures": settings.futures}
        planner = asked | unhurried | unmeasured | clock
        self.processes["planner"] = self.nodes.start("planner_node", **planner)
        self.probe.until(self._ready, "the planner")
        sim = {"realtime_factor": settings.pace, "publish_clock": settings.own_clock, "split": settings.split}
        self.processes["sim"] = self.nodes.start("sim_node", task=settings.task, **sim)
        self.probe.until(lambda: len(self.felt) > 10, "the robot")

    def _ready(self) -> bool:
        """Whether the planner is active; it says itself why it is not to be."""
        code = self._status["code"]
        assert code not in ("too_slow", "no_model"), self._status["message"]
        return code not in ("unconfigured", "inactive")

    def end(self) -> dict[str, int]:
        """Ask every process to end; {name: exit code}."""
        import signal

        return {name: self.nodes.end(process, signal.SIGINT) for name, process in self.processes.items()}

    # -- what is heard -------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
        from rclpy.clock import Clock, ClockType
        from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image, JointState
        from std_msgs.msg import Bool
        from trajectory_msgs.msg import JointTrajectory

        node, heard = self.probe.node, self.heard
        seen = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
        latched = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for kind, topic, take, qos in (
            (Image, "/camera/image_raw", self._on_image, seen),
            (JointState, "/joint_states", self._on_joints, DEPTH),
            (JointTrajectory, "/guard/command", lambda _, info: heard.commands.append(_sent_s(info)), DEPTH),
            (JointTrajectory, "/joint_trajectory", lambda _, info: heard.told.append(_sent_s(info)), DEPTH),
            (DiagnosticArray, "/planner/status", self._on_status, DEPTH),
            (DiagnosticStatus, "/guard/verdict", lambda verdict: self.verdicts.append(pairs(verdict)), DEPTH),
            (DiagnosticArray, "/sim/info", self._on_info, latched),
            (DiagnosticArray, "/diagnostics", self._on_diagnostics, DEPTH),
            (Image, "/goal/image_raw", self._on_goal, latched),
        ):
            node.create_subscription(kind, topic, take, qos)
        one = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._goals = node.create_publisher(Image, "/planner/goal_image", one)
        if self.settings.deadman:
            switch = node.create_publisher(Bool, "/guard/enable", 1)
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            node.create_timer(REFRESH_S, lambda: switch.publish(Bool(data=self.held)), clock=steady)

    def _on_image(self, message: Any, info: dict) -> None:
        # The robot's own clock is no measure of the wall's: there, an image is taken when it is sent.
        taken_s = _sent_s(info) if self.settings.own_clock else seconds(message)
        self.heard.images.append((taken_s, time.time()))
        self.loss["camera"].hear(seconds(message))

    def _on_joints(self, message: Any, info: dict) -> None:
        self.heard.joints.append(_sent_s(info))
        if self.felt and seconds(message) < self.felt[-1][0]:
            self.felt.clear()  # the robot was reset, and its clock with it
        self.felt.append((seconds(message), max(map(abs, message.velocity))))
        self.loss["joint_states"].hear(seconds(message))

    def _on_goal(self, message: Any) -> None:
        self._goal_shown = message

    def _on_info(self, message: Any) -> None:
        self._info = values(message)

    def _on_status(self, message: Any, info: dict) -> None:
        before, now = self._status, values(message)
        self._status = {"goal_number": "0", **now, "message": message.status[0].message}
        number = int(now["decisions"])
        if number > 0 and (number, self._status["goal_number"]) != (int(before["decisions"]), before["goal_number"]):
            took_s, late = 1e-3 * float(now["milliseconds"]), now["code"] == "late"
            decided = Decided(_sent_s(info), int(self._status["goal_number"]), number, took_s, late)
            self.heard.decided.append(decided)

    def _on_diagnostics(self, message: Any) -> None:
        self.recorder = next((pairs(status) for status in message.status if status.name == "recorder"), self.recorder)

    # -- episodes ------------------------------------------------------------------------------------------------

    def begin(self, layout: int) -> None:
        """Lay out, and have the planner plan; where the task has goals, by showing it this layout's."""
        probe = self.probe
        probe.call("/planner/stop")
        self._lay_out(layout)
        probe.until(lambda: probe.call("/guard/reset").success, "the guard to be reset")
        before = int(self._status["goal_number"])
        if self.task.goal:
            self._goals.publish(self._goal_shown)
        else:
            assert (reply := probe.call("/planner/start")).success, reply.message
        probe.until(lambda: int(self._status["goal_number"]) > before, "the planner to begin")
        self._goal, self._began_s = int(self._status["goal_number"]), self.felt[-1][0]
        self.verdicts.clear()

    def _lay_out(self, layout: int) -> None:
        from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
        from rcl_interfaces.srv import SetParameters

        value = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=int(layout))
        request = SetParameters.Request(parameters=[Parameter(name="layout", value=value)])
        reply = self.probe.call("/sim/set_parameters", SetParameters, request)
        assert reply.results[0].successful, reply.results[0].reason
        self._goal_shown = None
        reply = self.probe.call("/sim/reset")
        assert reply.success, reply.message
        self.felt.clear()
        self._info.clear()
        shown = lambda: self._goal_shown is not None or not self.task.goal  # noqa: E731
        self.probe.until(lambda: self._info and len(self.felt) > 10 and shown(), "the robot as it is now")

    def moves(self, faster_radps: float) -> bool:
        """Whether the arm does, with the guard's consent."""
        return (
            bool(self.verdicts) and self.verdicts[-1]["action"] in ("pass", "clamp") and self.felt[-1][1] > faster_radps
        )

    def over(self) -> bool:
        """Whether the episode is: the world says so, the planner has stopped, or it has taken too long."""
        stopped = int(self._status["goal_number"]) >= self._goal and self._status["code"] not in PLANS
        late = self.felt[-1][0] - self._began_s > self.settings.deadline_s
        return stopped or late or self._info["finished"] == "true"

    def outcome(self) -> dict[str, Any]:
        """Of this episode."""
        info, why = self._info, self._status["message"]
        success = info[self.task.success] == "true" and info["finished"] == "true"
        harm = {} if self.task.harm is None else {self.task.harm.event: info[self.task.harm.event] == "true"}
        return {"success": success, **harm, "time_s": float(info["time_s"]), "status": why}


def _sent_s(info: dict) -> float:
    """When the sender let go of the message, by the wall's clock."""
    return 1e-9 * info["source_timestamp"]
