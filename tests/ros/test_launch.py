"""The launch file and the parameter files: against the code wherever tests run, for real where launch is installed."""

import ast
import dataclasses
import os
import signal
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from rehearse.ros_nodes.parameters import PlannerParameters, SimParameters
from tests.house.tree import ROOT, imports_of, parse, python_files
from tests.ros.live import Nodes, Probe, values

LAUNCH_FILE = ROOT / "launch" / "demo.launch.py"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPTS = {name: where for name, where in PYPROJECT["project"]["scripts"].items() if name.endswith("_node")}


def calls(name: str) -> list[ast.Call]:
    """Every call of that name in the launch file."""
    found = [node for node in ast.walk(parse(LAUNCH_FILE)) if isinstance(node, ast.Call)]
    return [call for call in found if isinstance(call.func, ast.Name) and call.func.id == name]


def keywords(call: ast.Call) -> dict[str, object]:
    """Its literal keyword arguments."""
    return {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}


def test_it_starts_executables_that_are_installed() -> None:
    started = [keywords(call) for call in calls("Node")]
    assert {node["package"] for node in started} == {PYPROJECT["project"]["name"]}
    assert sorted(node["executable"] for node in started) == sorted(SCRIPTS)


def test_its_arguments_are_described_and_complete() -> None:
    declared = {call.args[0].value: keywords(call) for call in calls("DeclareLaunchArgument")}
    assert all(len(about["description"]) > 10 for about in declared.values())
    assert {call.args[0].value for call in calls("given")} == set(declared)


def test_its_parameters_and_files_exist() -> None:
    tree = parse(LAUNCH_FILE)
    text = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    named = [word for word in text if word.endswith(".yaml") and "/" not in word and " " not in word]
    assert sorted(named) == ["planner.yaml", "sim.yaml"]
    assert all((ROOT / "config" / name).is_file() for name in named)
    known = {field.name for kind in (SimParameters, PlannerParameters) for field in dataclasses.fields(kind)}
    overridden = {key.value for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    assert overridden == {"layout", "checkpoint"} <= known


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


@pytest.mark.parametrize(("file", "kind"), [("sim.yaml", SimParameters), ("planner.yaml", PlannerParameters)])
def test_parameter_files_repeat_the_defaults(file: str, kind: type) -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, which a ROS 2 brings along")
    text = (ROOT / "config" / file).read_text()
    given = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert given == dataclasses.asdict(kind())
    assert all(type(given[field.name]) is type(field.default) for field in dataclasses.fields(kind))
    assert all(field.metadata["meaning"] in text for field in dataclasses.fields(kind))


@pytest.mark.ros
@pytest.mark.parametrize("namespace", ["", "left"])
@pytest.mark.skipif(
    find_spec("rclpy") is None or find_spec("launch_ros") is None,
    reason="needs launch_ros, which pip cannot install: source a ROS 2",
)
def test_it_runs(
    nodes: Nodes,
    probe: Probe,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    namespace: str,
) -> None:
    from diagnostic_msgs.msg import DiagnosticArray

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
        f"given = dict(namespace={namespace!r}, layout='2', checkpoint={str(checkpoint)!r}).items()\n"
        f"s = S(); s.include_launch_description(D([I(F({str(LAUNCH_FILE)!r}), launch_arguments=given)]))\n"
        "raise SystemExit(s.run())"
    )
    info = probe.listen(f"{namespace and '/' + namespace}/sim/info", DiagnosticArray)
    launch = nodes.run([sys.executable, "-c", code], "launch", start_new_session=True)
    probe.until(lambda: info and float(values(info[-1])["time_s"]) >= 0.2, "a step of the episode")
    assert values(info[-1])["layout"] == "2"
    assert nodes.end(launch, signal.SIGINT) == 0, nodes.output("launch")
    said = nodes.output("launch")
    assert said.count("process has finished cleanly") == len(SCRIPTS), said
