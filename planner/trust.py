"""How far imagination is to be believed just now: what was imagined for this moment, against what came.

    trust = Trust(TrustConfig(typical=(0.005, 0.008)), horizon=10)
    judgement = trust.judge(surprise)            # -> Judgement(horizon=10, mode="trust")

A planner that is wrong about the last step is wrong about the next ten. Surprise is the squared error of the imagined
moment as a multiple of what is typical so many steps ahead, smoothed, so that a gross one is remembered for a while.
Trust is a ladder. A decision after a surprise goes one rung down it, a calm one goes up again:

    trust       the whole horizon counts
    short       half of it counts, then only the first few steps
    replan      and the old plan is thrown away: the search begins anew
    hold        the robot stands still until the world is again as imagined; after a gross surprise at once

That nothing surprises one who stands still is no evidence, so a robot that cannot make sense of what it sees (its model
cannot reproduce it, as it could when the episode began) holds for as long as that lasts.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rehearse.errors import ConfigError
from rehearse.planner.protocols import TRUST, Belief, Dynamics

SHORT, REPLAN, HOLD = "short", "replan", "hold"
RUNGS = (TRUST, SHORT, SHORT, REPLAN, HOLD)


@dataclass(frozen=True)
class TrustConfig:
    """typical: mean squared error of a moment 1, 2, ... steps ahead on episodes never learnt from (the last holds for
    more). calm, surprised, gross: smoothed surprise below which trust grows, above which it shrinks, above which the
    robot holds at once. memory: share of the old surprise in the smoothed one. blind: the robot holds where what is
    seen is reproduced so many times as badly as at first. shortest: steps that count at the least.
    """

    typical: tuple[float, ...]
    calm: float = 1.5
    surprised: float = 2.0
    gross: float = 30.0
    memory: float = 0.5
    blind: float = 3.0
    shortest: int = 3

    def __post_init__(self) -> None:
        if not self.typical or min(self.typical) <= 0:
            raise ConfigError("trust: typical must hold at least one error, all positive")
        if not 0 < self.calm <= self.surprised <= self.gross:
            raise ConfigError(
                f"trust: 0 < calm <= surprised <= gross must hold, not {self.calm}, {self.surprised}, {self.gross}"
            )
        if not 0 <= self.memory < 1 or self.shortest < 1 or self.blind <= 1:
            raise ConfigError("trust: memory must lie in [0, 1), shortest be at least 1, blind above 1")


class Judgement(NamedTuple):
    """horizon: steps that may be counted on. mode: trust, short, replan or hold."""

    horizon: int
    mode: str


class Trust:
    """Remembers on which rung it stands, how surprised it has lately been, and what it expects."""

    def __init__(self, config: TrustConfig, horizon: int, period_s: float) -> None:
        self.config, self.period_s = config, period_s
        shortest = min(config.shortest, horizon)
        self._horizons = (horizon, max(shortest, horizon // 2), shortest, shortest, shortest)
        self.reset()

    def reset(self) -> None:
        """Full trust: a new episode."""
        self._rung, self._smoothed = 0, 0.0
        self._usual_blindness: float | None = None
        self._expected: tuple[np.ndarray, np.ndarray] | None = None

    def expect(self, times_s: np.ndarray, moments: np.ndarray) -> None:
        """The chosen plan leads to moments (S,D) at times_s (S,)."""
        self._expected = times_s, moments

    def look(
        self, dynamics: Dynamics, history: Any, belief: Belief, seen_s: float
    ) -> tuple[Judgement, dict[str, float]]:
        """Compare what is seen, at seen_s, with what was expected; the judgement, and numbers for the plan's health."""
        health, surprise = {}, self._surprise(dynamics, belief, seen_s)
        if surprise is not None:
            health["surprise"] = surprise
        if hasattr(dynamics, "blindness"):
            blindness = dynamics.blindness(history, belief)
            self._usual_blindness = self._usual_blindness or blindness
            health["blindness"] = blindness / max(self._usual_blindness, 1e-9)
        judgement = self.judge(surprise, health.get("blindness", 1.0) >= self.config.blind)
        return judgement, health | {"trusted_steps": float(judgement.horizon)}

    def judge(self, surprise: float | None, blind: bool = False) -> Judgement:
        """What to make of a surprise; of None (nothing had been imagined for now) nothing is made."""
        config, top = self.config, len(RUNGS) - 1
        if blind:
            self._smoothed, self._rung = config.gross, top
        elif surprise is not None:
            if not np.isfinite(surprise):  # the worst of all, but one from which there is a way back
                surprise = 2 * config.gross
            self._smoothed = config.memory * self._smoothed + (1 - config.memory) * surprise
            if self._smoothed >= config.gross:
                self._rung = top
            elif self._smoothed >= config.surprised:
                self._rung = min(self._rung + 1, top)
            elif self._smoothed < config.calm:
                self._rung = max(self._rung - 1, 0)
        return Judgement(self._horizons[self._rung], RUNGS[self._rung])

    def _surprise(self, dynamics: Dynamics, belief: Belief, seen_s: float) -> float | None:
        """Squared error of the moment that was imagined for now, as a multiple of what is typical."""
        if self._expected is None:
            return None
        times_s, moments = self._expected
        apart_s = np.abs(times_s - seen_s)
        step = int(apart_s.argmin())
        if apart_s[step] > self.period_s / 4:
            return None
        seen = dynamics.moment(belief).float().cpu().numpy()
        typical = self.config.typical[min(step, len(self.config.typical) - 1)]
        return float(np.square(moments[step] - seen).mean() / typical)
