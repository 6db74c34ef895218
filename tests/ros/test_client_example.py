"""examples/ros_client, as a process of its own, gives goals to the real planner."""

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from tests.house.tree import ROOT, parse
from tests.ros.live import LIMIT_S, Nodes
from tests.ros.robot import Robot

pytestmark = pytest.mark.ros
SCRIPT = ROOT / "examples" / "ros_client" / "give_goal.py"


@pytest.fixture
def robot(nodes: Nodes) -> Iterator[Robot]:
    robot = Robot(nodes)
    yield robot
    robot.probe.close()


def give(robot: Robot, *words: str) -> subprocess.Popen:
    """Start it."""
    return subprocess.Popen([sys.executable, str(SCRIPT), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def said(process: subprocess.Popen) -> tuple[int, str]:
    """How it ended."""
    try:
        out, _ = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    return process.returncode, out.decode()


def test_it_gives_goals_and_tells_how_they_end(robot: Robot) -> None:
    code, out = said(give(robot, "reach"))
    outcome, message = robot.fate()
    assert (code, out) == (int(outcome != "reached"), f"reach ...\n{outcome}: {message}\n")
    for _ in range(2):
        assert said(give(robot, "dance")) == (2, "refused: unknown goal 'dance'; send one of reach, home, stop\n")
    client = give(robot, "home")
    assert client.stdout.readline() == b"home ...\n"
    robot.listen_anew()
    robot.probe.until(lambda: robot.speed() > 0.05, "the arm to move")
    client.send_signal(signal.SIGINT)
    code, out = said(client)
    assert (code, out) == (1, "canceled: stopped\n")
    robot.listen_anew()
    robot.probe.until(lambda: robot.speed() < 0.05, "the arm to rest")
    assert robot.far() > 0.1
    hasty = give(robot, '{"kind": "home", "time_limit_s": 0.4}')
    assert said(hasty) == (1, "home ...\ntime_up: not done within 0.4 s\n")


def test_without_a_planner_it_says_so(nodes: Nodes) -> None:
    alone = subprocess.run([sys.executable, SCRIPT, "reach", "--planner", "/nowhere"], capture_output=True, text=True)
    assert (alone.returncode, alone.stderr) == (2, "no planner is heard\n")


def test_it_knows_standard_messages_only() -> None:
    used = {name.name for node in ast.walk(parse(SCRIPT)) if isinstance(node, ast.Import) for name in node.names}
    used |= {node.module for node in ast.walk(parse(SCRIPT)) if isinstance(node, ast.ImportFrom)}
    ours = {name.split(".")[0] for name in used} - sys.stdlib_module_names
    assert ours == {"rclpy", "diagnostic_msgs", "std_msgs", "std_srvs"}
