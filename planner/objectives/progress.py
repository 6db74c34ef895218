"""What a future is worth for getting on: a signal as it is, its shortfall, and when it will be where it should.

    Reach("progress") + 2 * Deadline("progress", steps=20) + Arrival("progress", period_s=0.2)

Signals are (K,N,H); the risk makes one view of the K members' before anything else unless said otherwise.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rehearse.planner.objectives.risk import Risk, risk_of
from rehearse.planner.objectives.term import Term, over_horizon
from rehearse.planner.protocols import Futures


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
        return over_horizon(sign * risk_of(self.risk)(sign * futures.signal(self.name)), self.reduce)


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
        horizon = signal.shape[-1]
        expected = signal[..., max(1, min(self.steps, horizon)) - 1]
        if self.steps > horizon > 1:
            expected = expected + _pace(signal) * (self.steps - horizon)
        return risk_of(self.risk)(self.target - expected).relu()


@dataclass(frozen=True)
class Arrival(Term):
    """Seconds until a signal has risen to target, at most `at_most_s`; the risk over the members' times comes last.

    Between two steps the crossing is interpolated; beyond the horizon it is where the pace of its second half leads
    to. A signal that does not rise arrives at `at_most_s`, and those cost the same: add `Reach`, which tells them
    apart. With a horizon of one step there is no pace: it arrives now or at `at_most_s`.
    """

    name: str
    period_s: float
    target: float = 1.0
    at_most_s: float = 60.0
    weight: float = 1.0
    risk: str | Risk = "mean"

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        signal = futures.signal(self.name)
        time_s = (self.period_s * self._steps(signal)).clamp(max=self.at_most_s)
        known = signal.isfinite().all(-1)  # comparisons below are blind to nan
        return risk_of(self.risk)(time_s.where(known, torch.nan))

    def _steps(self, signal: Tensor) -> Tensor:
        """(K,N,H) -> (K,N): steps until the target is reached, enormous for never."""
        short = self.target - signal.cummax(-1).values
        horizon = short.shape[-1]
        first = (short > 0).sum(-1, keepdim=True)  # index of the first step there, H for none
        before = short.gather(-1, (first - 1).clamp(min=0))
        there = short.gather(-1, first.clamp(max=horizon - 1))
        # The clamps keep gradients finite where the other branch is taken; at no pace it arrives as good as never.
        within = first + torch.where(first > 0, before / (before - there).clamp(min=1e-9), 1.0)
        beyond = horizon + before / _pace(signal)[..., None].clamp(min=1e-9) if horizon > 1 else torch.inf
        return torch.where(first < horizon, within, beyond).squeeze(-1)


def _pace(signal: Tensor) -> Tensor:
    """Rise per step over the second half of the horizon (...,H), H > 1, not below 0: (...)."""
    horizon, half = signal.shape[-1], signal.shape[-1] // 2
    return ((signal[..., -1] - signal[..., half - 1]) / (horizon - half)).relu()
