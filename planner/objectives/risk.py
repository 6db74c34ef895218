"""One number out of K members' views: a risk is a function of costs (K,...) -> (...).

    risk_of("worst")(costs)         # by name
    cvar(0.3)(costs)                # the average of the worst 30 %

| risk            | value                                                          |
| --------------- | -------------------------------------------------------------- |
| mean            | Σ c / K                                                        |
| worst           | max c                                                          |
| cvar(α)         | min over z of  z + Σ max(c - z, 0) / (α K)                     |
| mean_plus_std(β)| mean + β std                                                   |
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from rehearse.errors import ConfigError

Risk = Callable[[Tensor], Tensor]


def mean(costs: Tensor) -> Tensor:
    """Members' average, (K,...) -> (...). Neutral."""
    return costs.mean(0)


def worst(costs: Tensor) -> Tensor:
    """The most pessimistic member at each entry, (K,...) -> (...)."""
    return costs.amax(0)


def cvar(alpha: float = 0.5) -> Risk:
    """Average over the worst share alpha of the members; of the member on the border, only the part within the share.

    With K = 5 and alpha = 0.5: the worst two whole and the third half, (c₁ + c₂ + c₃ / 2) / 2.5. A share of less than
    one member is the worst one. Rockafellar and Uryasev, Optimization of Conditional Value-at-Risk, 2000.
    """
    if not 0 < alpha <= 1:
        raise ConfigError(f"cvar: alpha must lie in (0, 1], not {alpha}")

    def average_of_the_worst(costs: Tensor) -> Tensor:
        share = max(1.0, alpha * len(costs))
        count = min(len(costs), math.ceil(share - 1e-9))  # alpha K may be a rounding error above a whole number
        weights = costs.new_full((count,), 1 / share)
        weights[-1] = 1 - (count - 1) / share
        return torch.tensordot(weights, costs.sort(0, descending=True).values[:count], 1)

    return average_of_the_worst


def mean_plus_std(beta: float = 1.0) -> Risk:
    """Mean plus beta standard deviations over the members; with K = 1 the mean."""
    return lambda costs: costs.mean(0) + beta * costs.std(0, unbiased=False)


RISKS: dict[str, Risk] = {"mean": mean, "worst": worst, "cvar": cvar(), "mean_plus_std": mean_plus_std()}


def risk_of(risk: str | Risk) -> Risk:
    """A risk by its name, or the function itself."""
    if callable(risk):
        return risk
    if risk not in RISKS:
        raise ConfigError(f"risk '{risk}' is unknown; use one of {', '.join(RISKS)}, or a function of costs (K,...)")
    return RISKS[risk]
