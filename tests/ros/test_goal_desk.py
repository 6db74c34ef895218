"""Goals by topic, by service and by action, given to the planner beside a robot and a guard, all as processes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from tests.ros.live import GoalClient, Nodes, Probe, values
from tests.ros.robot import LATCHED, Robot

pytestmark = pytest.mark.ros


@pytest.fixture
def robot(nodes: Nodes) -> Iterator[Robot]:
    robot = Robot(nodes)
    yield robot
    robot.probe.close()


def test_a_goal_ends_as_the_world_says_and_then_the_arm_goes_home(robot: Robot) -> None:
    """By topic and by service, as somebody does who has standard messages only."""
    robot.goals.publish(String(data='{"kind": "reach"}'))
    said = robot.until(goal="reach", outcome="running", goal_number="1")
    robot.probe.until(lambda: "predicted_risk" in values(robot.status[-1]), "a decision")
    said = values(robot.status[-1])
    assert 0 <= float(said["predicted_risk"]) <= 1
    assert np.isfinite(float(said["predicted_success"]))
    robot.probe.until(lambda: not robot.says(outcome="running"), "the end")
    said = values(robot.status[-1])
    assert (said["outcome"], said["outcome_message"]) == robot.fate()
    decisions = said["decisions"]
    assert int(decisions) >= 3
    robot.listen_anew()
    assert robot.far() > 0.1
    assert robot.probe.call("/planner/home").success
    robot.until(goal="home", outcome="running")
    robot.joints.clear()
    assert robot.until(goal="home", outcome="reached")["outcome_message"] == "at home"
    robot.probe.until(lambda: robot.far() < 0.06, "the arm at home")
    assert max(max(map(abs, state.velocity)) for state in robot.joints) < 0.45, "gently"
    assert values(robot.status[-1])["decisions"] == decisions
    assert "Traceback" not in robot.nodes.output("planner_node")


def test_a_goal_is_reached(nodes: Nodes, probe: Probe) -> None:
    """In lockstep, where nothing is late."""
    status = probe.listen("/planner/status", DiagnosticArray)
    goals = probe.node.create_publisher(String, "/planner/goal", LATCHED)
    nodes.start("sim_node", lockstep=True, layout=3)
    nodes.start("planner_node", lockstep=True, futures=64, begin_at_once=False)
    goals.publish(String(data="reach"))
    probe.until(lambda: status and values(status[-1]).get("outcome") not in (None, "running"), "the end")
    said = values(status[-1])
    assert (said["outcome"], said["outcome_message"]) == ("reached", "the jacket is there, the dog asleep")
    assert int(said["decisions"]) >= 5


@pytest.fixture
def unhurried(nodes: Nodes) -> Iterator[Robot]:
    """A robot whose episode nobody ends too soon: it is slow, and what its world says is not heard."""
    robot = Robot(nodes, pace=0.3, remap={"sim/info": "nobody/info"})
    yield robot
    robot.probe.close()


def test_a_goal_by_action(unhurried: Robot, action: Any) -> None:
    """Refused, pre-empted, canceled and reached; what ends it is told when the arm is at rest."""
    robot = unhurried
    client, result = GoalClient(robot.probe, action), action.Result
    assert not client.ask(kind="fly").accepted
    robot.probe.until(lambda: "unknown goal 'fly'" in values(robot.status[-1]).get("refused", ""), "the reason")
    assert not client.ask(kind="reach", time_limit_s=float("nan")).accepted

    first = client.ask(kind="reach", signal="progress")
    robot.probe.until(lambda: len(client.feedback) > 1, "feedback")
    second = client.ask(kind="reach")
    ended = client.wait(first.get_result_async())
    assert (ended.status, ended.result.outcome) == (GoalStatus.STATUS_ABORTED, result.PREEMPTED)
    assert ended.result.message == "another goal came: reach"
    count = len(client.feedback)
    robot.probe.until(lambda: len(client.feedback) > count, "feedback of the second")
    told = client.feedback[-1]
    assert told.futures >= 64
    assert told.milliseconds > 0
    assert np.isfinite([told.cost, told.predicted_success]).all()
    assert 0 <= told.predicted_risk <= 1
    robot.probe.until(lambda: robot.speed() > 0.05, "the arm to move")
    assert len(client.wait(second.cancel_goal_async()).goals_canceling) == 1
    ended = client.wait(second.get_result_async())
    assert (ended.status, ended.result.outcome) == (GoalStatus.STATUS_CANCELED, result.CANCELED)
    robot.listen_anew()
    robot.probe.until(lambda: robot.speed() < 0.05, "the arm to rest")
    count = int(values(robot.status[-1])["decisions"])
    robot.listen_anew()
    assert int(values(robot.status[-1])["decisions"]) == count

    home = client.wait(client.ask(kind="home", time_limit_s=60.0).get_result_async())
    assert (home.status, home.result.outcome, home.result.message) == (
        GoalStatus.STATUS_SUCCEEDED,
        result.REACHED,
        "at home",
    )
    stop = client.wait(client.ask(kind="stop").get_result_async())
    assert (stop.status, stop.result.outcome) == (GoalStatus.STATUS_SUCCEEDED, result.REACHED)
    assert "Traceback" not in robot.nodes.output("planner_node")


def test_a_goal_that_takes_too_long_or_goes_wrong_ends(robot: Robot) -> None:
    robot.goals.publish(String(data='{"kind": "home", "time_limit_s": 0.5}'))
    said = robot.until(goal="home", outcome="time_up")
    assert said["outcome_message"] == "not done within 0.5 s"
    assert robot.probe.call("/planner/start").success
    robot.until(goal="reach", outcome="running")
    assert robot.probe.call("/planner/stop").success
    robot.until(goal="reach", outcome="canceled", outcome_message="stopped")
    robot.goals.publish(String(data="reach"))
    robot.until(goal="reach", outcome="running")
    sim = next(process for process in robot.nodes.running if "sim_node" in process.args[0])
    robot.nodes.kill(sim)  # with it the clock stands still, and so nothing grows old; a picture from elsewhere comes
    images, proprio = robot.probe.talk("/camera/image_raw", Image), robot.probe.talk("/proprio", JointState)
    picture = Image(height=1, width=1, encoding="bgr8", step=3, data=b"abc")
    picture.header.stamp.sec = 10_000
    felt = JointState(position=[0.0] * 10)
    felt.header.stamp = picture.header.stamp

    def faulty() -> bool:
        proprio.publish(felt)
        images.publish(picture)
        return robot.says(goal="reach", outcome="fault")

    robot.probe.until(faulty, "the fault")


@pytest.mark.parametrize(
    ("goal", "complaint"),
    [
        (String(data="{"), "the goal is no JSON"),
        (String(data="home"), "in lockstep the arm cannot be brought home"),
        (Image(), "dog-on-jacket has no goals that a picture could show"),
    ],
    ids=["text", "lockstep", "image"],
)
def test_what_cannot_be_a_goal_is_refused(nodes: Nodes, probe: Probe, goal: Any, complaint: str) -> None:
    """The planner says why, and goes on with what it was doing; a goal from before its start counts, too."""
    status = probe.listen("/planner/status", DiagnosticArray)
    topic = "/planner/goal" if isinstance(goal, String) else "/planner/goal_image"
    publisher = probe.node.create_publisher(type(goal), topic, LATCHED)
    publisher.publish(goal)
    nodes.start("planner_node", lockstep=True, futures=24)
    probe.until(lambda: status and "refused" in values(status[-1]), "the refusal")
    said = values(status[-1])
    assert complaint in said["refused"]
    assert (said["goal"], said["outcome"]) == ("reach", "running")
    if "home" in complaint:
        assert not probe.call("/planner/home").success


def test_harm_ends_a_goal(nodes: Nodes, probe: Probe) -> None:
    """Whoever watches the world says so, of the moment that the planner sees."""
    from rehearse.ros_nodes.messages import to_diagnostics, to_image

    status = probe.listen("/planner/status", DiagnosticArray)
    nodes.start("planner_node", lockstep=True, futures=24)
    images, proprio = probe.talk("/camera/image_raw", Image), probe.talk("/proprio", JointState)
    infos = probe.node.create_publisher(DiagnosticArray, "/sim/info", LATCHED)
    stamp = probe.node.get_clock().now().to_msg()
    picture, felt = to_image(np.zeros((64, 64, 3), np.uint8), stamp), JointState(position=[0.0] * 10)
    felt.header.stamp = stamp

    def told(decisions: str, outcome: str) -> bool:
        proprio.publish(felt)
        images.publish(picture)
        said = values(status[-1]) if status else {}
        return (said.get("decisions"), said.get("outcome")) == (decisions, outcome)

    earlier = to_diagnostics("sim", b"\1", "the dog woke", {"woken": True}, type(stamp)(sec=1))
    infos.publish(earlier)
    probe.until(lambda: told("1", "running"), "a decision")
    infos.publish(to_diagnostics("sim", b"\1", "the dog woke", {"success": False, "woken": True}, stamp))
    probe.until(lambda: told("1", "harm"), "the end")
    assert values(status[-1])["outcome_message"] == "the dog woke"
