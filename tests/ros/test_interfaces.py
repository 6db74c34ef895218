"""rehearse_interfaces: the same words as the nodes', described as ROS wants it, and no need of it."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import rehearse
from rehearse.ros_nodes.goals import HOME_LIMIT_S, Kind, Outcome
from tests.house.tree import ROOT

FOLDER = ROOT / "rehearse_interfaces"
ACTION = (FOLDER / "action" / "PlanToGoal.action").read_text()


def test_the_action_knows_the_goals_and_outcomes_that_the_nodes_know() -> None:
    assert dict(re.findall(r"^string (\w+)=(\w+)", ACTION, re.MULTILINE)) == {kind.name: kind.value for kind in Kind}
    numbers = {name: int(number) for name, number in re.findall(r"^uint8 (\w+)=(\d+)", ACTION, re.MULTILINE)}
    assert numbers == {outcome.name: outcome.value for outcome in Outcome}
    assert f"{HOME_LIMIT_S:.0f} for home" in ACTION


def test_it_is_a_package_of_the_same_version() -> None:
    root = ElementTree.parse(FOLDER / "package.xml").getroot()
    assert (root.findtext("name"), root.findtext("version")) == (FOLDER.name, rehearse.__version__)
    assert root.findtext("member_of_group") == "rosidl_interface_packages"
    assert root.findtext("export/build_type") == "ament_cmake"


def test_without_a_compiler_the_script_says_so_and_does_no_harm(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "env", "mktemp", "touch", "c++", "cmake", "make"):
        if found := shutil.which(tool):
            (tools / tool).symlink_to(found)
    script = [tools / "sh", FOLDER / "build_from_wheels", tmp_path]
    done = subprocess.run(script, env={"PATH": str(tools)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("rehearse: no action PlanToGoal, for there is no cc here. Remedy: ")
    assert os.listdir(tmp_path) == ["bin"], "no stamp, so that make tries again"


def test_the_nodes_do_without_it() -> None:
    pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")
    hidden = "import sys; sys.modules['rehearse_interfaces'] = None"
    code = f"{hidden}; from rehearse.ros_nodes import goal_desk; sys.exit(goal_desk.PlanToGoal is not None)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
