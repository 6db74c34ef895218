"""Gates: what fails, what passes, how it is written down, and how often a gate errs."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from rehearse.cli import main
from rehearse.errors import ConfigError
from rehearse.gates import Rules, judge, junit, markdown


def evaluation(outcomes, woken=None, method="planner-8", **about):
    woken = np.zeros(len(outcomes), bool) if woken is None else woken
    rows = [{"method": method, "n": len(outcomes)}]
    for name, values in (("success", outcomes), ("woken", woken)):
        rate = float(np.mean(values))
        rows[0] |= {name: rate, f"{name}_low": rate, f"{name}_high": rate}
    pairs = zip(outcomes, woken, strict=True)
    listed = [{"method": method, "layout": i, "success": bool(s), "woken": bool(w)} for i, (s, w) in enumerate(pairs)]
    return {"rows": rows, "episodes": listed, "about": {"level": "half"} | about}


GOOD, BAD = evaluation([1] * 90 + [0] * 10), evaluation([1] * 60 + [0] * 40)


def passed(*arguments):
    return [verdict.passed for verdict in judge(*arguments)]


def test_bounds_hold_or_fail_by_the_observed_rate():
    assert passed(GOOD, Rules(min_success=0.9, max_harm=0.0), ["planner-8"]) == [True, True]
    assert passed(GOOD, Rules(min_success=0.91), ["planner-8"]) == [False]
    waking = evaluation([1] * 4, [1, 0, 0, 0])
    assert passed(waking, Rules(max_harm=0.2), ["planner-8"]) == [False]


def test_a_clear_loss_against_the_baseline_fails_and_a_gain_passes():
    assert passed(BAD, Rules(), ["planner-8"], GOOD) == [False, True]
    assert passed(GOOD, Rules(), ["planner-8"], BAD) == [True, True]
    assert passed(BAD, Rules(delta=0.4), ["planner-8"], GOOD) == [True, True]
    waking = evaluation([1] * 90 + [0] * 10, [0] * 70 + [1] * 30)
    assert passed(waking, Rules(), ["planner-8"], GOOD) == [True, False]


def test_how_often_the_gate_errs():
    """A model as good as the baseline hardly ever fails; one that is 25 points worse nearly always does, at n = 100."""
    rng = np.random.default_rng(0)
    draw = lambda rate: evaluation(rng.random(100) < rate)  # noqa: E731
    rules = Rules(delta=0.05)
    alarms = [not passed(draw(0.85), rules, ["planner-8"], draw(0.85))[0] for _ in range(60)]
    caught = [not passed(draw(0.60), rules, ["planner-8"], draw(0.85))[0] for _ in range(60)]
    assert np.mean(alarms) <= 0.04
    assert np.mean(caught) >= 0.8


def test_the_power_is_stated_and_is_so():
    """Judge many evaluations of 100 layouts that have truly lost ten points; the share that fails is as stated."""
    rng = np.random.default_rng(1)
    rules, failed = Rules(delta=0.0), 0
    for _ in range(80):
        before = rng.random(100) < 0.9
        after = before & (rng.random(100) < 8 / 9)  # loses only, so the most that is stated
        verdict = judge(evaluation(after), rules, ["planner-8"], evaluation(before))[0]
        failed += not verdict.passed
    [verdict] = judge(evaluation([1] * 90 + [0] * 10), rules, ["planner-8"], GOOD)[:1]
    least, most = verdict.caught
    assert least < 0.5 < most
    assert failed / 80 == pytest.approx(most, abs=0.12)
    assert f"a loss of 10 points is caught in {100 * least:.0f} % to {100 * most:.0f} %" in verdict.reason
    assert judge(GOOD, Rules(min_success=0.5), ["planner-8"])[0].caught is None


def test_another_arm_is_another_condition():
    with pytest.raises(ConfigError, match="arm arm7, the result with arm6"):
        judge(evaluation([1], arm="arm6"), Rules(), ["planner-8"], evaluation([1]))
    assert passed(evaluation([1], arm="arm7", camera="front"), Rules(), ["planner-8"], evaluation([1])) == [True, True]


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ConfigError, match="nothing to judge"):
        judge(GOOD, Rules(), ["planner-8"])
    with pytest.raises(ConfigError, match="no row planner-9; it has planner-8"):
        judge(GOOD, Rules(min_success=0.5), ["planner-9"])
    with pytest.raises(ConfigError, match="level easy, the result with half"):
        judge(GOOD, Rules(), ["planner-8"], evaluation([1] * 4, level="easy"))
    for unlike in ({"variations": '{"friction": 1.0}'}, {"clock": "measured"}):
        with pytest.raises(ConfigError, match=f"made with {next(iter(unlike))} None"):
            judge(evaluation([1] * 4, **unlike), Rules(), ["planner-8"], evaluation([1] * 4))
    with pytest.raises(ConfigError, match="the result ended when it was decided"):
        judge({**GOOD, "decision": {}}, Rules(min_success=0.5), ["planner-8"])
    with pytest.raises(ConfigError, match="min_success is 85"):
        Rules(min_success=85)


def test_exit_codes_and_reports_of_the_command(tmp_path, capsys):
    for name, result in (("good", GOOD), ("bad", BAD), ("torn", {**GOOD, "rows": [{"n": 1}]})):
        (tmp_path / f"{name}.json").write_text(json.dumps(result))

    def gate(name, *more):
        reports = [
            "--junit",
            tmp_path / "junit.xml",
            "--markdown",
            tmp_path / "gates.md",
            "--page",
            tmp_path / "p.html",
        ]
        options = ["--methods", "planner-8", *reports, *more]
        code = main(["gate", *map(str, [tmp_path / f"{name}.json", *options])])
        suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
        return code, suite.get("failures"), suite.get("errors"), (tmp_path / "gates.md").read_text()

    against = ("--baseline", tmp_path / "good.json")
    assert gate("good", *against)[:3] == (0, "0", "0")
    assert "fails: 90% before, 60% now" not in (tmp_path / "p.html").read_text()
    assert gate("bad", *against)[:3] == (1, "1", "0")
    assert "fails: 90% before, 60% now" in (tmp_path / "p.html").read_text()
    assert gate("bad", "--min-success", "0.5")[:3] == (0, "0", "0")
    assert gate("bad", "--min-success", "0.7")[:3] == (1, "1", "0")
    for broken, remedy in (("torn", "make both anew"), ("absent", "rehearse eval --json")):
        code, failures, errors, table = gate(broken, *against)
        assert (code, failures, errors) == (2, "0", "1")
        assert "could not be judged" in table
        assert remedy in table
        assert remedy in capsys.readouterr().err


def test_reports_name_every_gate():
    verdicts = judge(BAD, Rules(min_success=0.5), ["planner-8"], GOOD)
    table = markdown(verdicts)
    assert table.startswith("**1 of 3 gates failed**")
    assert table.count("\n| ") == 5
    assert "90% before, 60% now: -30%" in table
    suite = ElementTree.fromstring(junit(verdicts))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    failure = suite.find("testcase/failure")
    assert "McNemar" in failure.get("message")
    assert "Changed on layouts 60, 61, 62, 63, 64 ...: rehearse replay" in failure.get("message")
    assert markdown(judge(GOOD, Rules(), ["planner-8"], GOOD)).startswith("**All 2 gates hold**")
