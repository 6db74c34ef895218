"""How many layouts an evaluation needs, and what one of n layouts can tell.

    for plan in layouts_needed(0.8, 0.9): plan.layout, plan.power, plan.n
    least, most = loss_caught(before=0.9, n=100, loss=0.10, delta=0.05)

How much pairing helps depends on how alike two methods succeed and fail, which is not known beforehand. So figures come
for the ends: outcomes that have nothing to do with each other, and outcomes that differ no more than the rates force
them to. Sample sizes are by statsmodels' normal approximations; that of paired layouts is Connor (1987) for McNemar's
test.
"""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from scipy.stats import binom, norm

from rehearse.errors import ConfigError

ALPHA = 0.05  # two-sided, everywhere
POWERS = (0.8, 0.9)
CORRELATIONS = {"unrelated": 0.0, "correlated by a half": 0.5, "as alike as can be": 1.0}
DRAWS = 10_000  # a share is right to half a point


@dataclass(frozen=True)
class Plan:
    """``n`` layouts (of each method, where they are not shared) give ``power`` to ``test`` in this ``layout``."""

    test: str
    layout: str
    power: float
    n: int


def discordance(before: float, after: float, correlation: float) -> float:
    """Share of pairs that differ, of two rates whose outcomes correlate so (phi), as far as the rates allow."""
    both = before * after + correlation * sqrt(before * (1 - before) * after * (1 - after))
    return max(before + after - 2 * both, abs(after - before))


def layouts_needed(before: float, after: float, delta: float) -> list[Plan]:
    """What tells ``after`` from ``before``, and what makes a gate with ``delta`` catch so great a fall."""
    from statsmodels.stats.power import normal_sample_size_one_tail  # a second to load
    from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

    for rate in (before, after):
        if not 0 < rate < 1:
            raise ConfigError(f"a rate is {rate}; plan with two rates between 0 and 1, such as 0.8 0.9")
    gap = abs(after - before)
    if gap < 1e-3:
        raise ConfigError(f"{before} and {after} are the same rate; no number of layouts tells them apart")
    plans = []
    for power in POWERS:
        unpaired = samplesize_proportions_2indep_onetail(after - before, before, power, alpha=ALPHA)
        plans.append(Plan("different", "unpaired, each", power, ceil(unpaired)))
        for name, correlation in CORRELATIONS.items():
            differ = discordance(before, after, correlation)
            spread = sqrt(differ - gap**2)
            paired = normal_sample_size_one_tail(gap, power, ALPHA / 2, sqrt(differ), spread)
            plans.append(Plan("different", f"paired, {name}", power, ceil(paired)))
            if gap > delta:
                clear = normal_sample_size_one_tail(gap - delta, power, ALPHA / 2, spread)
                # The gate asks for both tests.
                plans.append(Plan("gate", f"paired, {name}", power, ceil(max(clear, paired))))
    return sorted(plans, key=lambda plan: plan.test)


def loss_caught(before: float, n: int, loss: float, delta: float) -> tuple[float, float]:
    """Share of evaluations of n pairs in which the gate's rule sees a true loss: at least, and at most.

    Least: what is lost and gained has nothing to do with what succeeded before. Most: nothing is gained. By drawing
    evaluations; the bootstrap's bound is replaced by the normal one. (0, 0) where there is so much not to lose.
    """
    after = before - loss
    if after < -1e-9:
        return 0.0, 0.0
    after = max(after, 0.0)
    rng = np.random.default_rng(0)
    tables = ((before * (1 - after), (1 - before) * after), (loss, 0.0))
    least, most = (_share_caught(lost, gained, n, delta, rng) for lost, gained in tables)
    return min(least, most), max(least, most)


def _share_caught(lost: float, gained: float, n: int, delta: float, rng: np.random.Generator) -> float:
    drawn = rng.multinomial(n, (lost, gained, max(0.0, 1 - lost - gained)), size=DRAWS)
    change = (drawn[:, 1] - drawn[:, 0]) / n
    differ = drawn[:, 0] + drawn[:, 1]
    high = change + norm.ppf(1 - ALPHA / 2) * np.sqrt((differ / n - change**2) / n)
    clear = high < -delta
    p_value = 2 * binom.cdf(drawn[clear, 1], differ[clear], 0.5)
    return float(np.sum(p_value < ALPHA)) / DRAWS
