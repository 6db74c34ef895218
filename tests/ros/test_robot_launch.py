"""launch/robot.launch.py: what it starts for which arm, and that the guard is always between."""

import json
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rehearse.ros_nodes.guard import Chain, Limits
from rehearse.ros_nodes.parameters import ArmParameters, GuardParameters
from rehearse.sim.robots import ROBOTS
from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe, pairs
from tests.ros.minilaunch import arguments, commands, load

FILE, CONFIG = ROOT / "launch" / "robot.launch.py", ROOT / "config"
PATIENT = ROOT / "tests" / "ros" / "patient_guard.yaml"


def started(folder: Path, **given: str) -> dict[str, list[str]]:
    """Command lines by executable."""
    return dict(commands(load(FILE), folder, **given))


def told(command: list[str]) -> dict[str, Any]:
    """The parameters of a command line, all files read in their order."""
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, which a ROS 2 brings along")
    files = [command[i + 1] for i, word in enumerate(command) if word == "--params-file"]
    read = [yaml.safe_load(Path(name).read_text())["/**"]["ros__parameters"] for name in files]
    assert all(read), "rcl takes no file without a parameter"
    return {name: value for one in read for name, value in one.items()}


def test_by_default_no_real_arm_moves_and_a_person_must_hold_the_switch(tmp_path: Path) -> None:
    given = started(tmp_path)
    assert list(given) == ["guard_node", "arm_node"]
    guard, arm = told(given["guard_node"]), told(given["arm_node"])
    assert (guard["deadman"], guard["controller"]) == (True, "arm")
    assert guard["joints"] == arm["joints"] == list(ROBOTS["so101"].joints)
    assert guard["urdf_file"] == str(CONFIG / "so101.urdf")
    assert arm["robot_file"] == str(CONFIG / "so101_simulated.yaml")
    assert arm["dry_run"] is False
    assert not [word for command in given.values() for word in command if "joint_trajectory" in word]


def test_a_real_arm_of_lerobots(tmp_path: Path) -> None:
    limits, robot_file = str(CONFIG / "so101_bringup.yaml"), str(CONFIG / "so101_lerobot.yaml")
    given = started(tmp_path, robot_file=robot_file, dry_run="true", limits=limits, planner="true", namespace="left")
    assert list(given) == ["guard_node", "arm_node", "planner_node"]
    arm, guard = told(given["arm_node"]), told(given["guard_node"])
    assert (arm["robot_file"], arm["dry_run"]) == (robot_file, True)
    assert guard["velocity_radps"] == [0.75] * 5
    assert guard["acceleration_radps2"] == arm["acceleration_radps2"] == [6.0] * 5
    assert all("__ns:=/left" in command for command in given.values())


def test_with_ros2_control_the_guard_speaks_to_its_controller(tmp_path: Path) -> None:
    given = started(tmp_path, robot="arm7", interface="ros2_control", controller="/left/jtc", planner="true")
    assert list(given) == ["guard_node", "planner_node"]
    for command in given.values():
        assert command[-2:] == ["-r", "joint_trajectory:=/left/jtc/joint_trajectory"]
    guard = told(given["guard_node"])
    assert (guard["controller"], guard["joints"]) == ("jtc", list(ROBOTS["arm7"].joints))


def test_a_robot_of_your_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(json.dumps({"/**": {"ros__parameters": {"joints": ["a", "b"]}}}))
    given = started(tmp_path, robot=str(mine), interface="ros2_control")
    assert told(given["guard_node"])["joints"] == ["a", "b"]
    assert told(given["guard_node"])["urdf_file"] == ""  # of config/guard.yaml; the guard warns of it
    (tmp_path / "mine.urdf").touch()
    given = started(tmp_path, robot=str(mine), interface="ros2_control")
    assert told(given["guard_node"])["urdf_file"] == str(tmp_path / "mine.urdf")


def written(path: Path, **parameters: Any) -> str:
    """A parameter file."""
    path.write_text(json.dumps({"/**": {"ros__parameters": parameters}}))
    return str(path)


def test_what_the_files_ask_for_stays_unless_an_argument_says_otherwise(tmp_path: Path) -> None:
    own = "/my/table.urdf"
    mine = written(tmp_path / "mine.yaml", joints=["a"], urdf_file=own)
    (tmp_path / "mine.urdf").touch()
    for of in ({"robot": mine}, {"robot": "so101", "limits": mine}, {"robot": mine, "limits": mine}):
        given = started(tmp_path, robot_file="my_so101.yaml", **of)
        assert told(given["guard_node"])["urdf_file"] == own
        given = started(tmp_path, robot_file="my_so101.yaml", urdf_file="/other.urdf", **of)
        assert told(given["guard_node"])["urdf_file"] == "/other.urdf"
    bare = written(tmp_path / "bare.yaml", joints=["a"])
    given = started(tmp_path, robot=bare, interface="ros2_control", guard_params=mine)
    assert told(given["guard_node"])["urdf_file"] == own

    dry = written(tmp_path / "dry.yaml", dry_run=True)
    for said, expected in (({}, True), ({"dry_run": "false"}, False), ({"dry_run": "true"}, True)):
        for of in ({"arm_params": dry}, {"limits": dry}):
            assert told(started(tmp_path, robot_file="my_so101.yaml", **of, **said)["arm_node"])["dry_run"] is expected

    plans = written(tmp_path / "plans.yaml", checkpoint="/my/model")
    for said, expected in (({}, "/my/model"), ({"checkpoint": "/other"}, "/other")):
        given = started(tmp_path, planner="true", planner_params=plans, **said)
        assert told(given["planner_node"])["checkpoint"] == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"robot": "so102"}, "known are arm5, arm6, arm7, so101"),
        ({"robot": "guard"}, "no robot of that name"),
        ({"robot": "mine.yaml"}, "no such file"),
        ({"robot": "arm7"}, "no simulated stand-in"),
        ({"interface": "ros2_control", "dry_run": "true"}, "mock_components"),
        ({"interface": "urscript"}, "not one of"),
        ({"deadman": "no"}, "not one of"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, given: dict, said: str) -> None:
    with pytest.raises((RuntimeError, ValueError), match=said):
        started(tmp_path, **given)


def test_arguments_are_described_and_files_exist() -> None:
    for name, argument in arguments(load(FILE)).items():
        assert len(argument.description) > 10, name
        assert name.endswith("_params") == Path(argument.default_value).is_file(), name
    for named in ("so101_bringup.yaml", "so101_lerobot.yaml"):
        assert (CONFIG / named).is_file()


def test_the_limits_of_the_first_hours_are_the_guards_and_hold_the_arms_home(tmp_path: Path) -> None:
    guard = told(started(tmp_path, limits=str(CONFIG / "so101_bringup.yaml"))["guard_node"])
    known = {name: tuple(value) if isinstance(value, list) else value for name, value in guard.items()}
    limits, robot = Limits.of(GuardParameters(**known)), ROBOTS["so101"]
    tool_m = Chain.of(Path(guard["urdf_file"]).read_text(), "tool0", robot.joints).forward(np.array([robot.home_rad]))
    assert (tool_m > limits.workspace_low).all()
    assert (tool_m < limits.workspace_high).all()
    np.testing.assert_allclose(limits.velocity, np.array(robot.velocity_radps) / 4)


def test_what_it_overrides_are_parameters(tmp_path: Path) -> None:
    for name, kind in (("guard", GuardParameters), ("arm", ArmParameters)):
        last = started(tmp_path)[f"{name}_node"][-1]
        overridden = json.loads(Path(last).read_text())["/**"]["ros__parameters"]
        assert overridden.keys() <= kind.__dataclass_fields__.keys()


@pytest.mark.ros
@pytest.mark.gl
@pytest.mark.skipif(find_spec("rclpy") is None, reason="needs a ROS 2: make test-ros brings one")
def test_its_nodes_work_together(nodes: Nodes, probe: Probe, tmp_path: Path) -> None:
    """Nothing moves until the switch is held; then it does, seen by the camera's topics and the joints."""
    from diagnostic_msgs.msg import DiagnosticStatus
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image, JointState
    from std_msgs.msg import Bool
    from trajectory_msgs.msg import JointTrajectory

    from rehearse.ros_nodes.guard import Trajectory
    from rehearse.ros_nodes.messages import to_joint_trajectory

    images = probe.listen("/camera/image_raw", Image, qos_profile_sensor_data)
    joints = probe.listen("/joint_states", JointState)
    verdicts = probe.listen("/guard/verdict", DiagnosticStatus)
    patient = {"guard_params": str(PATIENT), "arm_params": written(tmp_path / "arm.yaml", bus_timeout_s=2.0)}
    given = started(tmp_path, limits=str(CONFIG / "so101_bringup.yaml"), **patient)
    processes = [nodes.run(command, name) for name, command in given.items()]
    commanded, held = probe.talk("/guard/command", JointTrajectory), probe.talk("/guard/enable", Bool)
    probe.until(lambda: len(joints) > 20 and images and verdicts, "the arm")
    start = np.array(joints[-1].position)

    def turned() -> float:
        now = np.array(joints[-1].position)
        path = np.stack([now, start + 0.5 * np.eye(5)[0]])
        plan = Trajectory(np.array([0, 2.0]), path, np.zeros((2, 5)))
        commanded.publish(to_joint_trajectory(ROBOTS["so101"].joints, plan, with_start=True))
        return abs(now[0] - start[0])

    probe.until(lambda: turned() < 0.02 and pairs(verdicts[-1])["reason"] == "disabled", "the refusal")
    probe.until(lambda: held.publish(Bool(data=True)) or turned() > 0.1, "the arm to move")
    for process in processes:
        assert nodes.end(process, signal.SIGINT) == 0, process.args
