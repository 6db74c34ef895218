"""How the futures of one decision are divided among its iterations.

    split(512, 4)                           # (128, 128, 128, 128)
    split(514, (300, 150, 64))              # (300, 150, 64)
    split(512, shrinking(4, by=1.25))       # (173, 139, 111, 89)

A schedule is a number of even populations, or one share for each population, in order; what shares sum to is free.
"""

import math
from fractions import Fraction
from functools import cache
from typing import Protocol

from rehearse.errors import ConfigError

Schedule = int | tuple[float, ...]


class Budget(Protocol):
    """What every optimizer's configuration has.

    futures: imagined per decision, all iterations together. iterations: the schedule. min_population: rather fewer
    iterations than a population smaller than this.
    """

    futures: int
    iterations: Schedule
    min_population: int


def populations(budget: Budget) -> list[int]:
    """The population of each iteration; they sum to the budget's futures."""
    return list(split(budget.futures, budget.iterations, budget.min_population))


@cache
def split(futures: int, schedule: Schedule, min_population: int = 1) -> tuple[int, ...]:
    """`futures` by the schedule, exactly: what rounding down leaves over goes to the largest remainders, early first.

    The last iterations are dropped until no population is smaller than `min_population`; the first always stays.
    """
    shares = (1,) * schedule if isinstance(schedule, int) else schedule
    for count in range(len(shares), 0, -1):
        sizes = _by_largest_remainder(futures, shares[:count])
        if min(sizes) >= min_population:
            return tuple(sizes)
    return (futures,)


def shrinking(iterations: int, by: float) -> tuple[float, ...]:
    """Shares of which each is `by` times smaller than the one before (iCEM's schedule)."""
    return tuple(by**-i for i in range(iterations))


def check(who: str, budget: Budget) -> None:
    """Raises ConfigError, naming the field, when the budget cannot be divided."""
    if isinstance(budget.iterations, tuple):
        if not budget.iterations or not all(0 < share < math.inf for share in budget.iterations):
            raise ConfigError(f"{who}: iterations as shares must be positive numbers, not {budget.iterations}")
    elif budget.iterations < 1:
        raise ConfigError(f"{who}: iterations must be at least 1, not {budget.iterations}")
    for name in ("futures", "min_population"):
        if getattr(budget, name) < 1:
            raise ConfigError(f"{who}: {name} must be at least 1, not {getattr(budget, name)}")


def _by_largest_remainder(futures: int, shares: tuple[float, ...]) -> list[int]:
    """Fractions and not floats: 300 of 514 must not become 299.99…"""
    total = sum(map(Fraction, shares))
    exact = [futures * Fraction(share) / total for share in shares]
    sizes = [math.floor(size) for size in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: sizes[i] - exact[i])  # stable: early ones first
    for i in by_remainder[: futures - sum(sizes)]:
        sizes[i] += 1
    return sizes
