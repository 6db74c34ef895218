"""A robot, a guard and a planner as processes, in motion, and the means to break them.

with running(Setup()) as rig:               # in motion when this returns
    rig.break_it(); rig.tamper = with_nan   # from now on, what the planner sends is damaged
    seconds = rig.rests(); rig.said(Reason.NOT_FINITE)

The robot is `sim_node` with its own clock, by which everything goes and everything is measured: robot time, from the
stamps of joint_states. So a busy machine makes a run longer, never different. The planner is `planner_node` with the
shipped model, or, where its thoughts do not matter, a script in the test's own process that swings the first joint.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rehearse.ros_nodes.codes import Code
from rehearse.ros_nodes.guard import Action, Reason, Trajectory
from rehearse.ros_nodes.parameters import GuardParameters
from rehearse.ros_nodes.pilot import Pilot
from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe, own_domain, pairs, ros_args, values

LIMITS = GuardParameters()
JOINTS = LIMITS.joints
MOVES_RADPS, RESTS_RADPS = 0.1, 0.05  # more is motion, less is rest: a held jacket makes the arm tremble a little
EPISODES = 5
OVER = ("reached", "harm", "time_up", "fault")
QUIET = 10  # joint states, 20 ms each, make a rest
# However dead everybody is, the last trajectory ends: a horizon, a braking tail; then the arm's own lag, as measured.
LAG_S = 0.3
SURE_S = LIMITS.horizon_s + 0.1 + LAG_S


@dataclass(frozen=True)
class Setup:
    """Which planner, which topics go through this process on their way to which node, and the guard's parameters."""

    planner: str = "script"
    relayed: Mapping[str, str] = field(default_factory=dict)  # {topic: node}
    guard: Mapping[str, Any] = field(default_factory=dict)
    futures: int = 32
    moves: bool = True
    stub: bool = False  # a node called stub listens to joint_trajectory, too
    views: tuple[str, ...] = ()  # further cameras, of the robot and of the model
    pace: float = 1.0  # robot seconds per second
    deaf: bool = False  # the planner does not hear how it goes, so that its goal does not end before the fault shows
    burdened: bool = False  # the guard's process has imported what the planner needs


class Swing:
    """The script's idea of a motion: the first joint to and fro at 0.3 rad/s, the others still."""

    joints, period_s = JOINTS, 0.2

    def __init__(self) -> None:
        self._middle: float | None = None
        self._way = 1.0

    def joint_targets(self, q_rad: np.ndarray, actions: np.ndarray) -> np.ndarray:
        self._middle = q_rad[0] if self._middle is None else self._middle
        if abs(q_rad[0] - self._middle) > 0.25:
            self._way = -np.sign(q_rad[0] - self._middle)
        return q_rad + np.outer(0.06 * self._way * np.arange(1, 1 + len(actions)), np.eye(len(q_rad))[0])

    def action_between(self, before_rad: np.ndarray, after_rad: np.ndarray) -> np.ndarray:
        raise NotImplementedError("a script does not ask what it did")


class Rig:
    """Everything that runs, all that was heard, and when it was broken (robot time and what had been heard by then)."""

    def __init__(self, setup: Setup, folder: Path) -> None:
        from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
        from sensor_msgs.msg import JointState
        from trajectory_msgs.msg import JointTrajectory

        self.setup, self.nodes = setup, Nodes(folder)
        self.probe = Probe(self.nodes, use_sim_time=True)
        self.joints: list = self.probe.listen("/joint_states", JointState)
        self.told: list = self.probe.listen("/joint_trajectory", JointTrajectory)
        self.verdicts: list = self.probe.listen("/guard/verdict", DiagnosticStatus)
        self.status: list = self.probe.listen("/planner/status", DiagnosticArray)
        self.held: bool | None = True  # what the deadman's switch says; None says nothing
        self.tamper: Callable[[Any], Any] = lambda message: message  # on what the script sends; None is not sent
        self.relay: dict[str, Callable[[Any], Any]] = dict.fromkeys(setup.relayed, lambda message: message)
        self.processes: dict[str, subprocess.Popen] = {}
        self._pilot = Pilot(Swing(), braking_radps2=8.0)

    # -- running -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything, and wait until the arm moves with the guard's consent."""
        import rclpy
        from rclpy.clock import Clock, ClockType
        from std_msgs.msg import Bool
        from trajectory_msgs.msg import JointTrajectory

        steady, node = Clock(clock_type=ClockType.STEADY_TIME), self.probe.node
        for topic in self.relay:
            self._relay(topic)
        self.stub = rclpy.create_node("stub", context=self.probe.context) if self.setup.stub else None
        if self.stub is not None:
            self.stub.create_subscription(JointTrajectory, "/joint_trajectory", lambda message: None, 1)
        views = {"views": ",".join(self.setup.views)} if self.setup.views else {}
        self._start("guard", **self.setup.guard, use_sim_time=True)
        if self.setup.planner == "node":
            slow = {"benchmark_plans": 0, "futures": self.setup.futures}  # may be too slow: faults come later
            if views:
                slow["checkpoint"] = with_further_cameras(self.nodes.folder, self.setup.views)
            self._start("planner", begin_at_once=False, use_sim_time=True, **slow)
            ready = lambda: self.status and pairs(self.status[-1].status[0])["code"] == "stopped"  # noqa: E731
            self.probe.until(ready, "the planner to be active")
        self._start("sim", layout=3, publish_clock=True, realtime_factor=self.setup.pace, **views)
        enable = node.create_publisher(Bool, "/guard/enable", 1)
        node.create_timer(0.05, lambda: self.held is None or enable.publish(Bool(data=self.held)), clock=steady)
        if self.setup.planner == "script":
            self._commands = node.create_publisher(JointTrajectory, "/guard/command", 1)
            node.create_subscription(JointTrajectory, "/joint_trajectory", self._hear, 10)
            node.create_timer(0.1, self._play, clock=steady)
        self.probe.until(lambda: len(self.joints) > QUIET and self.passed(), "the arm, sensed and free to move")
        if self.setup.planner == "node":
            assert self.probe.call("/planner/start").success
        if self.setup.moves:
            self._until_it_moves(self.moves)

    def _until_it_moves(self, moves: Callable[[], bool]) -> None:
        """A planner whose episode was over before it had moved, on a machine that is too busy, begins another."""
        over = lambda: self.status and values(self.status[-1]).get("outcome") in OVER  # noqa: E731
        for _ in range(EPISODES):
            self.probe.until(lambda: moves() or over(), "the arm to move")
            if moves():
                return
            assert self.probe.call("/planner/start").success
            self.status.clear()
        raise AssertionError(f"the arm has not moved in {EPISODES} episodes")

    def _start(self, name: str, **parameters: Any) -> None:
        remap = {topic: f"/relay{topic}" for topic, reader in self.setup.relayed.items() if reader == name}
        if name == "planner" and self.setup.deaf:
            remap["/sim/info"] = "/nobody"
        if name == "guard" and self.setup.burdened:
            command = [sys.executable, "-m", "tests.faults.burdened", *ros_args(remap, parameters)]
            self.processes[name] = self.nodes.run(command, "guard_node", cwd=ROOT)
        else:
            self.processes[name] = self.nodes.start(f"{name}_node", remap, **parameters)

    def kill(self, name: str) -> None:
        """kill -9."""
        self.nodes.kill(self.processes[name])

    def close(self) -> None:
        """End everything."""
        self.probe.close()
        self.nodes.close()

    def _relay(self, topic: str) -> None:
        from rclpy.qos import qos_profile_sensor_data
        from rosgraph_msgs.msg import Clock
        from sensor_msgs.msg import Image, JointState

        kinds = {"joint_states": JointState, "proprio": JointState, "image_raw": Image, "clock": Clock}
        kind = kinds[topic.rpartition("/")[2]]
        out = self.probe.node.create_publisher(kind, f"/relay{topic}", 10)

        def pass_on(message: Any) -> None:
            if (changed := self.relay[topic](message)) is not None:
                out.publish(changed)

        self.probe.node.create_subscription(kind, topic, pass_on, qos_profile_sensor_data)

    def _hear(self, message: Any) -> None:
        from rehearse.ros_nodes.reading import from_joint_trajectory

        self._pilot.hear(from_joint_trajectory(message), self.now_s())

    def _play(self) -> None:
        """The script's next command."""
        from rehearse.ros_nodes.messages import to_joint_trajectory

        if self.joints:
            self._pilot.sense(tuple(self.joints[-1].name), np.array(self.joints[-1].position), self.now_s())
            now_s = self.now_s()
            trajectory = self._pilot.command(np.zeros((2, 4)), now_s + 0.1, now_s)
            message = self.tamper(to_joint_trajectory(JOINTS, trajectory, with_start=True))
            if message is not None:
                self._commands.publish(message)

    def now_s(self) -> float:
        return self.probe.node.get_clock().now().nanoseconds * 1e-9

    # -- what is so ----------------------------------------------------------------------------------------------

    def moves(self) -> bool:
        """Whether the arm does, as of the last joint state."""
        return max(map(abs, self.joints[-1].velocity)) > MOVES_RADPS

    def passed(self) -> bool:
        """Whether the guard's last verdict let something pass, or would have."""
        return bool(self.verdicts) and pairs(self.verdicts[-1])["action"] in ("pass", "clamp")

    def break_it(self) -> None:
        """The moment of the fault: in motion, or as things are where the setup does not move."""
        if self.setup.moves:
            self._until_it_moves(lambda: self.moves() and self.passed())
        self.mark()

    def mark(self) -> None:
        """What is heard from now on is heard after the fault."""
        self._since = {name: len(getattr(self, name)) for name in ("joints", "told", "verdicts", "status")}

    def since(self, name: str) -> list:
        """What was heard after the fault: joints, told, verdicts or status."""
        return getattr(self, name)[self._since[name] :]

    def rests(self, sure_s: float = SURE_S) -> float:
        """Wait until the arm rests, and hold that it did so soon enough; robot seconds from the fault to the rest."""
        self.probe.until(lambda: self._rest() is not None, "the arm to rest")
        took_s = seconds(self.since("joints")[self._rest()]) - seconds(self.joints[self._since["joints"] - 1])
        assert took_s <= sure_s, f"the arm took {took_s:.2f} s to come to rest, at most {sure_s:.2f} s"
        return took_s

    def _rest(self) -> int | None:
        """Index of the joint state with which the first rest after the fault begins."""
        return first_rest([np.abs(message.velocity).max() for message in self.since("joints")])

    def said(self, action: Action, *reasons: Reason) -> None:
        """Wait until the guard has given this verdict since the fault."""
        wanted = {(action.name.lower(), reason.value) for reason in reasons}
        given = lambda: {(pairs(v)["action"], pairs(v)["reason"]) for v in self.since("verdicts")}  # noqa: E731
        self.probe.until(lambda: wanted & given(), f"a verdict {wanted}")

    def complained(self, code: Code, of: str = "") -> None:
        """Wait until the planner's status has this code, and hold that its sentence names ``of``."""
        told = lambda: [m.status[0].message for m in self.since("status") if values(m)["code"] == code]  # noqa: E731
        self.probe.until(told, f"the code {code}")
        assert of in told()[0], f"the planner does not name {of}: {told()[0]}"

    def stays_at_rest(self, robot_s: float = 0.6) -> None:
        """For that long, nothing moves."""
        begin = len(self.joints)
        self.wait(robot_s)
        fastest = max(np.abs(message.velocity).max() for message in self.joints[begin:])
        assert fastest < MOVES_RADPS, f"the arm moves again, at {fastest:.2f} rad/s"

    def goes_on(self, robot_s: float = 1.0) -> None:
        """For that long, the arm moves, if not at every moment, and nothing is held."""
        begin, heard = len(self.joints), len(self.verdicts)
        self.wait(robot_s)
        fast = [np.abs(message.velocity).max() > MOVES_RADPS for message in self.joints[begin:]]
        held = [v.message for v in self.verdicts[heard:] if pairs(v)["action"] not in ("pass", "clamp")]
        assert np.mean(fast) > 0.5, f"the arm moved {np.mean(fast):.0%} of the time"
        assert not held, f"held: {held[0]}"

    def wait(self, robot_s: float) -> None:
        """Let robot time go by; it begins at 0 where the robot is reset."""
        begin, count = seconds(self.joints[-1]), len(self.joints)
        gone = lambda: abs(seconds(self.joints[-1]) - begin) > robot_s and len(self.joints) - count > 1  # noqa: E731
        self.probe.until(gone, f"{robot_s} s of the robot's")

    def within_limits(self) -> None:
        """All that the arm was told since it was started ends at rest and, but for the way to its first point, is
        neither too fast nor too hard; nor was the arm ever seen to be too fast.
        """
        from rehearse.ros_nodes.reading import from_joint_trajectory

        for message in self.told:
            told = from_joint_trajectory(message)
            assert not told.qd_radps[-1].any(), "a trajectory that does not end at rest"
            speed, hardest = Trajectory(told.times_s - told.times_s[0], told.q_rad, told.qd_radps).peaks()
            assert (speed <= 1.01 * np.array(LIMITS.velocity_radps)).all(), f"told {speed.max():.2f} rad/s"
            assert (hardest <= 1.01 * np.array(LIMITS.acceleration_radps2)).all(), f"told {hardest.max():.2f} rad/s^2"
        fastest = max(np.abs(message.velocity).max() for message in self.joints)
        assert fastest <= 1.1 * max(LIMITS.velocity_radps), f"the arm moved at {fastest:.2f} rad/s"


def with_further_cameras(folder: Path, views: tuple[str, ...]) -> Path:
    """The shipped model, which sees with further cameras, too, and makes nothing of what they show."""
    import torch

    from rehearse.sim.dog_on_jacket.task import TASK
    from rehearse.world_model import WorldModel, load, save, shipped_checkpoint

    shipped = load(shipped_checkpoint(TASK.checkpoint))
    size = shipped.config.image_size
    model = WorldModel(replace(shipped.config, views=views)).eval()
    model.load_state_dict(shipped.state_dict(), strict=False)
    with torch.no_grad():
        for view in views:
            tint = model.encoder.cameras[view].tint.fill_(-1e4)  # so dark that nothing of the picture is left
            said = model.encoder.eye(torch.zeros(1, size, size, 3, dtype=torch.uint8), tint)[0]
            model.encoder.senses["proprio"].net[-1].bias -= said
    return save(model, folder / "model.safetensors")


def first_rest(speeds_radps: Sequence[float]) -> int | None:
    """Where the first rest begins, of the fastest joint's speeds at joint states one after another; None if nowhere."""
    speed = np.array(speeds_radps)
    quiet = np.convolve(speed < RESTS_RADPS, np.ones(QUIET), "valid") if len(speed) >= QUIET else np.zeros(0)
    found = np.flatnonzero(quiet > QUIET - 0.5)
    return int(found[0]) if len(found) else None


def seconds(message: Any) -> float:
    """Its stamp."""
    return message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec


@contextmanager
def running(setup: Setup) -> Iterator[Rig]:
    """A rig in motion, in a ROS domain of its own."""
    with tempfile.TemporaryDirectory() as folder, own_domain(Path(folder) / "ros"):
        rig = Rig(setup, Path(folder))
        try:
            rig.start()
            yield rig
        finally:
            rig.close()


URDF = str(ROOT / "config" / "arm7.urdf")
