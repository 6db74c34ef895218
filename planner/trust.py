"""How far imagination is to be believed just now: what was imagined for this moment, against what came.

    trust = Trust(TrustConfig(typical=(0.005, 0.008)), horizon=10)
    belief_in = trust.judge(surprise)            # -> Judgement(horizon=10, mode="trust")

A planner that is wrong about the last step is wrong about the next ten. As long as the world does what was imagined,
the whole horizon counts. When it departs, the trusted horizon shrinks; when it departs far, the old plan is thrown away
and the search begins anew; when that does not help, the robot holds still until the world is again as imagined.
Surprise is the squared error of the imagined moment as a multiple of what is typical so many steps ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rehearse.errors import ConfigError

TRUST, SHORT, REPLAN, HOLD = "trust", "short", "replan", "hold"


@dataclass(frozen=True)
class TrustConfig:
    """typical: mean squared error of a moment 1, 2, ... steps ahead on episodes never learnt from (the last holds for
    more). shorten, replan: surprise from which the horizon shrinks, from which the plan is thrown away. patience: so
    many such decisions in a row, then hold. shortest: steps that are trusted at the least.
    """

    typical: tuple[float, ...]
    shorten: float = 3.0
    replan: float = 6.0
    patience: int = 2
    shortest: int = 3

    def __post_init__(self) -> None:
        if not self.typical or min(self.typical) <= 0:
            raise ConfigError("trust: typical must hold at least one error, all positive")
        if not 1 <= self.shorten <= self.replan:
            raise ConfigError(f"trust: 1 <= shorten <= replan must hold, not {self.shorten} and {self.replan}")
        if self.patience < 1 or self.shortest < 1:
            raise ConfigError("trust: patience and shortest must be at least 1")


class Judgement(NamedTuple):
    """horizon: steps that may be counted on. mode: trust, short, replan or hold."""

    horizon: int
    mode: str


class Trust:
    """Remembers how far it trusts, and for how many decisions in a row it has been badly surprised."""

    def __init__(self, config: TrustConfig, horizon: int) -> None:
        self.config, self.full = config, horizon
        self.reset()

    def reset(self) -> None:
        """Full trust: a new episode."""
        self._horizon, self._alarms = self.full, 0

    def surprise(self, imagined: np.ndarray, seen: np.ndarray, steps: int) -> float:
        """Squared error of a moment (D,) imagined ``steps`` ago, as a multiple of what is typical."""
        typical: Sequence[float] = self.config.typical
        return float(np.square(imagined - seen).mean() / typical[min(steps, len(typical)) - 1])

    def judge(self, surprise: float | None) -> Judgement:
        """What to make of a surprise; of None (nothing had been imagined for now) nothing is made."""
        config = self.config
        shortest = min(config.shortest, self.full)
        if surprise is None:
            return Judgement(self._horizon, TRUST if self._horizon == self.full else SHORT)
        if not surprise < config.replan:  # a surprise of NaN is the worst of all
            self._alarms += 1
            self._horizon = shortest
            return Judgement(shortest, HOLD if self._alarms > config.patience else REPLAN)
        self._alarms = 0
        grown = self._horizon + 1 if surprise < config.shorten else self._horizon // 2
        self._horizon = max(shortest, min(grown, self.full))
        return Judgement(self._horizon, TRUST if self._horizon == self.full else SHORT)
