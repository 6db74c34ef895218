"""Paired comparison of two evaluations: the right pairs, the right signs, and the error rates that it promises."""

import numpy as np
import pytest

from rehearse.errors import DataError
from rehearse.sim.compare import compare


def episodes(outcomes, method="planner-8", first=0):
    return [
        {"method": method, "layout": first + i, "success": bool(done), "woken": not done}
        for i, done in enumerate(outcomes)
    ]


def test_pairs_are_matched_by_layout_and_counted():
    before = episodes([1, 1, 0, 0, 1], first=3)
    after = list(reversed(episodes([0, 1, 1, 0, 1, 1], first=3)))
    change = compare(before, after, "planner-8", "success")
    assert (change.n, change.gained, change.lost) == (5, 1, 1)
    assert change.before == change.after == 0.6
    assert change.changed == (3, 5)
    assert change.low <= change.difference == 0 <= change.high
    assert change.p_value == 1
    woken = compare(before, after, "planner-8", "woken")
    assert (woken.gained, woken.lost, woken.before) == (1, 1, 0.4)


def test_a_clear_loss_is_told_from_chance():
    before, after = episodes([1] * 40), episodes([1] * 25 + [0] * 15)
    change = compare(before, after, "planner-8", "success")
    assert change.low < change.difference < change.high < -0.2
    assert change.difference == pytest.approx(-15 / 40)
    assert change.p_value == pytest.approx(2**-14)  # 15 of 15 one way, two-sided


def test_a_few_pairs_are_never_clear():
    """The bootstrap of three of three is a point; chance alone does that to one in eight."""
    for n, clear in ((1, False), (3, False), (5, False), (6, True)):
        change = compare(episodes([1] * n), episodes([0] * n), "planner-8", "success")
        assert (change.low, change.high) == (-1, -1)
        assert change.clearly_lower(0.05) is clear
        back = compare(episodes([0] * n), episodes([1] * n), "planner-8", "success")
        assert back.clearly_higher(0.05) is clear
        assert not back.clearly_lower(0.05)


def test_nothing_changed_is_exactly_that():
    change = compare(episodes([1, 0, 1]), episodes([1, 0, 1]), "planner-8", "success")
    assert (change.difference, change.low, change.high, change.p_value) == (0, 0, 0, 1)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        before = rng.random(100) < 0.8
        after = np.where(rng.random(100) < 0.3, rng.random(100) < 0.6, before)  # true difference: 0.3 (0.6 - 0.8)
        change = compare(episodes(before), episodes(after), "planner-8", "success")
        hits += change.low <= -0.06 <= change.high
    assert 88 <= hits <= 99


def test_what_cannot_be_compared_is_named():
    with pytest.raises(DataError, match="baseline has no episodes of planner-9; it has planner-8"):
        compare(episodes([1]), episodes([1], "planner-9"), "planner-9", "success")
    with pytest.raises(DataError, match="share no layout"):
        compare(episodes([1]), episodes([1], first=7), "planner-8", "success")
