"""Who may import whom. The arrows are drawn in docs/architecture.md; this holds the code to them.

Reads syntax trees, so an import inside a function counts like one at the top of the file.
"""

import ast
import os
import subprocess
import sys

import pytest

from tests.house.tree import ROOMS, ROOT, TOP, imports, imports_of, python_files

ALLOWED_ROOMS = {
    "planner": set(),
    "world_model": set(),
    "sim": {"planner", "world_model"},
    "ros_nodes": {"planner", "world_model", "sim"},
}
SHARED = {"errors", "files", "__version__"}
FORBIDDEN_LIBRARIES = {
    "planner": {"mujoco", "mujoco_warp", "gymnasium", "rclpy", "lerobot"},
    "world_model": {"mujoco", "mujoco_warp", "gymnasium", "rclpy"},
    "sim": {"rclpy"},
    "ros_nodes": set(),
}


def violations(room: str, found: list[tuple[int, str]]) -> list[str]:
    """Imports (line, dotted name) of one file in `room` that its arrows do not allow."""
    allowed = SHARED | {room} | ALLOWED_ROOMS[room]
    wrong = []
    for line, name in found:
        top, _, rest = name.partition(".")
        if top in FORBIDDEN_LIBRARIES[room]:
            wrong.append(f"line {line}: {room} must not know {top}")
        elif top == "rehearse" and rest.split(".")[0] not in allowed:
            wrong.append(f"line {line}: {room} must not import {name}")
    return wrong


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_between_rooms(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} {what}" for path in python_files(room) for what in violations(room, imports_of(path))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("room", "source", "expected"),
    [
        ("planner", "from rehearse.sim import arm", "planner must not import rehearse.sim.arm"),
        ("planner", "def f():\n    import mujoco", "planner must not know mujoco"),
        ("planner", "from ..world_model import model", "planner must not import rehearse.world_model.model"),
        ("world_model", "from rehearse import planner", "world_model must not import rehearse.planner"),
        ("world_model", "import rehearse", "world_model must not import rehearse"),
        ("sim", "import rehearse.ros_nodes.arm", "sim must not import rehearse.ros_nodes.arm"),
    ],
)
def test_a_forbidden_arrow_is_seen(room: str, source: str, expected: str) -> None:
    found = list(imports(ast.parse(source), f"rehearse.{room}.somewhere", is_package=False))
    assert [what.split(": ")[1] for what in violations(room, found)] == [expected]


def test_allowed_arrows_pass() -> None:
    ours = "from rehearse import errors, __version__\nfrom rehearse.planner import MPC\nfrom .scene import build"
    source = f"{ours}\nimport mujoco"
    assert not violations("sim", list(imports(ast.parse(source), "rehearse.sim.somewhere", is_package=False)))


def test_rooms_are_imported_through_rehearse() -> None:
    """A bare `planner` may be anybody's folder of that name, and is another module than rehearse.planner."""
    bare = [
        f"{path.relative_to(ROOT)} line {line}: import rehearse.{name} instead of {name}"
        for path in [*python_files(*TOP), ROOT / "setup.py"]
        for line, name in imports_of(path)
        if name.split(".")[0] in ROOMS
    ]
    assert not bare, "\n".join(bare)


def test_shared_modules_know_no_room() -> None:
    for name in ("errors", "files"):
        ours = [found for _, found in imports_of(ROOT / "rehearse" / f"{name}.py") if found.startswith("rehearse")]
        assert set(ours) <= {f"rehearse.{shared}" for shared in SHARED}


def test_launch_is_not_a_package() -> None:
    """With an __init__.py it would shadow the `launch` of ROS."""
    assert not (ROOT / "launch" / "__init__.py").exists()


def loaded_after(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after the statement."""
    code = f"import sys\n{statement}\nsys.stdout.write(' '.join(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_import_rehearse_is_light() -> None:
    assert not loaded_after("import rehearse, rehearse.pytest_plugin; dir(rehearse)") & {
        "torch",
        "mujoco",
        "gymnasium",
        "numpy",
        "rclpy",
    }


@pytest.mark.parametrize("room", ["planner", "world_model"])
def test_what_thinks_loads_no_simulator(room: str) -> None:
    """Also not by way of another library."""
    assert not loaded_after(f"import rehearse.{room}") & {"mujoco", "gymnasium", "rclpy"}


GUARD_MAY_IMPORT = {
    *("numpy", "rehearse.errors", "rehearse.ros_nodes.parameters", "rehearse.ros_nodes.guard"),
    *sys.stdlib_module_names,
}
HEAVY = {"torch", "mujoco", "gymnasium", "scipy", "matplotlib"}


def test_the_guards_rules_know_numbers_alone() -> None:
    """No ROS, nothing that learns, simulates or draws: what stands between a plan and a person must be easy to read."""
    strange = [
        f"{path.name} line {line}: {name}"
        for path in python_files("ros_nodes/guard")
        for line, name in imports_of(path)
        if not any(name == known or name.startswith(f"{known}.") for known in GUARD_MAY_IMPORT)
    ]
    assert not strange, "\n".join(strange)
    assert not loaded_after("import rehearse.ros_nodes.guard") & {*HEAVY, "rclpy"}


def test_the_guards_process_loads_nothing_heavy() -> None:
    pytest.importorskip("rclpy", reason="needs a ROS 2")
    assert not loaded_after("import rehearse.ros_nodes.guard_node") & HEAVY


def test_the_recorders_process_loads_nothing_heavy() -> None:
    pytest.importorskip("rclpy", reason="needs a ROS 2")
    assert not loaded_after("import rehearse.ros_nodes.recorder_node") & HEAVY


def test_public_names_resolve() -> None:
    import rehearse

    missing = [name for name in rehearse.__all__ if not hasattr(rehearse, name)]
    assert not missing
    assert set(rehearse.__all__) <= set(dir(rehearse))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = rehearse.no_such_name
