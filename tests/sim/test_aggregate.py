"""The interquartile mean: the textbook's value, an interval that holds, and no use of it on single episodes."""

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.aggregate import interquartile_mean


def test_the_middle_half_counts():
    successes = np.array([[0, 40, 50, 100], [50, 60, 60, 100]])
    iqm = interquartile_mean(successes, np.full((2, 4), 100))
    assert iqm.value == pytest.approx((0.5 + 0.5 + 0.6 + 0.6) / 4)
    assert iqm.low <= iqm.value <= iqm.high
    assert iqm.low < iqm.high
    assert interquartile_mean([[90, 90], [50, 50]], np.full((2, 2), 100)).low == pytest.approx(0.7)


def test_tasks_keep_their_share_of_the_draws():
    """Seeds agree within a task and tasks differ: drawn within tasks nothing varies, across them it would."""
    iqm = interquartile_mean([[10, 10, 10, 11], [90, 90, 90, 91]], np.full((2, 4), 100))
    assert iqm.high - iqm.low < 0.02


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = 0.7
    held = 0
    for _ in range(60):
        drawn = rng.binomial(100, np.clip(rng.normal(truth, 0.05, (3, 8)), 0, 1))
        iqm = interquartile_mean(drawn, np.full((3, 8), 100))
        held += iqm.low <= truth <= iqm.high
    assert held >= 50


def test_single_episodes_are_refused():
    episodes = np.random.default_rng(0).random((4, 50)) < 0.8
    with pytest.raises(ConfigError, match=r"single episode.*three of four"):
        interquartile_mean(episodes, np.ones((4, 50)))
    with pytest.raises(ConfigError, match="both be"):
        interquartile_mean([1, 2, 3], [5, 5, 5])
    with pytest.raises(ConfigError, match="two seeds"):
        interquartile_mean([[3], [4], [5], [6]], np.full((4, 1), 9))
    with pytest.raises(ConfigError, match="more successes"):
        interquartile_mean([[9, 3], [4, 4]], np.full((2, 2), 8))
