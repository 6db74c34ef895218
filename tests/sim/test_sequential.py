"""Stopping when it is decided: wrong no more often than promised, soon where the difference is great, in order."""

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.episode import Episode
from rehearse.sim.evaluate import EvalConfig, evaluate
from rehearse.sim.sequential import ALPHA, Trial, log_evidence

RUNS, LOOKS = 1000, 400
CLEAR = np.log(2 / ALPHA)


def episode(layout: int, success: bool, method: str = "nothing") -> Episode:
    return Episode(method, layout, success, False, 4.0, 0.1, 0.0, 20, 0, 1.5)


def share_decided(rate: float, boundary: float, seed: int) -> tuple[float, float, float]:
    """Of many evaluations that look after every layout: the shares decided higher and lower, and the median n."""
    outcomes = np.random.default_rng(seed).random((RUNS, LOOKS)) < rate
    won = np.cumsum(outcomes, axis=1)
    lost = np.arange(1, LOOKS + 1) - won
    higher = log_evidence(won, lost, boundary) >= CLEAR
    lower = log_evidence(lost, won, 1 - boundary) >= CLEAR
    first = lambda hits: np.where(hits.any(1), hits.argmax(1), LOOKS)  # noqa: E731
    up, down = first(higher), first(lower)
    return float(np.mean(up < down)), float(np.mean(down < up)), float(np.median(np.minimum(up, down) + 1))


@pytest.mark.parametrize("boundary", [0.5, 0.7, 0.95])
def test_at_the_boundary_it_errs_no_more_often_than_it_says(boundary):
    """400 looks each, any of which may decide."""
    up, down, _ = share_decided(boundary, boundary, seed=0)
    sampling = 2 * np.sqrt(ALPHA / RUNS)
    assert up <= ALPHA / 2 + sampling
    assert down <= ALPHA / 2 + sampling
    assert up + down <= ALPHA + sampling


def test_a_look_at_a_fixed_test_would_err_often():
    """The simulation can fail: the same evaluations with the bound that is right for one look."""
    won = np.cumsum(np.random.default_rng(0).random((RUNS, LOOKS)) < 0.5, axis=1)[:, 9:]
    n = np.arange(10, LOOKS + 1)
    assert np.mean((np.abs(won - n / 2) > 1.96 * np.sqrt(n) / 2).any(1)) > 0.25


def test_great_differences_are_seen_soon_and_on_the_right_side():
    up, down, n = share_decided(0.9, 0.5, seed=1)
    assert up > 0.999
    assert down == 0
    assert n < 25
    up, down, n = share_decided(0.5, 0.8, seed=2)
    assert (up, down) == (0, 1)
    assert n < 40


def test_layouts_are_judged_in_their_order():
    """Successes that finish first decide nothing before the layouts between them are there."""
    trial = Trial(("nothing",), 100, floor=0.5)
    for layout in range(101, 130):
        assert not trial.saw(episode(layout, True))
    assert trial.layouts == 0
    assert trial.saw(episode(100, True))
    assert trial.layouts < 30
    assert trial.counts(episode(100, True))
    assert not trial.counts(episode(129, True))
    assert "succeeds more often than 50%" in trial.decision()["words"]


def test_two_methods_are_told_apart_where_they_differ():
    trial = Trial(("a", "b"), 0)
    for layout in range(40):
        trial.saw(episode(layout, layout % 2 == 0, "b"))
        trial.saw(episode(layout, True, "a"))
    assert trial.decided == "higher"
    assert (trial.higher, trial.lower) == (trial.layouts // 2, 0)
    same = Trial(("a", "b"), 0)
    for layout in range(40):
        for method in same.methods:
            same.saw(episode(layout, layout % 2 == 0, method))
    assert same.decided is None
    assert same.decision()["words"] == "a against b: not decided, after 40 layouts (0 for, 0 against)"


def test_an_evaluation_stops_and_reports_what_it_rests_on():
    config = EvalConfig(methods=("nothing",), episodes=60, workers=1)
    known = {("nothing", layout): episode(layout, False) for layout in range(60)}
    ran = []

    def run(config, items):
        ran.append(list(items))
        yield from (episode(layout, False, method) for method, layout in items)

    halves = {item: known[item] for item in list(known)[:5]}
    report = evaluate(config, done=halves, run=run, trial=Trial(config.methods, 0, floor=0.5))
    assert report.decision["decided"] == "lower"
    assert report.rows[0]["n"] == len(report.episodes) == report.decision["layouts"] < 15
    assert [layout for _, layout in ran[0]] == list(range(5, 60))
    assert report.to_dict()["decision"] == report.decision
    assert "decision" not in evaluate(config, run=run).to_dict()


def test_what_cannot_be_decided_is_refused():
    for methods, floor in ((("a",), None), (("a", "b"), 0.5), (("a", "b", "c"), None)):
        with pytest.raises(ConfigError, match="two methods, or between one and --floor"):
            Trial(methods, 0, floor)
    with pytest.raises(ConfigError, match="floor is 80"):
        Trial(("a",), 0, 80)
