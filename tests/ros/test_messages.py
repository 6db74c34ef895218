"""Messages from strangers, with too many points, joints or pixels; and a guard that stays."""

import array
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.trajectory import MOST_JOINTS, MOST_POINTS
from rehearse.ros_nodes.messages import squared
from rehearse.ros_nodes.reading import MOST_PIXELS, from_image, from_joint_trajectory
from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe, pairs

pytestmark = pytest.mark.ros


def points(count: int, width: int) -> list[JointTrajectoryPoint]:
    """Of `width` numbers each."""
    return [JointTrajectoryPoint(positions=[0.0] * width, velocities=[0.0] * width) for _ in range(count)]


@pytest.mark.parametrize(
    ("names", "count", "width", "read"),
    [
        (7, 3, 7, (7, (3, 7))),
        (7, 0, 7, (7, (0, 0))),
        (7, 3, 6, (7, (3, 0))),
        (7, 2, 5000, (7, (2, 0))),
        (7, 5000, 7, (7, (MOST_POINTS + 1, 7))),
        (5000, 2, 5000, (MOST_JOINTS + 1, (2, 0))),
    ],
)
def test_of_a_trajectory_no_more_is_read_than_refuses_it(names: int, count: int, width: int, read: tuple) -> None:
    message = JointTrajectory(joint_names=[f"joint{i}" for i in range(names)], points=points(count, width))
    command = from_joint_trajectory(message)
    assert (len(command.joints), command.q_rad.shape) == read
    assert command.qd_radps.shape == command.q_rad.shape
    assert len(command.times_s) == min(count, MOST_POINTS + 1)


def test_points_that_differ_in_width_are_no_table() -> None:
    message = JointTrajectory(joint_names=["a", "b"], points=[*points(1, 2), *points(1, 1)])
    assert from_joint_trajectory(message).q_rad.shape == (2, 0)


@pytest.mark.parametrize(
    ("height", "width", "step", "size", "encoding", "said"),
    [
        (4096, 4097 * 4, 4097 * 4, 4 * MOST_PIXELS + 4, "rgb8", f"at most {MOST_PIXELS} pixels"),
        (2, 2, 6, 12, "bgr8" * 1000, r"'(bgr8){10}…'"),
        (2**32 - 1, 2**32 - 1, 0, 12, "rgb8", "expected rgb8"),
        (2, 2, 6, 11, "rgb8", "expected rgb8"),
    ],
)
def test_pictures_that_are_none(height: int, width: int, step: int, size: int, encoding: str, said: str) -> None:
    data = array.array("B", bytes(size))
    with pytest.raises(DataError, match=said) as refused:
        from_image(Image(height=height, width=width, step=step, data=data, encoding=encoding))
    assert len(str(refused.value)) < 200


def test_a_picture_becomes_its_middle_square() -> None:
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[:, 20:80] = 200
    small = squared(picture, 6)
    assert small.shape == (6, 6, 3)
    assert (small == 200).all()
    assert squared(picture, 0) is picture


def test_the_guard_outlives_what_is_too_much(nodes: Nodes, probe: Probe) -> None:
    """It refuses each in one short sentence, and then lets a good command pass."""
    executable = str(Path(sys.executable).with_name("guard_node"))
    patient = ["--params-file", str(ROOT / "tests" / "ros" / "patient_guard.yaml")]
    given = ["-p", "deadman:=false", "-p", "controller:=probe"]
    guard = nodes.run([executable, "--ros-args", *patient, *given], "guard_node")
    verdicts = probe.listen("/guard/verdict", DiagnosticStatus)
    told = probe.listen("/joint_trajectory", JointTrajectory)
    commands, senses = probe.talk("/guard/command", JointTrajectory), probe.talk("/joint_states", JointState)
    joints = [f"joint{i}" for i in range(1, 8)]
    home = [1.4, 0.35, 0.0, 1.75, 0.0, 1.04, 0.0]

    def feel(names: list[str], q_rad: list[float]) -> None:
        message = JointState(name=names, position=q_rad)
        message.header.stamp = probe.node.get_clock().now().to_msg()
        senses.publish(message)

    def refused(message: JointTrajectory, reason: str, said: str) -> None:
        def so() -> bool:
            feel(joints, home)
            commands.publish(message)
            return any(pairs(v)["reason"] == reason and said in v.message for v in verdicts)

        probe.until(so, said)

    refused(JointTrajectory(joint_names=joints, points=points(20_000, 7)), "joint_set", "more than 1000 points")
    refused(JointTrajectory(joint_names=["x" * 999] * 20_000, points=points(1, 7)), "joint_set", "and 252 more")
    refused(JointTrajectory(joint_names=joints, points=points(3, 9999)), "joint_set", "needs 7 positions")
    for name, q_rad in ((joints * 100, home * 100), ([*joints, "joint1"], [*home, 0.0])):
        said = "more than 256 joints" if len(name) > 100 else "name a joint twice"
        probe.until(
            lambda name=name, q_rad=q_rad, said=said: feel(name, q_rad) or any(said in v.message for v in verdicts),
            said,
        )
        probe.until(lambda: feel(joints, home) or pairs(verdicts[-1])["reason"] == "ok", "the guard to be content")
    assert max(len(verdict.message) for verdict in verdicts) < 400
    good = JointTrajectory(joint_names=joints, points=points(1, 7))
    good.points[0].positions = [q + 0.01 for q in home]
    good.points[0].time_from_start.nanosec = 500_000_000
    probe.until(lambda: feel(joints, home) or commands.publish(good) or told, "the good one to pass")
    assert nodes.end(guard, signal.SIGINT) == 0
