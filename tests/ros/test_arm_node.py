"""guard_node and arm_node as processes over real DDS; MuJoCo stands in for the SO-101 behind LeRobot's interface."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory

from rehearse.ros_nodes.guard import Trajectory
from rehearse.ros_nodes.messages import to_joint_trajectory
from rehearse.ros_nodes.reading import from_image, from_joint_trajectory
from rehearse.sim.robots import ROBOTS
from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe, pairs
from tests.ros.robots import LEFT, UNPLUGGED

pytestmark = pytest.mark.ros
SO101 = ROBOTS["so101"]
HIGH = np.array(SO101.position_high_rad)


class Rig:
    """The two nodes, what they say, and a plan that is sent again and again, as a planner does."""

    def __init__(self, nodes: Nodes, probe: Probe, folder: Path) -> None:
        self.nodes, self.probe = nodes, probe
        self.joints: list = probe.listen("/joint_states", JointState)
        self.told: list = probe.listen("/joint_trajectory", JointTrajectory)
        self.verdicts: list = probe.listen("/guard/verdict", DiagnosticStatus)
        self.actions: list = probe.listen("/arm/action", JointState)
        self.health: list = probe.listen("/diagnostics", DiagnosticArray)
        self.robot_file, self.unplug, self.left = (folder / name for name in ("robot.yaml", "unplug", "left.json"))
        self.robot_file.write_text("type: tests.ros.robots:Unplugged\n")

    def start(self, **parameters: object) -> subprocess.Popen:
        """Both nodes, until the arm is felt and the guard content; the arm's process."""
        here = lambda name: str(Path(sys.executable).with_name(name))  # noqa: E731
        patience = {"bus_timeout_s": 1.0}  # of a simulated bus on a busy machine
        given = {"robot_file": self.robot_file, **patience, **parameters}
        files = [f"--params-file={ROOT / 'config' / name}.yaml" for name in ("arm", "so101")]
        files = [word for name in files for word in name.split("=")]
        said = [word for name, value in given.items() for word in ("-p", f"{name}:={value}")]
        arm = self.nodes.run([here("arm_node"), "--ros-args", *files, *said], "arm_node")
        patient = ["--params-file", str(ROOT / "tests/ros/patient_guard.yaml"), "-p", "deadman:=false"]
        guard = [here("guard_node"), "--ros-args", *files[2:], *patient, "-p", "controller:=arm"]
        self.guard = self.nodes.run(guard, "guard_node")
        self.commands = self.probe.talk("/guard/command", JointTrajectory)
        self.probe.until(lambda: len(self.joints) > 20 and self.verdicts, "the arm")
        return arm

    @property
    def q_rad(self) -> np.ndarray:
        """Where the joints are felt to be."""
        return np.array(self.joints[-1].position)

    def go(self, q_rad: np.ndarray, seconds: float = 2.0) -> None:
        """Ask the guard for this."""
        path = Trajectory(np.array([0, seconds]), np.stack([self.q_rad, q_rad]), np.zeros((2, 5)))
        self.commands.publish(to_joint_trajectory(SO101.joints, path, with_start=True))

    def reason(self) -> str:
        """The guard's last."""
        return pairs(self.verdicts[-1])["reason"]

    def arm_says(self) -> DiagnosticStatus:
        """The arm's own health."""
        of_arm = lambda: [m.status[0] for m in self.health if m.status[0].name == "arm"]  # noqa: E731
        self.probe.until(of_arm, "the arm's health")
        return of_arm()[-1]

    def wait(self, periods: int) -> None:
        """For so many joint states."""
        count = len(self.joints)
        self.probe.until(lambda: len(self.joints) >= count + periods, f"{periods} joint states")


@pytest.fixture
def rig(nodes: Nodes, probe: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    rig = Rig(nodes, probe, tmp_path)
    monkeypatch.setenv(UNPLUGGED, str(rig.unplug))
    monkeypatch.setenv(LEFT, str(rig.left))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return rig


def test_what_passes_the_guard_moves_the_arm(rig: Rig) -> None:
    arm = rig.start()
    start = rig.q_rad
    np.testing.assert_allclose(start, SO101.home_rad, atol=0.01)

    def there() -> bool:
        rig.go(start + np.array([0.4, 0, 0, 0, 0.2]))
        return np.abs(rig.q_rad - start)[[0, 4]].min() > 0.15

    rig.probe.until(there, "the arm to move")
    assert rig.reason() in ("ok", "silent")
    assert not any(from_joint_trajectory(rig.told[-1]).qd_radps[-1])
    assert set(rig.actions[-1].name) == {f"{name}.pos" for name in (*SO101.joints, *SO101.fingers)}
    assert np.abs(rig.actions[-1].position[0]) > 1, "degrees"
    assert rig.arm_says().level == DiagnosticStatus.OK
    assert rig.nodes.end(arm, signal.SIGINT) == 0
    assert json.loads(rig.left.read_text())["torque"], "it holds"


def test_limits_hold(rig: Rig) -> None:
    """Beyond a joint's limit nothing goes, and too fast a plan is slowed down."""
    rig.start()
    start, turn = rig.q_rad, np.eye(5)[0]

    def fast() -> bool:
        rig.go(start + 1.2 * turn, seconds=0.25)
        return abs(rig.q_rad[0] - start[0]) > 0.2

    rig.probe.until(fast, "the arm to move")
    speeds = [from_joint_trajectory(message) for message in rig.told]
    assert max(np.abs(told.qd_radps).max() for told in speeds) <= 3.01
    assert any(pairs(verdict)["action"] == "clamp" for verdict in rig.verdicts)

    def refused() -> bool:
        rig.go(HIGH + 0.2 * turn, seconds=0.6)
        return rig.reason() == "position"

    rig.probe.until(refused, "the refusal")
    rig.wait(50)
    assert rig.q_rad[0] < HIGH[0] - 0.05
    assert max(from_joint_trajectory(told).q_rad[:, 0].max() for told in rig.told) < HIGH[0]


def test_the_arm_rests_when_the_guard_is_killed(rig: Rig) -> None:
    rig.start()
    start, turn = rig.q_rad, np.eye(5)[0]

    def moves() -> bool:
        rig.go(start + 1.5 * turn)
        return rig.q_rad[0] - start[0] > 0.1

    rig.probe.until(moves, "the arm to move")
    rig.nodes.kill(rig.guard)
    last = from_joint_trajectory(rig.told[-1])
    rig.wait(100)
    rest = rig.q_rad
    rig.wait(50)
    assert np.abs(rig.q_rad - rest).max() < 0.003, "at rest"
    # The servo settles where friction lets it.
    np.testing.assert_allclose(rest, last.q_rad[-1], atol=0.03)
    assert rest[0] < start[0] + 1.4, "short of where the planner wanted it"
    assert rig.arm_says().level == DiagnosticStatus.OK


def test_a_lost_bus_is_one_clear_error_and_the_guard_holds(rig: Rig) -> None:
    arm = rig.start()
    start, turn = rig.q_rad, np.eye(5)[0]

    def moves() -> bool:
        rig.go(start + 1.0 * turn)
        return rig.q_rad[0] - start[0] > 0.1

    rig.probe.until(moves, "the arm to move")
    rig.unplug.touch()
    rig.probe.until(lambda: rig.arm_says().level == DiagnosticStatus.ERROR, "the arm's error")
    assert rig.arm_says().message == (
        "rehearse_follower is lost: ConnectionError: [Errno 5] Input/output error: '/dev/ttyACM0'"
    )
    rig.probe.until(lambda: rig.reason() == "stale_joints", "the guard to notice")
    assert int(pairs(rig.arm_says())["hiccups"]) >= 5
    assert rig.nodes.output("arm_node").count("is lost") == 1
    rig.unplug.unlink()
    heard = len(rig.joints)
    count = len(rig.health)
    rig.probe.until(lambda: len(rig.health) > count + 3, "some seconds")
    assert len(rig.joints) == heard, "a bus that comes back is no arm that came back"
    assert rig.nodes.end(arm, signal.SIGTERM) == 0


def test_a_dry_run_shows_and_does_not_touch(rig: Rig) -> None:
    rig.start(dry_run="true")
    start, turn = rig.q_rad, np.eye(5)[0]

    def shown() -> bool:
        rig.go(start + 0.4 * turn, seconds=1.0)
        return abs(rig.actions[-1].position[0] - np.degrees(start[0])) > 4

    rig.probe.until(shown, "what would be sent")
    assert np.abs(rig.q_rad - start).max() < 0.01
    assert rig.arm_says().message == "dry run: nothing is sent"
    assert rig.arm_says().level == DiagnosticStatus.WARN


def test_it_brakes_at_its_end_and_leaves_the_servos_as_asked(rig: Rig) -> None:
    arm = rig.start(on_shutdown="limp")
    start, turn = rig.q_rad, np.eye(5)[0]

    def moves() -> bool:
        rig.go(start + 1.5 * turn)
        return rig.q_rad[0] - start[0] > 0.1

    rig.probe.until(moves, "the arm to move")
    assert rig.nodes.end(arm, signal.SIGTERM) == 0
    left = json.loads(rig.left.read_text())
    assert left["torque"] is False
    assert left["speed_radps"] < 0.5, "after the greatest deceleration; only its servos' lag is left"
    assert left["q_rad"]["shoulder_pan"] < start[0] + 1.2, "it did not go on to its goal"


@pytest.mark.gl
def test_its_camera_is_the_robots(rig: Rig) -> None:
    rig.robot_file.write_text("type: rehearse_follower\nimage_px: 48\n")
    images = rig.probe.listen("/camera/image_raw", Image, qos_profile_sensor_data)
    infos = rig.probe.listen("/camera/camera_info", CameraInfo, qos_profile_sensor_data)
    rig.start(camera_px=32, camera_fovy_deg=44.0)
    rig.probe.until(lambda: len(images) > 2 and infos, "pictures")
    picture = from_image(images[-1])
    assert picture.shape == (32, 32, 3)
    assert picture.std() > 10, "of something"
    assert (infos[-1].height, infos[-1].width) == (32, 32)
    assert infos[-1].k[0] == pytest.approx(16 / np.tan(np.radians(22)))
    assert images[-1].header.stamp in [message.header.stamp for message in rig.joints]


@pytest.mark.parametrize(
    ("text", "parameters", "said"),
    [
        (None, {}, "robot_file: there is no"),
        ("", {"robot_file": "''"}, "robot_file is empty"),
        ("port: /dev/ttyACM0\n", {}, "names no robot"),
        ("type: rehearse_follower\ndisable_torque_on_disconnect: true\n", {}, "on_shutdown decides"),
        ("type: rehearse_follower\nport: x\n", {}, "unexpected keyword argument 'port'"),
        ("type: nowhere:Robot\n", {}, "cannot import nowhere:Robot"),
        ("type: rehearse_follower\n", {"camera": "top"}, "the robot has no 'top'; it has none"),
        ("type: rehearse_follower\n", {"on_shutdown": "fall"}, "choose hold or limp"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(rig: Rig, text: str | None, parameters: dict, said: str) -> None:
    if text is not None:
        rig.robot_file.write_text(text)
    given = {"robot_file": rig.robot_file if text is not None else rig.unplug, **parameters}
    process = rig.nodes.start("arm_node", **given)
    assert process.wait(timeout=60) == 2
    rig.nodes.running.remove(process)
    lines = rig.nodes.output("arm_node").splitlines()
    assert len(lines) == 1, lines
    assert said in lines[0]
