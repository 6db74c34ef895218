"""planner_node as a lifecycle node: a bare rclpy client drives it through its services, over real DDS."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from tests.ros.live import Nodes, Probe, values
from tests.ros.test_robot import PATIENCE, guard_command

pytestmark = pytest.mark.ros
CONFIGURE, CLEANUP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP
ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE
HEARD = ("/camera/image_raw", "/proprio", "/joint_states", "/joint_trajectory")
SLOW = {"latency_budget_s": -0.199}  # leaves a millisecond, which no decision takes


class Manager:
    """A lifecycle manager of the planner, as others would write it."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.status: list = probe.listen("/planner/status", DiagnosticArray)

    def state(self) -> str:
        return self.probe.call("/planner/get_state", GetState).current_state.label

    def change(self, transition: int) -> bool:
        return self.probe.change_state("/planner", transition)

    def set(self, **parameters: object) -> list:
        wish = [Parameter(name, value=value).to_parameter_msg() for name, value in parameters.items()]
        return self.probe.call("/planner/set_parameters", SetParameters, SetParameters.Request(parameters=wish)).results

    def says(self, code: str) -> Callable[[], bool]:
        return lambda: bool(self.status) and values(self.status[-1])["code"] == code


@pytest.fixture
def manager(probe: Probe) -> Manager:
    return Manager(probe)


def threads(process: subprocess.Popen) -> int:
    """Of the process, by the kernel's count."""
    return len(list(Path(f"/proc/{process.pid}/task").iterdir()))


def test_a_manager_leads_it_through_its_states_and_back(
    nodes: Nodes, probe: Probe, manager: Manager, checkpoint: Path
) -> None:
    """Configured, activated, deactivated and cleaned up, over and over: no thread and no topic is left behind."""
    planner = nodes.start("planner_node", checkpoint=checkpoint, futures=24, autostart=False, **PATIENCE)
    probe.until(manager.says("unconfigured"), "the planner")
    assert manager.state() == "unconfigured"
    assert probe.node.count_subscribers("/camera/image_raw") == 0
    assert not manager.change(ACTIVATE), "nothing to activate yet"
    left = []
    for _ in range(4):
        assert manager.change(CONFIGURE)
        assert manager.state() == "inactive"
        probe.until(lambda: probe.node.count_subscribers("/camera/image_raw") == 1, "it to join the topics")
        reply = probe.call("/planner/start")
        assert not reply.success
        assert reply.message == "the planner is not active: waiting to be activated"
        assert manager.change(ACTIVATE)
        assert manager.state() == "active"
        probe.until(manager.says("no_listener"), "the status")
        assert manager.change(DEACTIVATE)
        assert not probe.call("/planner/stop").success
        assert manager.change(CLEANUP)
        probe.until(lambda: not any(map(probe.node.count_subscribers, HEARD)), "it to leave the topics")
        assert probe.node.count_publishers("/guard/command") == 0
        left.append(threads(planner))
    assert left[1:] == [left[1]] * 3
    assert manager.change(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert manager.state() == "finalized"
    assert nodes.end(planner, signal.SIGTERM) == 0
    assert "Traceback" not in nodes.output("planner_node")


def test_deactivated_it_brings_the_arm_to_rest_and_is_silent(
    nodes: Nodes, probe: Probe, manager: Manager, checkpoint: Path
) -> None:
    joints = probe.listen("/joint_states", JointState)
    commands = probe.listen("/guard/command", JointTrajectory)
    nodes.run([*guard_command(), "-p", "deadman:=false"], "guard_node")
    deaf = {"sim/info": "nobody/info"}  # to what its world says: this model wakes the dog, and then is done
    nodes.start("planner_node", deaf, checkpoint=checkpoint, futures=24, begin_at_once=False, **PATIENCE)
    nodes.start("sim_node", layout=1)
    moves = lambda: bool(joints) and max(map(abs, joints[-1].velocity)) > 0.1  # noqa: E731

    def planning() -> None:
        assert probe.call("/planner/start").success
        probe.until(moves, "the arm to move")

    probe.until(lambda: len(joints) > 10, "the robot")
    planning()
    assert manager.change(DEACTIVATE)
    probe.until(manager.says("inactive"), "the status")
    probe.until(lambda: max(map(abs, joints[-1].velocity)) < 0.05, "the arm to rest")
    last = commands[-1].points
    assert last[0].time_from_start.sec == last[0].time_from_start.nanosec == 0
    assert not any(last[-1].velocities), "its last word is to brake"
    sent, sensed = len(commands), len(joints)
    probe.until(lambda: len(joints) > sensed + 50, "a second of the robot's")
    assert len(commands) == sent
    assert max(map(abs, joints[-1].velocity)) < 0.05
    assert manager.change(ACTIVATE)
    planning()
    assert len(commands) > sent


def test_a_planner_that_is_too_slow_is_not_activated(
    nodes: Nodes, probe: Probe, manager: Manager, checkpoint: Path
) -> None:
    """It says how slow it is and what to do; with less to do, and enough time, it is activated."""
    commands = probe.listen("/guard/command", JointTrajectory)
    heard = probe.listen("/diagnostics", DiagnosticArray)
    nodes.start("planner_node", checkpoint=checkpoint, futures=4096, **SLOW)
    probe.until(manager.says("too_slow"), "the refusal in the status")
    assert manager.state() == "inactive"
    [status] = manager.status[-1].status
    assert status.level == DiagnosticStatus.ERROR
    assert status.message.startswith("too slow: a decision takes")
    assert status.message.endswith("1 ms are allowed; set fewer futures than 4096")
    assert float(values(manager.status[-1])["benchmark_ms"]) > float(values(manager.status[-1])["allowed_ms"])
    assert nodes.output("planner_node").count(status.message) == 1
    probe.until(lambda: heard and values(heard[-1])["code"] == "too_slow", "the refusal in the diagnostics")
    assert not probe.call("/planner/start").success
    [refused] = manager.set(futures=24)
    assert not refused.successful
    assert "clean up first" in refused.reason
    assert not manager.change(ACTIVATE)
    assert manager.change(CLEANUP)
    assert all(result.successful for result in manager.set(futures=24, latency_budget_s=60.0))
    assert manager.change(CONFIGURE)
    assert manager.change(ACTIVATE)
    probe.until(manager.says("waiting"), "the status")
    said = values(manager.status[-1])
    assert 0 < float(said["benchmark_ms"]) < float(said["allowed_ms"]) == 60_200
    assert not commands


def test_a_checkpoint_that_does_not_do_fails_configuring(
    nodes: Nodes, probe: Probe, manager: Manager, checkpoint: Path, other_checkpoint: Path
) -> None:
    """Missing, or of another robot's model: one line says so, and a better one may be named."""
    nodes.start("planner_node", checkpoint="/no/such/model", autostart=False, futures=24, **PATIENCE)
    for path, complaint in (
        ("/no/such/model", "there is no checkpoint at /no/such/model"),
        (str(other_checkpoint), "this model has 2 action"),
    ):
        assert manager.set(checkpoint=path)[0].successful
        written = nodes.output("planner_node")
        assert not manager.change(CONFIGURE)
        assert manager.state() == "unconfigured"
        said = lambda complaint=complaint: complaint in manager.status[-1].status[0].message  # noqa: E731
        probe.until(said, "the status")
        assert manager.says("no_model")()
        [line] = [line for line in nodes.output("planner_node")[len(written) :].splitlines() if "[planner]" in line]
        assert "[ERROR]" in line
        assert complaint in line
    assert manager.set(checkpoint=str(checkpoint))[0].successful
    assert manager.change(CONFIGURE)
    assert manager.change(ACTIVATE)


def test_in_a_dry_run_it_plans_and_commands_nothing(
    nodes: Nodes, probe: Probe, manager: Manager, checkpoint: Path
) -> None:
    joints = probe.listen("/joint_states", JointState)
    told = probe.listen("/joint_trajectory", JointTrajectory)
    nodes.run([*guard_command(), "-p", "deadman:=false"], "guard_node")
    nodes.start("planner_node", checkpoint=checkpoint, futures=24, dry_run=True, **PATIENCE)
    nodes.start("sim_node", layout=1)
    decided = lambda: manager.says("ok")() and int(values(manager.status[-1])["decisions"]) >= 8  # noqa: E731
    probe.until(decided, "decisions")
    assert values(manager.status[-1])["dry_run"] == "true"
    assert probe.node.count_publishers("/guard/command") == 0
    assert not told
    moved = np.abs(np.array(joints[-1].position) - joints[0].position).max()
    assert moved < 0.01, "a held jacket makes the arm tremble, and no more"
    assert probe.call("/planner/stop").success
    assert manager.change(DEACTIVATE)
    assert not told
