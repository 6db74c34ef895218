"""The task reach over ROS: its goal as a picture or as numbers, given to the planner beside a robot, as processes."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from rehearse.ros_nodes.messages import to_image
from rehearse.ros_nodes.reading import from_image
from rehearse.sim.tasks import get_task
from tests.ros.live import GoalClient, Nodes, Probe, values
from tests.ros.robot import LATCHED, Robot

pytestmark = pytest.mark.ros
LAYOUT = 3
LOCKSTEP = {"task": "reach", "lockstep": True}


@pytest.fixture(scope="module")
def start() -> dict[str, np.ndarray]:
    """The first observation of the layout, as the environment gives it."""
    env = get_task("reach").make_env(split="test")
    observation, _ = env.reset(options={"layout": LAYOUT})
    env.close()
    return observation


@pytest.fixture
def status(probe: Probe) -> list:
    return probe.listen("/planner/status", DiagnosticArray)


def until(probe: Probe, status: list, **said: str) -> dict[str, str]:
    """Wait for the status to say so; all of it."""
    says = lambda: status and all(values(status[-1]).get(name) == value for name, value in said.items())  # noqa: E731
    probe.until(says, f"the status {said}")
    return values(status[-1])


def test_the_simulated_robot_shows_the_goal_of_its_layout(nodes: Nodes, probe: Probe, start: dict) -> None:
    goals = probe.listen("/goal/image_raw", Image, LATCHED)
    felt = probe.listen("/proprio", JointState)
    info = probe.listen("/sim/info", DiagnosticArray)
    nodes.start("sim_node", layout=LAYOUT, **LOCKSTEP)
    probe.until(lambda: goals and felt and info, "the goal, and what is felt")
    np.testing.assert_array_equal(from_image(goals[-1]), start["goal"])
    np.testing.assert_array_equal(np.array(felt[-1].position, np.float32), start["proprio"])
    assert tuple(felt[-1].name) == get_task("reach").proprio
    assert values(info[-1]).keys() >= {"success", "progress", "distance_m", "finished", "layout"}
    assert probe.call("/sim/reset").success
    probe.until(lambda: len(goals) > 1, "the goal of the next episode")


@pytest.mark.parametrize("told", ["image", "state"])
def test_a_goal_that_is_told_is_reached(nodes: Nodes, probe: Probe, status: list, start: dict, told: str) -> None:
    """In lockstep, where nothing is late; a goal from before the planner's start counts, too."""
    if told == "image":
        publisher = probe.node.create_publisher(Image, "/planner/goal_image", LATCHED)
        publisher.publish(to_image(start["goal"], Time()))
    else:
        publisher = probe.node.create_publisher(String, "/planner/goal", LATCHED)
        place = [float(number) for number in start["goal_state"]]
        publisher.publish(String(data=json.dumps({"kind": "reach", "goal_state": place})))
    nodes.start("sim_node", layout=LAYOUT, **LOCKSTEP)
    nodes.start("planner_node", futures=64, **LOCKSTEP)
    said = until(probe, status, goal_number="1", outcome="reached")
    assert (said["goal"], said["goal_told"], said["outcome_message"]) == ("reach", told, "the goal is reached")
    assert int(said["decisions"]) >= 2


@pytest.mark.parametrize("told", ["image", "state"])
def test_an_action_says_where_to(nodes: Nodes, probe: Probe, status: list, start: dict, action: Any, told: str) -> None:
    nodes.start("sim_node", layout=LAYOUT, **LOCKSTEP)
    nodes.start("planner_node", futures=64, **LOCKSTEP)
    client = GoalClient(probe, action)
    picture, place = to_image(start["goal"], Time()), [float(number) for number in start["goal_state"]]
    until(probe, status, code="stopped")
    for wrong, complaint in (
        ({}, "reach has no goal yet"),
        ({"goal_image": picture, "goal_state": place}, "leave one of them out"),
        ({"goal_image": larger(picture)}, "is 128 x 128; this model sees 64 x 64"),
        ({"goal_state": place[:2]}, "send a list of 3 finite numbers"),
    ):
        assert not client.ask(kind="reach", **wrong).accepted
        probe.until(lambda: complaint in values(status[-1]).get("refused", ""), complaint)  # noqa: B023
    handle = client.ask(kind="reach", **({"goal_image": picture} if told == "image" else {"goal_state": place}))
    ended = client.wait(handle.get_result_async())
    assert ended.result.outcome == action.Result.REACHED, ended.result.message
    assert values(status[-1])["goal_told"] == told


def test_at_the_robots_pace_the_picture_that_it_shows_is_gone_to(nodes: Nodes) -> None:
    """Through guard and controller; the topics are joined by a remapping, and nothing else is said."""
    robot = Robot(nodes, task="reach", shows={"goal/image_raw": "planner/goal_image"})
    said = robot.until(goal="reach", goal_told="image", outcome="running")
    robot.probe.until(lambda: not robot.says(outcome="running"), "the end")
    said = values(robot.status[-1])
    assert (said["outcome"], said["outcome_message"]) == robot.fate()
    assert int(said["decisions"]) >= 2
    pictures = robot.probe.node.create_publisher(Image, "/planner/goal_image", LATCHED)
    pictures.publish(Image())
    assert refused(robot.probe, robot.status)["goal_number"] == "1", "what is damaged takes no goal's place"
    assert robot.probe.call("/planner/start").success, "the last goal again"
    assert robot.until(goal_number="2")["goal_told"] == "image"
    assert robot.probe.call("/planner/stop").success
    robot.probe.close()


def flipped(message: Image) -> Image:
    message.encoding = "bgr8"
    return message


def cut(message: Image) -> Image:
    message.data = message.data[:-1]
    return message


def larger(message: Image) -> Image:
    return to_image(np.repeat(np.repeat(from_image(message), 2, axis=0), 2, axis=1), Time())


def torn(message: Image) -> Image:
    picture = from_image(message)
    picture[len(picture) // 2 :] = 0
    return to_image(picture, Time())


def inverted(message: Image) -> Image:
    return to_image(255 - from_image(message), Time())


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (flipped, "expected rgb8"),
        (cut, "expected rgb8 with height x step bytes"),
        (larger, "is 128 x 128; this model sees 64 x 64: send it as the camera's are"),
        (torn, "the model does not know what the goal's picture shows"),
        (inverted, "send what the robot's own camera shows when the goal is reached"),
        (lambda _: Image(), "expected rgb8"),
    ],
)
def test_a_damaged_picture_is_refused_with_its_reason(
    nodes: Nodes, probe: Probe, status: list, start: dict, damage: Callable[[Image], Image], complaint: str
) -> None:
    publisher = probe.node.create_publisher(Image, "/planner/goal_image", LATCHED)
    publisher.publish(damage(to_image(start["goal"], Time())))
    nodes.start("planner_node", futures=24, **LOCKSTEP)
    said = refused(probe, status)
    assert complaint in said["refused"]
    assert said["code"] == "stopped"
    assert "goal" not in said, "there is none"


def refused(probe: Probe, status: list) -> dict[str, Any]:
    """The status once something was."""
    probe.until(lambda: status and "refused" in values(status[-1]), "the refusal")
    return values(status[-1])


def test_without_a_goal_the_planner_waits_and_says_what_for(nodes: Nodes, probe: Probe, status: list) -> None:
    goals = probe.node.create_publisher(String, "/planner/goal", LATCHED)
    goals.publish(String(data="reach"))
    nodes.start("planner_node", futures=24, **LOCKSTEP)
    wanted = 'reach has no goal yet: send a picture to ~/goal_image, or {"kind": "reach", "goal_state": [grip_x'
    assert wanted in refused(probe, status)["refused"]
    assert wanted in status[-1].status[0].message
    reply = probe.call("/planner/start")
    assert not reply.success
    assert wanted in reply.message


@pytest.mark.parametrize(
    ("executable", "parameters", "said"),
    [
        ("sim_node", {"task": "push"}, "push has no arm that could be run at a robot's pace; choose one of"),
        ("planner_node", {"task": "walk"}, "unknown task 'walk'"),
        ("sim_node", {"task": "reach", "views": "left"}, "unknown camera 'left'; reach has these further ones: none"),
    ],
)
def test_a_task_that_cannot_be_run_is_refused_in_one_line(
    nodes: Nodes, executable: str, parameters: dict, said: str
) -> None:
    assert nodes.start(executable, **parameters).wait(timeout=90) == 2
    [line] = nodes.output(executable).splitlines()
    assert line.startswith("error: ")
    assert said in line
