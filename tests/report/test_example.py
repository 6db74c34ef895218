"""examples/ci as a stranger finds it: a virtual environment, Rehearse installed from a checkout, pytest, a verdict.

The environment is new and holds Rehearse alone, built and installed by pip; its dependencies are those of the
interpreter that runs this test, since installing torch takes minutes.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from rehearse.world_model import load, save
from tests.house.tree import ROOT, copy_source

pytestmark = [pytest.mark.gl, pytest.mark.slow]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with Rehearse in it."""
    pytest.importorskip("setuptools", minversion="77", reason="building without isolation needs setuptools >= 77")
    folder = tmp_path_factory.mktemp("stranger")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--ignore-installed", copy_source(folder / "source")]
    done = subprocess.run([*pip, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return python


@pytest.fixture
def repository(python: Path, tmp_path: Path) -> Path:
    """A copy of the example, with its model."""
    repository = shutil.copytree(ROOT / "examples/ci", tmp_path / "repository")
    assert run(python, repository, "get_model.py").returncode == 0
    return repository


def run(python: Path, repository: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python in the repository with nothing of ours in its environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "MUJOCO_GL", "OMP_NUM_THREADS") if name in os.environ}
    return subprocess.run([python, *arguments], cwd=repository, env=kept, capture_output=True, text=True)


def test_the_example_passes_as_it_stands(python: Path, repository: Path) -> None:
    where = run(python, repository, "-c", "import rehearse; print(rehearse.__file__)").stdout
    assert str(python.parents[1]) in where, "it is not the installed one that is tested"
    done = run(python, repository, "-m", "pytest", "-q", "-rA")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "pass planner-64: success not lower than the baseline by over 5%" in done.stdout


def test_a_broken_model_is_kept_out(python: Path, repository: Path) -> None:
    model = load(repository / "model")
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight += weight.abs().mean() * torch.randn(weight.shape, generator=noise)
    save(model, repository / "model")
    done = run(python, repository, "-m", "pytest", "-q")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL planner-64: success at least 70%" in done.stdout
    assert "FAIL planner-64: success not lower than the baseline by over 5%" in done.stdout
    assert "Changed on layouts" in done.stdout
