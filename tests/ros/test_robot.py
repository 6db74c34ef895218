"""sim_node as a robot, guard_node and planner_node, as processes that do not wait for each other."""

import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory

from rehearse.ros_nodes.guard import Trajectory
from rehearse.ros_nodes.messages import to_image, to_joint_trajectory
from rehearse.ros_nodes.reading import from_joint_trajectory
from rehearse.sim.arms import ARMS
from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe, nanoseconds, pairs, values

pytestmark = pytest.mark.ros
JOINTS = ARMS["arm7"].joints
LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PATIENCE = {"latency_budget_s": 60.0, "image_timeout_s": 3.0}  # with a planner on a busy machine


@pytest.fixture
def joints(probe: Probe) -> list:
    return probe.listen("/joint_states", JointState)


def to(q_rad: np.ndarray, seconds: float = 0.5) -> JointTrajectory:
    """Go there and rest."""
    return to_joint_trajectory(JOINTS, Trajectory(np.array([0, seconds]), np.stack([q_rad] * 2), np.zeros((2, 7))))


def test_it_senses_at_a_fixed_rate_of_its_own_time(nodes: Nodes, probe: Probe, joints: list) -> None:
    clock = probe.listen("/clock", Clock)
    images = probe.listen("/camera/image_raw", Image, qos_profile_sensor_data)
    infos = probe.listen("/camera/camera_info", CameraInfo, qos_profile_sensor_data)
    nodes.start("sim_node", publish_clock=True, realtime_factor=2.0)
    probe.until(lambda: len(joints) > 60 and len(images) > 4 and len(clock) > 60 and infos, "a second of the robot's")
    steps = np.diff([nanoseconds(message) for message in joints])
    assert set(steps) == {20_000_000}
    assert all(nanoseconds(image) % 200_000_000 == 0 for image in images)
    stamps = {message.clock.sec * 10**9 + message.clock.nanosec for message in clock}
    assert stamps & {nanoseconds(message) for message in joints}
    info = infos[-1]
    assert (info.height, info.width) == (64, 64)
    assert info.k[0] == info.k[4] == pytest.approx(32 / math.tan(math.radians(47 / 2)))
    assert (info.k[2], info.k[5]) == (31.5, 31.5)


def test_it_carries_out_trajectories_as_a_controller_does(nodes: Nodes, probe: Probe, joints: list) -> None:
    nodes.start("sim_node")
    told = probe.talk("/joint_trajectory", JointTrajectory)
    probe.until(lambda: len(joints) > 20, "joint states")
    start = np.array(joints[-1].position)
    target = start + 0.15 * np.eye(7)[0]
    told.publish(to(target))
    at = lambda: np.abs(np.array(joints[-1].position) - target).max()  # noqa: E731
    probe.until(lambda: at() < 0.02, "the arm to get there")
    moving = to(start)
    moving.points[0].velocities[0] = 0.3
    stamped = to(start)
    stamped.header.stamp.sec = 1
    for message, complaint in ((moving, "does not end at rest"), (stamped, "has a stamp")):

        def complained(message: JointTrajectory = message, complaint: str = complaint) -> bool:
            told.publish(message)  # again and again: complaints are throttled
            return complaint in nodes.output("sim_node")

        probe.until(complained, complaint)
    count = len(joints)
    probe.until(lambda: len(joints) > count + 50, "a second")
    assert at() < 0.02, "it holds the last point"


def test_the_guard_says_what_it_does(nodes: Nodes, probe: Probe, joints: list) -> None:
    """Diagnostics tell of the deadman's switch, of counts, of the last refusal, and of others who command the arm."""
    heard = probe.listen("/diagnostics", DiagnosticArray)
    verdicts = probe.listen("/guard/verdict", DiagnosticStatus)
    nodes.start("sim_node")
    nodes.run([*guard_command(), "-p", "deadman:=false"], "guard_node")
    commands = probe.talk("/guard/command", JointTrajectory)
    told = probe.listen("/joint_trajectory", JointTrajectory)
    says = lambda words: lambda: bool(heard) and words in heard[-1].status[0].message  # noqa: E731
    probe.until(lambda: says("no deadman's switch")() and joints, "a warning, and the robot")
    assert heard[-1].status[0].level == DiagnosticStatus.WARN
    assert says("urdf_file is empty")(), "nor a box for the tool"
    good = to(np.array(joints[-1].position) + 0.02)

    def passed() -> bool:
        commands.publish(good)
        return bool(told)

    probe.until(passed, "the command to pass")
    assert not any(from_joint_trajectory(told[0]).qd_radps[-1])
    assert any(pairs(verdict)["action"] == "pass" for verdict in verdicts)
    good.points[0].positions[0] = math.nan
    commands.publish(good)
    probe.until(says("not_finite"), "the refusal")
    assert heard[-1].status[0].level == DiagnosticStatus.ERROR
    said = values(heard[-1])
    assert int(said["pass"]) >= 1
    assert said["hold"] == "1"
    assert said["last_refusal"] == "not_finite: position at point 0 is not finite"
    assert said["controllers"] == "1"
    probe.talk("/joint_trajectory", JointTrajectory)
    good.points[0].positions = joints[-1].position.tolist()

    def warned() -> bool:
        commands.publish(good)
        return "not_finite" not in heard[-1].status[0].message

    probe.until(warned, "the guard to be content again")
    assert heard[-1].status[0].level == DiagnosticStatus.WARN


AHEAD = """import time
true_time = time.time
time.time = lambda: true_time() + 5.0
from rehearse.ros_nodes.main import guard_node
raise SystemExit(guard_node())"""


def test_a_guard_whose_clock_differs_says_so_and_who_asks_late_hears_it(nodes: Nodes, probe: Probe) -> None:
    """As on another machine than switch and planner, with a clock that nobody sets: five seconds ahead."""
    heard = probe.listen("/diagnostics", DiagnosticArray)
    probe.listen("/joint_trajectory", JointTrajectory)
    patience = ["-p", "joint_timeout_s:=10.0", "-p", "controller:=probe"]
    nodes.run([sys.executable, "-c", AHEAD, *guard_command()[1:], *patience], "guard_node", cwd=ROOT)
    switch, joints = probe.talk("/guard/enable", Bool), probe.talk("/joint_states", JointState)
    commands = probe.talk("/guard/command", JointTrajectory)

    def says(words: str) -> bool:
        joints.publish(JointState(name=list(JOINTS), position=[0.0] * 7))
        switch.publish(Bool(data=True))
        return bool(heard) and words in heard[-1].status[0].message

    probe.until(lambda: says("stale_enable: the deadman's true was sent 5."), "what is wrong with the switch")
    assert "set both by NTP" in heard[-1].status[0].message
    verdicts = probe.listen("/guard/verdict", DiagnosticStatus, LATCHED)
    probe.until(lambda: any(pairs(verdict)["reason"] == "stale_enable" for verdict in verdicts), "what was said before")
    commands.publish(to(np.zeros(7)))
    refused = lambda: says("") and any("the command was sent 5." in verdict.message for verdict in verdicts)  # noqa: E731
    probe.until(refused, "the refusal")


def test_a_planner_that_does_not_know_the_time_yet_waits(nodes: Nodes, probe: Probe, checkpoint: Path) -> None:
    """Pictures may come before the clock and before the joints do: no reason to give up."""
    status = probe.listen("/planner/status", DiagnosticArray)
    nodes.start("planner_node", checkpoint=checkpoint, futures=24, use_sim_time=True, **PATIENCE)
    images, proprio = probe.talk("/camera/image_raw", Image), probe.talk("/proprio", JointState)
    picture, felt = to_image(np.zeros((64, 64, 3), np.uint8), Time(sec=30)), JointState(position=[0.0] * 10)
    felt.header.stamp = picture.header.stamp
    heard = len(status)

    def waited() -> bool:
        proprio.publish(felt)
        images.publish(picture)
        return len(status) > heard + 2

    probe.until(waited, "the status")
    assert {message.status[0].level for message in status} == {DiagnosticStatus.WARN}
    assert status[-1].status[0].message == "no guard listens to guard/command"


def guard_command() -> list[str]:
    """The guard's command line, with patience."""
    executable = str(Path(sys.executable).with_name("guard_node"))
    return [executable, "--ros-args", "--params-file", str(ROOT / "tests" / "ros" / "patient_guard.yaml")]


def test_an_episode_at_the_robots_pace(nodes: Nodes, probe: Probe, joints: list, checkpoint: Path) -> None:
    """The planner drives the arm through the guard until the episode is over, then lets it rest; and again."""
    status = probe.listen("/planner/status", DiagnosticArray)
    told = probe.listen("/joint_trajectory", JointTrajectory)
    guard = nodes.run([*guard_command(), "-p", "deadman:=false"], "guard_node")
    planner = nodes.start("planner_node", checkpoint=checkpoint, futures=24, begin_at_once=False, **PATIENCE)
    probe.until(lambda: status, "the planner")
    assert status[-1].status[0].message == "stopped"
    nodes.start("sim_node", layout=1)
    probe.until(lambda: len(joints) > 10, "the robot")

    def episode() -> None:
        count, began = len(told), np.array(joints[-1].position)
        over = lambda: values(status[-1]).get("outcome") in ("reached", "harm", "time_up")  # noqa: E731
        assert probe.call("/planner/start").success
        probe.until(lambda: not over(), "the beginning of the episode")
        probe.until(over, "its end")
        assert int(values(status[-1])["decisions"]) >= 3
        assert len(told) - count >= 3
        assert np.abs(np.array(joints[-1].position) - began).max() > 0.02, "the arm moved"
        resting: Callable[[], bool] = lambda: max(map(abs, joints[-1].velocity)) < 0.05  # noqa: E731
        probe.until(resting, "the arm to rest")

    episode()
    assert probe.call("/sim/reset").success
    assert_reset(probe, joints)
    episode()
    for process in (planner, guard):
        assert nodes.end(process, signal.SIGTERM) == 0
    assert "Traceback" not in nodes.output("planner_node") + nodes.output("guard_node")


def assert_reset(probe: Probe, joints: list) -> None:
    """The arm was put back without being told, which the guard takes for a fault; the operator knows better."""
    count = len(joints)
    probe.until(lambda: len(joints) > count + 10, "the robot as it is now")
    probe.until(lambda: probe.call("/guard/reset").success, "a reset")
    count = len(joints)
    probe.until(lambda: len(joints) > count + 40, "the arm to stand")
