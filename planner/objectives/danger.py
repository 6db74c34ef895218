"""What must not happen, or only seldom, and where the model cannot be trusted.

Hazard("woken", limit=0.05)         # a price for the chance of it, steep beyond the limit
Chance("woken", at_most=0.02)       # first of all few enough; everything else comes after
Excess("disturbance", above=0.5)    # a bound on a signal
Disagreement()                      # the members differ: the model has not been there
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rehearse.errors import ConfigError
from rehearse.planner.objectives.risk import Risk, risk_of
from rehearse.planner.objectives.term import Term, over_horizon
from rehearse.planner.protocols import Futures


def by_end(chance: Tensor, latched: bool) -> Tensor:
    """Probabilities (...,H) at each step -> that it has happened by the end (...).

    `latched` (once 1, it stays 1) takes the peak over the steps, otherwise the steps count as independent chances.
    """
    return chance.amax(-1) if latched else 1 - (1 - chance).prod(-1)


@dataclass(frozen=True)
class Hazard(Term):
    """Probability that an event has happened by the end of the horizon, plus a steep hinge beyond `limit`.

    The signal (K,N,H) is a probability. Each member's probability is formed first, the risk over K comes last.
    """

    name: str
    weight: float = 1.0
    risk: str | Risk = "worst"
    limit: float | None = None
    steepness: float = 10.0
    latched: bool = True

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        chance = risk_of(self.risk)(by_end(futures.signal(self.name), self.latched))
        return chance if self.limit is None else chance + self.steepness * (chance - self.limit).relu()


@dataclass(frozen=True)
class Chance(Term):
    """A chance constraint: P(event by the end of the horizon) ≤ at_most.

        0                                where it holds
        price (1 + P - at_most)          where it does not: in (price, 2 price]

    Any future that satisfies it is preferred to any that does not, and of two that do not, the one with the lesser
    violation. Both only as far as `price` goes, for the term stays additive and finite: with costs otherwise spread
    over S, the first holds if S < price, the second for violations that differ by more than S / price (at the default,
    0.0005 for S = 5); below that they are traded against the rest. Where nothing satisfies it, the least violation is
    chosen: whether to move at all is not an objective's question.

    By default P is the ensemble's mean, which is what the ensemble as a whole predicts; "worst" asks it of each member.
    An optimizer that weighs by the spread of costs (MPPI's relative temperature) is blinded by such prices: give it an
    absolute one. Ranks (CEM, predictive sampling) do not mind.
    """

    name: str
    at_most: float
    weight: float = 1.0
    risk: str | Risk = "mean"
    price: float = 1e4
    latched: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.at_most < 1:
            raise ConfigError(f"chance: at_most is a probability in [0, 1), not {self.at_most}")

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        excess = risk_of(self.risk)(by_end(futures.signal(self.name), self.latched)) - self.at_most
        return torch.where(excess <= 0, 0.0, self.price * (1 + excess))


@dataclass(frozen=True)
class Excess(Term):
    """How far a signal rises above a bound: the peak over the horizon, or its "mean"."""

    name: str
    above: float
    weight: float = 1.0
    risk: str | Risk = "worst"
    reduce: str = "max"

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        excess = risk_of(self.risk)(futures.signal(self.name) - self.above).relu()
        return over_horizon(excess, self.reduce)


@dataclass(frozen=True)
class Disagreement(Term):
    """How much the ensemble disagrees, averaged over the horizon: keeps plans where the model has been."""

    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return futures.disagreement.mean(-1)
