"""A machine that cannot draw is told what to install; each case in a process of its own."""

import os
import subprocess
import sys

import pytest

from rehearse.sim.gl import check
from tests.house.tree import ROOT


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    base = {key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "DISPLAY", "PYOPENGL_PLATFORM")}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**base, "PYTHONPATH": str(ROOT), **environment},
        timeout=60,
        check=False,
    )


@pytest.mark.gl
def test_drawing_works_here() -> None:
    assert check() == os.environ["MUJOCO_GL"]


def test_a_broken_backend_is_one_error_with_the_remedy() -> None:
    done = python("-m", "rehearse.sim.gl", MUJOCO_GL="no-such-backend")
    assert done.returncode == 2
    assert done.stderr.startswith("error: MUJOCO_GL=no-such-backend cannot render")
    assert "apt-get install -y --no-install-recommends libegl1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.gl
def test_a_context_that_will_not_open_is_a_setup_error() -> None:
    """MuJoCo was loaded for a display before, and there is none."""
    code = """
import mujoco, rehearse.sim
from rehearse.errors import SetupError
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
try:
    DogOnJacketEnv().reset(seed=0)
except SetupError as error:
    assert "libegl1" in str(error)
    raise SystemExit(7)
"""
    assert python("-W", "ignore", "-c", code, MUJOCO_GL="glfw").returncode == 7


def test_importing_the_room_opens_nothing() -> None:
    code = """
import os, sys, rehearse.sim
print(os.environ["MUJOCO_GL"], {"mujoco", "torch", "OpenGL"} & set(sys.modules))
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    if sys.platform == "linux":
        assert done.stdout.split() == ["egl", "set()"]


def test_a_chosen_backend_is_kept() -> None:
    done = python("-c", "import rehearse.sim, os; print(os.environ['MUJOCO_GL'])", MUJOCO_GL="osmesa")
    assert done.stdout.strip() == "osmesa"
