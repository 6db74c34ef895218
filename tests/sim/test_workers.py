"""Several processes: what they make of the items, and that an error at their start is one error, and soon told."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearse.errors import SetupError
from rehearse.sim.evaluate import EvalConfig, evaluate
from rehearse.sim.workers import in_workers
from rehearse.suites.run import SuiteRun
from rehearse.suites.suite import cells_of, checked, suite_from
from tests.house.tree import ROOT
from tests.sim.chores import add, die, prepare, refuse, stop

pytestmark = pytest.mark.timeout(100)  # where there was a hang
BROKEN = "tests.sim.broken:TASK"
SAID = rf"{BROKEN} cannot be made \(ValueError: the table has three legs\)"


def test_every_item_is_done_once_by_prepared_processes() -> None:
    found = list(in_workers(add, range(9), 2, prepare, (100,), in_order=True))
    assert [value for value, _ in found] == list(range(100, 109))
    assert 1 <= len({pid for _, pid in found} - {os.getpid()}) <= 2
    assert sorted(value for value, _ in in_workers(add, range(9), 2, prepare, (100,))) == list(range(100, 109))


def test_errors_come_as_they_are() -> None:
    with pytest.raises(KeyError, match="start 7"):
        list(in_workers(add, range(4), 2, refuse, (7,)))
    with pytest.raises(ValueError, match="item"):
        list(in_workers(stop, range(4), 2, prepare, (7,)))
    with pytest.raises(SetupError, match="a process died"):
        list(in_workers(add, range(4), 2, die, (7,)))


def test_they_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = "from rehearse.sim.workers import in_workers; from tests.sim.chores import prepare, tick; "
    code += f"list(in_workers(tick, [{str(tmp_path)!r}] * 2, 2, prepare, (0,)))"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    while len(list(tmp_path.iterdir())) < 2:
        assert parent.poll() is None
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    now = lambda: [path.read_text() for path in sorted(tmp_path.iterdir())]  # noqa: E731
    deadline_s = time.monotonic() + 30
    while (before := now()) != (time.sleep(2), now())[1]:
        assert time.monotonic() < deadline_s, before


@pytest.mark.slow
def test_a_task_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=SAID):
        evaluate(EvalConfig(task=BROKEN, methods=("nothing",), episodes=3, workers=2))
    part = {"task": BROKEN, "name": "broken", "references": [], "methods": ["nothing"]}
    suite = checked(suite_from({"name": "small", "episodes": 3, "parts": [part]}, "small"), "small")
    with pytest.raises(SetupError, match=SAID):
        SuiteRun.open(suite, cells_of(suite), None, tmp_path, "code 1").go(workers=2)
