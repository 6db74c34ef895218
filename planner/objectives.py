"""What a future costs. Terms read named signals, add with `+` and scale with `*`.

    objective = Reach("progress") + 20 * Hazard("woken", limit=0.05) + 2 * Excess("disturbance", above=0.5)
    objective(futures, actions)            # (N,)
    objective.parts(futures, actions)      # {"reach progress": (N,), "hazard woken": (N,), ...}

A term of one's own is a frozen dataclass with a `weight` that derives from Term and defines `value`. Where K
ensemble members see a future differently, a risk makes one number of theirs: a function of costs (K,...) ->
(...).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from rehearse.errors import ConfigError, DataError
from rehearse.planner.protocols import Futures, Objective

Risk = Callable[[Tensor], Tensor]


def mean(costs: Tensor) -> Tensor:
    """Members' average, (K,...) -> (...). Neutral."""
    return costs.mean(0)


def worst(costs: Tensor) -> Tensor:
    """The most pessimistic member at each entry, (K,...) -> (...)."""
    return costs.amax(0)


def cvar(alpha: float = 0.5) -> Risk:
    """Average over the worst share alpha of the members, at least one (Rockafellar and Uryasev, 2000)."""
    if not 0 < alpha <= 1:
        raise ConfigError(f"cvar: alpha must lie in (0, 1], not {alpha}")
    return lambda costs: costs.sort(0, descending=True).values[: math.ceil(alpha * len(costs))].mean(0)


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


class Term:
    """Base of the objectives below: `value` is the bare cost (N,), `parts` the weighted costs by label."""

    weight: float

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        raise NotImplementedError

    def parts(self, futures: Futures, actions: Tensor) -> dict[str, Tensor]:
        label = f"{type(self).__name__} {getattr(self, 'name', '')}".strip().lower()
        return {label: self.weight * self.value(futures, actions)}

    def __call__(self, futures: Futures, actions: Tensor) -> Tensor:
        return total(self.parts(futures, actions))

    def __add__(self, other: Objective) -> "Sum":
        return Sum((self, other))

    def __radd__(self, other: Objective | int) -> "Term":
        return self if other == 0 else Sum((other, self))  # sum([...]) starts from 0

    def __mul__(self, factor: float) -> Self:
        return replace(self, weight=self.weight * factor)

    __rmul__ = __mul__


def total(parts: dict[str, Tensor]) -> Tensor:
    """The cost (N,) that the parts, each (N,), make up."""
    return torch.stack(list(parts.values())).sum(0)


@dataclass(frozen=True)
class Sum(Term):
    """Objectives added up. Any callable may be among them; terms with the same label are added."""

    terms: tuple[Objective, ...]
    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return sum(term(futures, actions) for term in self.terms)

    def parts(self, futures: Futures, actions: Tensor) -> dict[str, Tensor]:
        added: dict[str, Tensor] = {}
        for term in self.terms:
            for label, cost in parts_of(term, futures, actions).items():
                added[label] = added.get(label, 0) + self.weight * cost
        return added


def parts_of(objective: Objective, futures: Futures, actions: Tensor) -> dict[str, Tensor]:
    """The parts of any objective; one that has none is a single part named after itself."""
    if hasattr(objective, "parts"):
        return objective.parts(futures, actions)
    return {getattr(objective, "__name__", type(objective).__name__.lower()): objective(futures, actions)}


@dataclass(frozen=True)
class Signal(Term):
    """A signal as it is: its "mean", "last" or "max" over the horizon. A negative weight rewards it."""

    name: str
    weight: float = 1.0
    reduce: str = "mean"
    risk: str | Risk = "mean"

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        # Pessimism points the other way for a reward: its worst member is the lowest.
        sign = -1.0 if self.weight < 0 else 1.0
        return _over_horizon(sign * risk_of(self.risk)(sign * futures.signal(self.name)), self.reduce)


@dataclass(frozen=True)
class Reach(Term):
    """Shortfall of a signal below target, averaged over the horizon: every step short of it has a price."""

    name: str
    target: float = 1.0
    weight: float = 1.0
    risk: str | Risk = "mean"

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return risk_of(self.risk)(self.target - futures.signal(self.name)).relu().mean(-1)


@dataclass(frozen=True)
class Terminal(Term):
    """Shortfall of a signal below target at the last step only."""

    name: str
    target: float = 1.0
    weight: float = 1.0
    risk: str | Risk = "mean"

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return risk_of(self.risk)(self.target - futures.signal(self.name)[..., -1]).relu()


@dataclass(frozen=True)
class Deadline(Term):
    """Shortfall of a signal below target that is to be expected `steps` from now, when time is up.

    Within the horizon it is the signal at that step; beyond it, where the signal will be if it goes on changing as it
    does in the second half of the horizon. A plan that is slow today because tomorrow will do is what this prices: a
    planner with a short horizon otherwise finds it cheapest to be careful now and hurry later, at every step anew.
    """

    name: str
    steps: int
    target: float = 1.0
    weight: float = 1.0
    risk: str | Risk = "mean"

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        signal = futures.signal(self.name)
        horizon, half = signal.shape[-1], signal.shape[-1] // 2
        expected = signal[..., max(1, min(self.steps, horizon)) - 1]
        if self.steps > horizon > 1:
            pace = (signal[..., -1] - signal[..., half - 1]) / (horizon - half)
            expected = expected + pace.relu() * (self.steps - horizon)
        return risk_of(self.risk)(self.target - expected).relu()


@dataclass(frozen=True)
class Hazard(Term):
    """Probability that an event has happened by the end of the horizon, plus a steep hinge beyond `limit`.

    The signal (K,N,H) is a probability. `latched` (once 1, it stays 1) takes the peak over the steps,
    otherwise the steps count as independent chances. Each member's probability is formed first, the risk over
    K comes last.
    """

    name: str
    weight: float = 1.0
    risk: str | Risk = "worst"
    limit: float | None = None
    steepness: float = 10.0
    latched: bool = True

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        chance = futures.signal(self.name)
        by_end = chance.amax(-1) if self.latched else 1 - (1 - chance).prod(-1)
        chance = risk_of(self.risk)(by_end)
        return chance if self.limit is None else chance + self.steepness * (chance - self.limit).relu()


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
        return _over_horizon(excess, self.reduce)


@dataclass(frozen=True, eq=False)
class Toward(Term):
    """Squared distance of the imagined moments (N,H,D) to a goal's moment (D,), averaged over D and over the path.

    The goal is what an image of it is encoded to. The whole path counts, so that arriving early is worth something.
    """

    goal: Tensor
    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        if futures.latents is None or futures.latents.shape[-1:] != self.goal.shape:
            found = "none" if futures.latents is None else f"moments of {futures.latents.shape[-1]}"
            raise DataError(f"toward: the goal is a moment of {tuple(self.goal.shape)}, the futures have {found}")
        return (futures.latents.float() - self.goal.to(futures.latents.device)).square().mean((1, 2))


@dataclass(frozen=True)
class Near(Term):
    """Distance of several signals from where they should be, averaged over the horizon: ((name, value), ...).

    Near((("block_x_m", 0.1), ("block_y_m", -0.05)))

    All signals should have one unit. Each member's distance is formed first, the risk over K comes last.
    """

    place: tuple[tuple[str, float], ...]
    weight: float = 1.0
    risk: str | Risk = "mean"

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        gaps = torch.stack([futures.signal(name) - value for name, value in self.place])
        return risk_of(self.risk)(gaps.square().sum(0).sqrt()).mean(-1)


@dataclass(frozen=True)
class Disagreement(Term):
    """How much the ensemble disagrees, averaged over the horizon: keeps plans where the model has been."""

    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return futures.disagreement.mean(-1)


@dataclass(frozen=True)
class Effort(Term):
    """Mean squared action over steps and dimensions."""

    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return actions.square().mean((1, 2))


@dataclass(frozen=True)
class Smoothness(Term):
    """Mean squared change between successive actions; 0 for a horizon of one step."""

    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return actions.diff(dim=1).square().sum((1, 2)) / max(1, (actions.shape[1] - 1) * actions.shape[2])


def _over_horizon(values: Tensor, reduce: str) -> Tensor:
    """(N,H) -> (N,)."""
    if reduce == "mean":
        return values.mean(-1)
    if reduce == "last":
        return values[..., -1]
    if reduce == "max":
        return values.amax(-1)
    raise ConfigError(f"reduce '{reduce}' is unknown; use mean, last or max")
