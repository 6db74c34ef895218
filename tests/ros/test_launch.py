"""The launch file and the parameter files: against the code wherever tests run, for real where launch is installed."""

import dataclasses
import json
import os
import signal
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from rehearse.ros_nodes.parameters import (
    ArmParameters,
    GuardParameters,
    PlannerParameters,
    RecorderParameters,
    SimParameters,
)
from tests.house.tree import ROOT, imports_of, python_files
from tests.ros.live import Nodes, Probe, pairs, values
from tests.ros.minilaunch import LaunchDescription, Node, arguments, commands, load, shutdown

LAUNCH_FILE = ROOT / "launch" / "demo.launch.py"
RECORD_FILE = ROOT / "launch" / "record.launch.py"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPTS = {name: where for name, where in PYPROJECT["project"]["scripts"].items() if name.endswith("_node")}
PARAMETERS = {
    "sim": SimParameters,
    "planner": PlannerParameters,
    "guard": GuardParameters,
    "arm": ArmParameters,
    "recorder": RecorderParameters,
}


@pytest.fixture(scope="module")
def description() -> LaunchDescription:
    return load(LAUNCH_FILE)


def test_it_starts_executables_that_are_installed(description: LaunchDescription) -> None:
    started = [entity for entity in description.entities if isinstance(entity, Node)]
    assert {node.package for node in started} == {PYPROJECT["project"]["name"]}
    assert {node.executable for node in started} == {"sim_node", "guard_node", "planner_node"} <= set(SCRIPTS)


@pytest.mark.parametrize("file", [LAUNCH_FILE, RECORD_FILE], ids=lambda file: file.name)
def test_its_arguments_are_described_and_its_files_exist(file: Path) -> None:
    description = load(file)
    for name, argument in arguments(description).items():
        assert len(argument.description) > 10, name
        assert name.endswith(("_params", "_file")) == Path(argument.default_value).is_file(), name


@pytest.mark.parametrize("file", [LAUNCH_FILE, RECORD_FILE], ids=lambda file: file.name)
def test_what_it_overrides_are_parameters(file: Path) -> None:
    description = load(file)
    for node in (entity for entity in description.entities if isinstance(entity, Node)):
        known = {field.name for field in dataclasses.fields(PARAMETERS[node.name])}
        assert node.parameters[1].keys() <= known | {"use_sim_time"}, node.name


def test_arguments_reach_the_command_line(description: LaunchDescription, tmp_path: Path) -> None:
    given = dict(commands(description, tmp_path, namespace="left", layout="2", deadman="true"))
    assert given["sim_node"][1:6] == ["--ros-args", "-r", "__node:=sim", "-r", "__ns:=/left"]
    *_, file, rename, renamed = given["sim_node"]
    assert json.loads(Path(file).read_text())["/**"]["ros__parameters"]["layout"] == 2
    assert (rename, renamed) == ("-r", "goal/image_raw:=goal/image_raw"), "nothing is, unless it is asked for"
    assert json.loads(Path(given["guard_node"][-1]).read_text())["/**"]["ros__parameters"]["deadman"] is True
    with pytest.raises(ValueError, match="lay_out"):
        list(commands(description, tmp_path, lay_out="2"))


def test_the_recorders_arguments_reach_its_command_line(tmp_path: Path) -> None:
    [(name, command)] = commands(load(RECORD_FILE), tmp_path, namespace="left", mode="ring", use_sim_time="true")
    assert name == "recorder_node"
    assert command[1:6] == ["--ros-args", "-r", "__node:=recorder", "-r", "__ns:=/left"]
    given = json.loads(Path(command[-1]).read_text())["/**"]["ros__parameters"]
    assert given == {"folder": "bags", "mode": "ring", "use_sim_time": True}


def test_all_end_when_the_planner_has_shut_down(description: LaunchDescription) -> None:
    assert shutdown(description, reached={"planner": {"inactive", "active"}}) == ""
    assert shutdown(description, reached={"planner": {"finalized"}}) == "the planner has shut down"


@pytest.mark.parametrize(("name", "where"), SCRIPTS.items())
def test_every_executable_leads_somewhere(name: str, where: str) -> None:
    module, function = where.split(":")
    assert callable(getattr(import_module(module), function)), name


def test_package_xml_names_the_ros_packages_that_are_used() -> None:
    used = {name.split(".")[0] for path in python_files("ros_nodes", "launch") for _, name in imports_of(path)}
    ros = ("rclpy", "launch", "launch_ros", "builtin_interfaces", "rcl_interfaces")
    used = {name for name in used if name in ros or name.endswith(("_msgs", "_srvs"))}
    root = ElementTree.parse(ROOT / "package.xml").getroot()
    named = {element.text for element in root.iter("exec_depend") if not element.text.startswith("python3-")}
    assert named - {"ros2launch"} == used


@pytest.mark.parametrize(("file", "kind"), PARAMETERS.items())
def test_parameter_files_repeat_the_defaults(file: str, kind: type) -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, which a ROS 2 brings along")
    text = (ROOT / "config" / f"{file}.yaml").read_text()
    read = yaml.safe_load(text)["/**"]["ros__parameters"]
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()}
    assert given == dataclasses.asdict(kind())
    assert all(type(given[field.name]) is type(field.default) for field in dataclasses.fields(kind))
    assert all(field.metadata["meaning"] in text for field in dataclasses.fields(kind))


PATIENT = {f"{name}_params": str(ROOT / "tests" / "ros" / f"patient_{name}.yaml") for name in ("guard", "planner")}
ARGUMENTS = {"layout": "2", **PATIENT}


def works(probe: Probe, namespace: str) -> None:
    """The robot moves, and the guard is what lets it."""
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
    from sensor_msgs.msg import JointState
    from trajectory_msgs.msg import JointTrajectory

    info = probe.listen(f"{namespace}/sim/info", DiagnosticArray)
    joints = probe.listen(f"{namespace}/joint_states", JointState)
    verdicts = probe.listen(f"{namespace}/guard/verdict", DiagnosticStatus)
    told = probe.listen(f"{namespace}/joint_trajectory", JointTrajectory)
    moved = lambda: max(abs(a - b) for a, b in zip(joints[0].position, joints[-1].position, strict=True))  # noqa: E731
    probe.until(lambda: joints and told and info and moved() > 0.02, "the arm to move")
    assert values(info[-1])["layout"] == "2"
    assert any(pairs(verdict)["action"] in ("pass", "clamp") for verdict in verdicts)
    assert all(not any(message.points[-1].velocities) for message in told), "every trajectory ends at rest"


def states(probe: Probe, namespace: str) -> Callable[[], set[str]]:
    """Those that the planner was heard to reach, as launch_ros hears of them."""
    from lifecycle_msgs.msg import TransitionEvent

    events = probe.listen(f"{namespace}/planner/transition_event", TransitionEvent)
    return lambda: {event.goal_state.label for event in events}


def shut_down(probe: Probe, namespace: str) -> None:
    """As `ros2 lifecycle set /planner shutdown` does."""
    from lifecycle_msgs.msg import Transition

    assert probe.change_state(f"{namespace}/planner", Transition.TRANSITION_ACTIVE_SHUTDOWN)


def test_robot_and_planner_have_one_task_and_one_picture(description: LaunchDescription, tmp_path: Path) -> None:
    given = {**ARGUMENTS, "task": "reach", "goal_image": "planner/goal_image"}
    started = {name: " ".join(command) for name, command in commands(description, tmp_path, **given)}
    assert "-r goal/image_raw:=planner/goal_image" in started["sim_node"]
    for name in ("sim", "planner"):
        [file] = tmp_path.glob(f"{name}_*.yaml")
        assert json.loads(file.read_text())["/**"]["ros__parameters"]["task"] == "reach"


@pytest.mark.ros
@pytest.mark.parametrize(("namespace", "use_sim_time"), [("", "false"), ("left", "true")])
@pytest.mark.skipif(find_spec("rclpy") is None, reason="needs a ROS 2: make test-ros brings one")
def test_its_nodes_work_together(
    nodes: Nodes, probe: Probe, checkpoint: Path, tmp_path: Path, namespace: str, use_sim_time: str
) -> None:
    given = {**ARGUMENTS, "checkpoint": str(checkpoint), "namespace": namespace, "use_sim_time": use_sim_time}
    description = load(LAUNCH_FILE)
    processes = [nodes.run(command, name) for name, command in commands(description, tmp_path, **given)]
    reached = states(probe, namespace and f"/{namespace}")
    works(probe, namespace and f"/{namespace}")
    shut_down(probe, namespace and f"/{namespace}")
    ended = lambda: shutdown(description, reached={"planner": reached()})  # noqa: E731
    probe.until(ended, "the launch file's reason to end")
    for process in processes:
        assert nodes.end(process, signal.SIGINT) == 0, process.args


@pytest.mark.ros
@pytest.mark.parametrize(("namespace", "in_order"), [("", False), ("left", False), ("", True)])
@pytest.mark.skipif(
    find_spec("rclpy") is None or find_spec("launch_ros") is None,
    reason="needs launch_ros, which pip cannot install: source a ROS 2",
)
def test_it_launches(
    nodes: Nodes,
    probe: Probe,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    namespace: str,
    in_order: bool,
) -> None:
    # An ament prefix with what `colcon build` would have put there.
    (tmp_path / "lib" / "rehearse").mkdir(parents=True)
    for name in SCRIPTS:
        (tmp_path / "lib" / "rehearse" / name).symlink_to(Path(sys.executable).with_name(name))
    marker = tmp_path / "share" / "ament_index" / "resource_index" / "packages" / "rehearse"
    marker.parent.mkdir(parents=True)
    marker.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", os.pathsep.join([str(tmp_path), os.environ["AMENT_PREFIX_PATH"]]))
    code = (
        "from launch import LaunchDescription as D, LaunchService as S\n"
        "from launch.actions import IncludeLaunchDescription as I\n"
        "from launch.launch_description_sources import PythonLaunchDescriptionSource as F\n"
        f"given = dict({ARGUMENTS!r}, namespace={namespace!r}, checkpoint={str(checkpoint)!r}).items()\n"
        f"s = S(); s.include_launch_description(D([I(F({str(LAUNCH_FILE)!r}), launch_arguments=given)]))\n"
        "raise SystemExit(s.run())"
    )
    launch = nodes.run([sys.executable, "-c", code], "launch", start_new_session=True)
    works(probe, namespace and f"/{namespace}")
    if in_order:
        nodes.running.remove(launch)  # for it is to end by itself
        shut_down(probe, namespace)
        probe.until(lambda: launch.poll() is not None, "launch to end")
        assert launch.returncode == 0, nodes.output("launch")
    else:
        assert nodes.end(launch, signal.SIGINT) == 0, nodes.output("launch")
    said = nodes.output("launch")
    assert said.count("process has finished cleanly") == 3, said
