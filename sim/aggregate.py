"""One figure for many tasks: the interquartile mean of a matrix of rates, with a stratified bootstrap.

    iqm = interquartile_mean(successes, episodes)     # both (tasks, seeds); iqm.value, iqm.low, iqm.high

The mean of the middle half of the rates, as Agarwal et al. (2021, "Deep reinforcement learning at the edge of the
statistical precipice") advise; seeds are drawn anew within every task. By scipy: rliable, the authors' library, brings
arch and seaborn for what are two calls here.

It is for rates alone. Of single episodes, which are 0 or 1, the middle half is all ones as soon as three of four
succeed: 80 % and 99 % would both read 100 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap, trim_mean

from rehearse.errors import ConfigError

CUT = 0.25


@dataclass(frozen=True)
class IQM:
    """``low``, ``high``: 95 % interval of ``value``."""

    value: float
    low: float
    high: float


def interquartile_mean(successes: ArrayLike, episodes: ArrayLike, rng: int = 0) -> IQM:
    """Of ``successes`` in so many ``episodes``, both (tasks, seeds); ConfigError for single episodes."""
    won, n = np.asarray(successes, float), np.asarray(episodes, int)
    if won.ndim != 2 or won.shape != n.shape:
        raise ConfigError(f"successes {won.shape} and episodes {n.shape} must both be (tasks, seeds)")
    if n.size and n.min() < 2:
        raise ConfigError(
            "an interquartile mean is for rates, and some are of a single episode: of ones and noughts it is 100 % as "
            "soon as three of four succeed; give successes and episodes of every task and seed, or quote a rate with "
            "its Wilson interval"
        )
    if won.shape[1] < 2 or won.size < 4:
        raise ConfigError(f"{won.shape[0]} tasks x {won.shape[1]} seeds are too few: two seeds and four rates at least")
    if (won < 0).any() or (won > n).any():
        raise ConfigError("there are more successes than episodes, or fewer than none")
    rates = won / n
    value = float(trim_mean(rates, CUT, axis=None))
    if (rates == rates[:, :1]).all():  # seeds that agree leave nothing to draw
        return IQM(value, value, value)

    def middle(*tasks: np.ndarray, axis: int = -1) -> np.ndarray:
        return trim_mean(np.concatenate(tasks, axis=axis), CUT, axis=axis)

    interval = bootstrap(tuple(rates), middle, method="percentile", rng=rng).confidence_interval
    return IQM(value, float(interval.low), float(interval.high))
