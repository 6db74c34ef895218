"""Workflows and the action: YAML that GitHub can read, scripts that bash can, and the action's steps carried out."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.house.tree import ROOT

yaml = pytest.importorskip("yaml")
ACTION = ROOT / ".github/actions/rehearse-gate/action.yml"
WORKFLOWS = (ROOT / ".github/workflows/ci.yml", ROOT / "examples/ci/.github/workflows/gate.yml")
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")  # what `shell: bash` stands for


def parsed(path: Path) -> dict:
    """A workflow or action; YAML reads a bare `on` as true."""
    return yaml.safe_load(path.read_text())


def steps_of(path: Path) -> Iterator[dict]:
    content = parsed(path)
    for job in content["jobs"].values() if "jobs" in content else [content["runs"]]:
        yield from job["steps"]


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
def test_scripts_are_whole_and_take_nothing_from_expressions(path: Path) -> None:
    for step in steps_of(path):
        assert ("run" in step) != ("uses" in step)
        if "run" in step:
            done = subprocess.run([*BASH, "-n", "-c", step["run"]], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert not EXPRESSION.search(step["run"]), "an expression in a script can become a command; use env"
        else:
            assert re.fullmatch(r"[\w./-]+@[\w.]+", step["uses"]), "an action without a version"
        if path == ACTION and "run" in step:
            assert step["shell"] == "bash", "a composite action has no default shell"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_can_run_and_may_little(path: Path) -> None:
    content = parsed(path)
    assert content.get("on", content.get(True)), "it never runs"
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert job["runs-on"]
        assert job["timeout-minutes"] <= 120


def test_ci_runs_what_a_person_types() -> None:
    assert any(step.get("run") == ".ci/run" for step in steps_of(WORKFLOWS[0]))


def test_the_example_gives_the_action_what_it_knows() -> None:
    inputs = parsed(ACTION)["inputs"]
    [step] = [step for step in steps_of(WORKFLOWS[1]) if "rehearse-gate" in step.get("uses", "")]
    assert step["with"].keys() <= inputs.keys()
    assert all(isinstance(value, str) for value in step["with"].values()), "GitHub hands on strings"
    used = {name for step in steps_of(ACTION) for name in re.findall(r"inputs\.([\w-]+)", str(step))}
    assert used == set(inputs), "an input that nothing reads, or one that is read and not declared"


def carry_out(folder: Path, **given: str) -> tuple[int, dict[str, str], str]:
    """Run the action's scripts in ``folder`` as GitHub would: the exit code, outputs, and summary."""
    content = parsed(ACTION)
    inputs = {name: about["default"] for name, about in content["inputs"].items()} | given
    known = {f"inputs.{name}": value for name, value in inputs.items()} | {"github.action_path": str(ACTION.parent)}
    files = {name: folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for path in files.values():
        path.write_text("")
    base = {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(path) for name, path in files.items()}}
    code = 0
    for step in content["runs"]["steps"]:
        if "run" not in step or (step.get("if") == "inputs.install == 'true'" and inputs["install"] != "true"):
            continue
        env = {name: EXPRESSION.sub(lambda m: known[m[1]], value) for name, value in step["env"].items()}
        done = subprocess.run(
            [*BASH, "-c", step["run"]], cwd=folder, env={**base, **env, "MUJOCO_GL": base.get("MUJOCO_GL", "egl")}
        )
        code = done.returncode
        if code:
            break
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return code, outputs, files["GITHUB_STEP_SUMMARY"].read_text()


@pytest.mark.gl
@pytest.mark.slow
def test_the_action_evaluates_gates_and_writes(tmp_path: Path) -> None:
    asked = dict(install="false", python=sys.executable, method="nothing", episodes="2", workers="1")
    code, outputs, summary = carry_out(tmp_path, **asked, **{"max-harm": "0.5"})
    assert (code, outputs) == (0, {"passed": "true"})
    assert summary.startswith("**All 1 gates hold**")
    out = tmp_path / "rehearse-gate"
    assert {path.name for path in out.iterdir()} == {
        *("result.json", "rows.jsonl", "gates.json", "gates.md", "junit.xml", "page.html")
    }
    # Once more over what it left: nothing runs again, and the floor is judged by itself.
    code, outputs, summary = carry_out(tmp_path, **asked, **{"min-success": "0.5"})
    assert (code, outputs) == (1, {"passed": "false"})
    assert summary.startswith("**1 of 1 gates failed**")
    assert ElementTree.parse(out / "junit.xml").getroot().get("failures") == "1"
    code, outputs, summary = carry_out(tmp_path, **asked, baseline="$(touch hacked).json")
    assert (code, outputs) == (2, {"passed": "false"})
    assert "could not be judged" in summary
    assert not (tmp_path / "hacked").exists(), "an input became a command"
