"""Several processes: what they make of the items, and that an error at their start is one error, and soon told."""

import os
from pathlib import Path

import pytest

from rehearse.errors import SetupError
from rehearse.sim.evaluate import EvalConfig, evaluate
from rehearse.sim.workers import in_workers
from rehearse.suites.run import SuiteRun
from rehearse.suites.suite import cells_of, checked, suite_from
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


@pytest.mark.slow
def test_a_task_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=SAID):
        evaluate(EvalConfig(task=BROKEN, methods=("nothing",), episodes=3, workers=2))
    part = {"task": BROKEN, "name": "broken", "references": [], "methods": ["nothing"]}
    suite = checked(suite_from({"name": "small", "episodes": 3, "parts": [part]}, "small"), "small")
    with pytest.raises(SetupError, match=SAID):
        SuiteRun.open(suite, cells_of(suite), None, tmp_path, "code 1").go(workers=2)
