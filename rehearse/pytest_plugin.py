"""A pytest marker that evaluates a checkpoint, and fails its test if a gate does; for other people's repositories.

    @pytest.mark.rehearse_gate(task="dog-on-jacket", method="planner-64", checkpoint="model.safetensors",
                               episodes=30, min_success=0.7, baseline="baseline.json")
    def test_the_model_still_fetches(rehearse_gate):
        assert rehearse_gate.result["rows"][0]["cpu_ms"] < 100     # the body may be empty

The test fails with the gate's own words; what cannot be evaluated is an error, not a failure. Tests that ask for the
same evaluation share it. Paths are relative to pytest's root. pytest loads this file wherever Rehearse is installed, so
nothing heavy is imported before a test carries the marker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rehearse.gates import Verdict

MARKER = "rehearse_gate"
SIGNATURE = "task, method, checkpoint=None, episodes=30, seed=0, min_success=None, max_harm=None, baseline=None, ..."


@dataclass(frozen=True)
class Asked:
    """What the marker may say: as `rehearse eval` and `rehearse gate` have it. ``workers`` None: one per core."""

    task: str
    method: str
    checkpoint: str | Path | None = None
    policy: str | Path | None = None
    level: str | None = None
    episodes: int = 30
    seed: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    workers: int | None = None
    min_success: float | None = None
    max_harm: float | None = None
    delta: float | None = None
    baseline: str | Path | None = None


@dataclass(frozen=True)
class Outcome:
    """``result`` as `rehearse eval --json` writes it, and the verdicts on it."""

    result: dict
    verdicts: list[Verdict]

    @property
    def passed(self) -> bool:
        """Whether every gate holds."""
        return all(verdict.passed for verdict in self.verdicts)

    def words(self) -> str:
        """A line per gate."""
        return "\n".join(f"{'pass' if v.passed else 'FAIL'} {v.method}: {v.gate}: {v.reason}" for v in self.verdicts)


OUTCOME = pytest.StashKey[Outcome]()
RESULTS = pytest.StashKey[dict[str, dict]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{MARKER}({SIGNATURE}): evaluate once with Rehearse, fail if a gate does")
    config.stash[RESULTS] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Evaluate and judge, once the test is known not to be skipped; what cannot be is an error of the set-up."""
    marker = item.get_closest_marker(MARKER)
    if marker is None:
        return
    from rehearse.errors import RehearseError

    try:
        if marker.args:
            raise TypeError("give everything by name")
        asked = Asked(**marker.kwargs)
    except TypeError as error:
        pytest.fail(f"{MARKER}({SIGNATURE}): {error}", pytrace=False)
    try:
        item.stash[OUTCOME] = _outcome(asked, item.config)
    except RehearseError as error:
        pytest.fail(f"{MARKER} could not judge: {error}", pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Fail in place of the test's body if a gate failed."""
    outcome = item.stash.get(OUTCOME, None)
    if outcome is None:
        return
    item.user_properties.append((MARKER, outcome.words()))  # which --junit-xml writes down
    item.add_report_section("call", "rehearse", outcome.words())
    if not outcome.passed:
        pytest.fail(outcome.words(), pytrace=False)


@pytest.fixture(name=MARKER)
def rehearse_gate(request: pytest.FixtureRequest) -> Outcome:
    """The evaluation and the verdicts of the test's own marker."""
    outcome = request.node.stash.get(OUTCOME, None)
    if outcome is None:
        pytest.fail(f"the fixture {MARKER} is for tests that carry the marker {MARKER}", pytrace=False)
    return outcome


def _outcome(asked: Asked, config: pytest.Config) -> Outcome:
    from rehearse.gates import Rules, judge
    from rehearse.recorded import read_evaluation

    def path(name: str | Path | None) -> Path | None:
        return None if name is None else config.rootpath / name

    rules = Rules(asked.min_success, asked.max_harm, Rules.delta if asked.delta is None else asked.delta)
    baseline = None if asked.baseline is None else read_evaluation(path(asked.baseline))
    result = _evaluated(asked, path(asked.checkpoint), path(asked.policy), config.stash[RESULTS])
    return Outcome(result, judge(result, rules, [asked.method], baseline))


def _evaluated(asked: Asked, checkpoint: Path | None, policy: Path | None, known: dict[str, dict]) -> dict:
    """The evaluation, from ``known`` if another test has asked for it."""
    from rehearse.commands.eval import about_evaluation
    from rehearse.recorded import default_checkpoint, default_policy
    from rehearse.sim.evaluate import EvalConfig, evaluate
    from rehearse.sim.gl import check
    from rehearse.sim.tasks import get_task

    check()
    task, methods = get_task(asked.task), (asked.method,)
    config = EvalConfig(
        task=asked.task,
        level=asked.level,
        episodes=asked.episodes,
        seed=asked.seed,
        methods=methods,
        checkpoint=checkpoint or default_checkpoint(task, methods),
        policy=policy or default_policy(task, methods),
        options=asked.options,
        workers=asked.workers or EvalConfig.workers,
    )
    if (key := repr(config)) not in known:
        known[key] = {**evaluate(config).to_dict(), "about": about_evaluation(config)}
    return known[key]
