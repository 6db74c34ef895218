"""`colcon build`, in the three ways that people use: executables, launch files and config are where ROS looks for them.

Needs colcon: pip install colcon-common-extensions catkin-pkg "setuptools<80". No ROS.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.tree import ROOT, copy_source

pytest.importorskip("colcon_core", reason='pip install colcon-common-extensions catkin-pkg "setuptools<80"')
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.mark.slow
@pytest.mark.parametrize("way", [(), ("--symlink-install",), ("--merge-install",)])
def test_what_colcon_installs_is_found_and_imports(tmp_path: Path, way: tuple[str, ...]) -> None:
    (tmp_path / "src").mkdir()
    source = copy_source(tmp_path / "src" / "rehearse")
    command = [sys.executable, "-m", "colcon", "build", "--event-handlers", "console_direct-", *way]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if "site-packages" in path)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    prefix = tmp_path / "install" if "--merge-install" in way else tmp_path / "install" / "rehearse"
    assert (prefix / "share/ament_index/resource_index/packages/rehearse").exists()
    assert {path.name for path in (prefix / "lib/rehearse").iterdir()} == set(SCRIPTS)
    for folder in ("launch", "config", "config/sros2"):
        ours = {path.name for path in (ROOT / folder).iterdir() if path.is_file()}
        assert {path.name for path in (prefix / "share/rehearse" / folder).iterdir() if path.is_file()} == ours, folder
    linked = (prefix / "share/rehearse/launch/robot.launch.py").resolve().is_relative_to(source.resolve())
    assert linked == ("--symlink-install" in way), "colcon links it, or copies it"
    code = "import rehearse.ros_nodes.main as main, sys; sys.stdout.write(main.__file__)"
    sourced = f". {tmp_path}/install/local_setup.sh && cd / && {sys.executable} -c '{code}'"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(["sh", "-c", sourced], capture_output=True, text=True, env=clean)
    assert Path(found.stdout).is_relative_to(tmp_path), found.stdout + found.stderr
