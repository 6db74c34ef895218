"""FollowJointTrajectory: tolerances and result codes without ROS; where control_msgs is, the action itself."""

import math
from typing import Any

import numpy as np
import pytest

from rehearse.ros_nodes.follow import STOPPED_RADPS, Code, Goal, Tolerance, Way, refusal
from rehearse.ros_nodes.guard.trajectory import Command
from rehearse.sim.arms import ARMS
from tests.ros.live import Nodes, Probe

JOINTS = ("a", "b")
REST = np.zeros(2)


def goal(**changes: Any) -> Goal:
    """To 1 rad with both joints, in 2 s."""
    command = {"joints": JOINTS, "times_s": np.array([2.0]), "q_rad": np.ones((1, 2)), "qd_radps": np.zeros((1, 2))}
    mine = {name: value for name, value in changes.items() if name in Goal.__dataclass_fields__}
    return Goal(**{"command": Command(**{**command, **changes.pop("of", {})}), **mine})


def state(*q_rad: float, qd: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    return np.array(q_rad), np.full(2, qd)


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (goal(of={"joints": ("a", "c")}), Code.INVALID_JOINTS, "b, c"),
        (goal(of={"joints": ("a",), "q_rad": np.ones((1, 1))}), Code.INVALID_JOINTS, "b"),
        (goal(path=(Tolerance("d", 0.1, 0.0),)), Code.INVALID_JOINTS, "d"),
        (goal(at_end=(Tolerance("a", math.nan, 0.0),)), Code.INVALID_GOAL, "no number"),
        (goal(goal_time_s=-1.0), Code.INVALID_GOAL, "negative"),
        (goal(of={"q_rad": np.full((1, 2), np.inf)}), Code.INVALID_GOAL, "position at point 0 is not finite"),
        (goal(of={"qd_radps": np.zeros((1, 0))}), Code.INVALID_GOAL, "needs 2 positions and velocities"),
        (goal(of={"times_s": np.zeros(0), "q_rad": np.zeros((0, 0))}), Code.INVALID_GOAL, "0 points"),
        (goal(of={"stamp_s": 9.0}), Code.OLD_HEADER_TIMESTAMP, "1.000 s old"),
    ],
)
def test_a_goal_that_cannot_begin_says_why(asked: Goal, code: Code, said: str) -> None:
    ended = refusal(asked, JOINTS, now_s=10.0)
    assert ended.code is code
    assert said in ended.said


def test_a_good_goal_may_begin_in_any_order_of_joints() -> None:
    assert refusal(goal(of={"joints": ("b", "a")}), JOINTS, now_s=10.0) is None


def test_without_tolerances_it_may_stray_but_must_end_at_rest() -> None:
    way = Way(goal(), JOINTS, began_s=10.0)
    assert way.ended(11.0, state(0.5, 0.5), state(9.0, 9.0, qd=5.0)) is None
    assert way.ended(12.0, state(1, 1), state(0.9, 1, qd=2 * STOPPED_RADPS)) is None
    assert way.ended(99.0, state(1, 1), state(0.9, 1)).code is Code.SUCCESSFUL


def test_off_its_path() -> None:
    way = Way(goal(path=(Tolerance("b", 0.1, 0.0),)), JOINTS, began_s=0.0)
    assert way.ended(1.0, state(0.5, 0.5), state(0.0, 0.41)) is None, "a may"
    ended = way.ended(1.0, state(0.5, 0.5), state(0.5, 0.39))
    assert ended == (Code.PATH_TOLERANCE_VIOLATED, "b is off by 0.110 rad, at most 0.100")
    fast = Way(goal(path=(Tolerance("a", 0.0, 0.2),)), JOINTS, began_s=0.0)
    assert fast.ended(1.0, state(0, 0), state(0, 0, qd=0.3)).said == "a is off in speed by 0.300 rad/s, at most 0.200"


def test_at_its_end_it_has_the_time_that_it_was_given() -> None:
    near = (Tolerance("a", 0.05, 0.0), Tolerance("b", 0.05, -1.0))
    way = Way(goal(at_end=near, goal_time_s=0.5), JOINTS, began_s=0.0)
    off = state(0.9, 1.0)
    assert way.ended(2.0, state(1, 1), off) is None
    assert way.ended(2.4, state(1, 1), state(0.96, 1.0)).code is Code.SUCCESSFUL
    ended = way.ended(2.6, state(1, 1), off)
    assert ended == (Code.GOAL_TOLERANCE_VIOLATED, "0.60 s after the end, a is off by 0.100 rad, at most 0.050")
    patient = Way(goal(at_end=near), JOINTS, began_s=0.0)
    assert patient.ended(1000.0, state(1, 1), off) is None, "0 is for ever"


def test_a_negative_tolerance_is_none() -> None:
    way = Way(goal(at_end=tuple(Tolerance(name, -1.0, -1.0) for name in JOINTS)), JOINTS, began_s=0.0)
    assert way.ended(2.0, state(1, 1), state(7, 7, qd=7.0)).code is Code.SUCCESSFUL


def test_codes_are_control_msgs() -> None:
    kind = pytest.importorskip("control_msgs.action", reason="pip has no control_msgs").FollowJointTrajectory
    assert {code.name: int(code) for code in Code} == {code.name: getattr(kind.Result, code.name) for code in Code}


ARM7 = ARMS["arm7"].joints


class Client:
    """sim_node, and goals for it."""

    def __init__(self, nodes: Nodes, probe: Probe) -> None:
        from control_msgs.action import FollowJointTrajectory
        from rclpy.action import ActionClient
        from sensor_msgs.msg import JointState

        self.probe, self.kind = probe, FollowJointTrajectory
        self.joints, self.feedback = probe.listen("/joint_states", JointState), []
        nodes.start("sim_node")
        self._client = ActionClient(probe.node, FollowJointTrajectory, "/sim/follow_joint_trajectory")
        probe.until(self._client.server_is_ready, "the action")
        probe.until(lambda: len(self.joints) > 20, "the arm")
        self.start = np.array(self.joints[-1].position)

    def send(self, step_rad: float, seconds: float, names: tuple[str, ...] = ARM7, **more: Any) -> Any:
        """Turn the first joint by this much; the handle."""
        from rehearse.ros_nodes.guard import Trajectory
        from rehearse.ros_nodes.messages import to_joint_trajectory

        path = np.stack([self.start, self.start + step_rad * np.eye(7)[0]])
        trajectory = to_joint_trajectory(names, Trajectory(np.array([0, seconds]), path, np.zeros((2, 7))))
        request = self.kind.Goal(trajectory=trajectory, **more)
        sent = self._client.send_goal_async(request, feedback_callback=lambda m: self.feedback.append(m.feedback))
        self.probe.until(sent.done, "acceptance")
        return sent.result()

    def result(self, handle: Any) -> tuple[int, int, str]:
        """Status, code and sentence."""
        got = handle.get_result_async()
        self.probe.until(got.done, "the result")
        return got.result().status, got.result().result.error_code, got.result().result.error_string

    def turned(self) -> float:
        """How far the first joint is."""
        return self.joints[-1].position[0] - self.start[0]


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Client:
    pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")
    pytest.importorskip("control_msgs", reason="pip has no control_msgs: source a ROS 2")
    return Client(request.getfixturevalue("nodes"), request.getfixturevalue("probe"))


SUCCEEDED, CANCELED, ABORTED = 4, 5, 6  # action_msgs/GoalStatus


@pytest.mark.ros
def test_the_action_reaches_its_goal_and_tells_how_it_goes(client: Client) -> None:
    handle = client.send(0.3, 1.5)
    assert client.result(handle) == (SUCCEEDED, Code.SUCCESSFUL, "there, and at rest")
    assert client.turned() == pytest.approx(0.3, abs=0.02)
    assert len(client.feedback) > 10
    told = client.feedback[len(client.feedback) // 2]
    assert tuple(told.joint_names) == ARM7
    assert told.error.positions[0] == pytest.approx(told.desired.positions[0] - told.actual.positions[0])
    assert 0.05 < told.desired.positions[0] - client.start[0] < 0.25


@pytest.mark.ros
def test_a_goal_is_cancelled_and_braked(client: Client) -> None:
    handle = client.send(1.0, 3.0)
    client.probe.until(lambda: client.turned() > 0.1, "motion")
    client.probe.until(handle.cancel_goal_async().done, "the reply")
    status, _, said = client.result(handle)
    assert (status, said) == (CANCELED, "cancelled")
    count = len(client.joints)
    client.probe.until(lambda: len(client.joints) > count + 50, "a second")
    assert max(map(abs, client.joints[-1].velocity)) < STOPPED_RADPS
    assert client.turned() < 0.9


@pytest.mark.ros
def test_goals_are_aborted_for_what_is_wrong_with_them(client: Client) -> None:
    from builtin_interfaces.msg import Duration
    from control_msgs.msg import JointTolerance

    strange = client.send(0.1, 1.0, names=(*ARM7[:-1], "wrist"))
    assert client.result(strange)[:2] == (ABORTED, Code.INVALID_JOINTS)
    tight = [JointTolerance(name="joint1", position=0.001)]
    status, code, said = client.result(client.send(1.0, 0.6, path_tolerance=tight))
    assert (status, code) == (ABORTED, Code.PATH_TOLERANCE_VIOLATED)
    assert said.startswith("joint1 is off by")
    client.probe.call("/sim/reset")
    never = [JointTolerance(name="joint1", position=1e-9)]
    late = client.send(0.2, 0.5, goal_tolerance=never, goal_time_tolerance=Duration(nanosec=300_000_000))
    assert client.result(late)[:2] == (ABORTED, Code.GOAL_TOLERANCE_VIOLATED)


@pytest.mark.ros
def test_a_newer_goal_and_a_trajectory_override_it(client: Client) -> None:
    from trajectory_msgs.msg import JointTrajectory

    from rehearse.ros_nodes.guard import Trajectory
    from rehearse.ros_nodes.messages import to_joint_trajectory

    first = client.send(1.0, 3.0)
    second = client.send(0.5, 3.0)
    assert client.result(first) == (ABORTED, Code.INVALID_GOAL, "overridden by another goal")
    told = client.probe.talk("/joint_trajectory", JointTrajectory)
    stay = Trajectory(np.array([0, 0.5]), np.stack([client.start] * 2), np.zeros((2, 7)))
    told.publish(to_joint_trajectory(ARM7, stay))
    assert client.result(second) == (ABORTED, Code.INVALID_GOAL, "overridden by joint_trajectory")
