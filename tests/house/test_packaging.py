"""What is shipped is what is there: packages, data, versions, dependencies and ROS's description agree."""

import ast
import fnmatch
import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

import rehearse
from tests.house.tree import ROOMS, ROOT, copy_source, files, module_name, parse, python_files

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
UNPINNED_EXTRAS = {"lerobot"}  # asks for an older torch than the one pinned


def setup_constants() -> dict[str, object]:
    """The literal assignments at the top of setup.py."""
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in parse(ROOT / "setup.py").body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def test_packages_are_the_folders() -> None:
    folders = {module_name(path) for path in python_files("rehearse", *ROOMS) if path.name == "__init__.py"}
    assert sorted(setup_constants()["PACKAGES"]) == sorted(folders)


def test_no_module_lies_outside_a_package() -> None:
    packages = set(setup_constants()["PACKAGES"])
    lost = [
        path for path in python_files("rehearse", *ROOMS) if module_name(path.parent / "__init__.py") not in packages
    ]
    assert not lost, f"no __init__.py beside {lost}"


def test_every_data_file_is_shipped() -> None:
    """A checkpoint, an XML file, a template: each must be covered by a pattern of its package in setup.py."""
    patterns = setup_constants()["PACKAGE_DATA"]
    left_out = []
    for path in files("rehearse", *ROOMS):
        if path.suffix == ".py" or path.name.startswith("."):
            continue
        folder = path.parent
        while not (folder / "__init__.py").exists():
            folder = folder.parent
        relative = path.relative_to(folder).as_posix()
        globs = patterns.get(module_name(folder / "__init__.py"), [])
        if not any(fnmatch.fnmatch(relative, glob) and relative.count("/") == glob.count("/") for glob in globs):
            left_out.append(str(path.relative_to(ROOT)))
    assert not left_out, f"add to PACKAGE_DATA in setup.py: {left_out}"


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_relative_links(room: str) -> None:
    link = ROOT / "rehearse" / room
    assert link.is_symlink(), (
        f"rehearse/{room} is not a symlink (on Windows: git config core.symlinks true, then check out again)"
    )
    assert os.readlink(link) == f"../{room}"
    assert link.resolve() == ROOT / room


def newest_change() -> str:
    """The version under which the newest released entry of CHANGELOG.rst stands (REP 132)."""
    heading = re.search(
        r"^(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)\n(-+)$", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE
    )
    assert heading, "CHANGELOG.rst has no heading like '0.1.0 (2026-11-20)' over a line of '-'"
    assert len(heading[3]) == len(f"{heading[1]} ({heading[2]})")
    return heading[1]


def test_one_version() -> None:
    versions = {
        "pyproject.toml": PYPROJECT["project"]["version"],
        "package.xml": ElementTree.parse(ROOT / "package.xml").getroot().findtext("version"),
        "rehearse/__init__.py": rehearse.__version__,
        "CHANGELOG.rst": newest_change(),
    }
    assert len(set(versions.values())) == 1, versions


def test_package_xml_is_format_3() -> None:
    """The elements without which catkin_pkg and bloom refuse a package."""
    root = ElementTree.parse(ROOT / "package.xml").getroot()
    assert (root.tag, root.get("format")) == ("package", "3")
    assert root.findtext("name") == PYPROJECT["project"]["name"] == "rehearse"
    assert root.findtext("description", "").strip()
    assert root.findtext("license") == setup_constants_license() == "Apache-2.0"
    assert re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", root.find("maintainer").get("email"))
    assert root.findtext("export/build_type") == "ament_python"
    names = [element.text for element in root if element.tag.endswith("_depend")]
    assert len(names) == len(set(names)), "a dependency is named twice"


def setup_constants_license() -> str:
    """The license argument of setup()."""
    calls = [node for node in ast.walk(parse(ROOT / "setup.py")) if isinstance(node, ast.Call)]
    return next(word.value.value for call in calls for word in call.keywords if word.arg == "license")


def test_python_bound_stays_out_of_project_table() -> None:
    """In [project] it makes `colcon build` fail with 'invalid syntax (<unknown>, line 1)'."""
    assert "requires-python" not in PYPROJECT["project"]
    assert "requires-python" in PYPROJECT["project"]["dynamic"]


def test_every_dependency_is_pinned() -> None:
    normal = lambda name: re.sub(r"[-_.]+", "-", name).lower()  # noqa: E731
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {normal(line.split("==")[0]) for line in lines if line and not line.startswith("#")}
    extras = PYPROJECT["project"]["optional-dependencies"]
    wanted = [*PYPROJECT["project"]["dependencies"]]
    wanted += [need for extra, needs in extras.items() if extra not in UNPINNED_EXTRAS for need in needs]
    names = {normal(re.match(r"[\w.-]+", need)[0]) for need in wanted}
    assert not names - pins, f"add to constraints.txt: {sorted(names - pins)}"


def test_pins_are_exact_and_public() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert not [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)]


def test_wheel_holds_every_room(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77", reason="building without isolation needs setuptools >= 77")
    source = copy_source(tmp_path / "source")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*command, "--no-build-isolation", "-w", tmp_path, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    [wheel] = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        str(
            path.relative_to(ROOT)
            if path.is_relative_to(ROOT / "rehearse")
            else Path("rehearse") / path.relative_to(ROOT)
        )
        for path in files("rehearse", *ROOMS)
        if not path.name.startswith(".")
    }
    assert not expected - held, f"missing in the wheel: {sorted(expected - held)}"
    assert not [name for name in held if name.split("/")[0] in (*ROOMS, "tests", "launch", "config")]
    share = f"rehearse-{rehearse.__version__}.data/data/share"
    assert {f"{share}/rehearse/package.xml", f"{share}/ament_index/resource_index/packages/rehearse"} <= held
