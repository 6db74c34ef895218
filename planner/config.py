"""How a robot is planned for: bounds, horizon, splines, deadline, trust. The search has a configuration of its own.

MPCConfig(action_low=(-1.0,) * 4, action_high=(1.0,) * 4, horizon=10, rest=(0, 0, 0, 1))
"""

import math
from dataclasses import dataclass

from rehearse.errors import ConfigError
from rehearse.planner import spline
from rehearse.planner.trust import TrustConfig


@dataclass(frozen=True)
class MPCConfig:
    """action_low, action_high (A,): bounds. horizon: H steps of period_s. knots: at most, along the horizon.

    initial_mean, initial_std (A,): of the search; by default the bounds' middle and a quarter of their
    distance. deadline_s: imagine nothing that would likely end later than this after `plan` was called;
    None waits. tempos: where actions are velocities, the plan so far is imagined at these multiples of its speed too
    (0 is to stand still), for a search of few futures seldom finds the same path at another speed; like all that is
    proposed, they have half of the first population.
    carry: so many of the last decision's best candidates are imagined again, shifted by time. refine_best: so many are
    moved downhill after the search, if MPC was given something that does it.
    rest (A,): the action that stands still; with it every plan has a braking tail of brake_steps steps after its first
    commit_steps actions. trust: how to react when the world departs from what was imagined; needs rest.
    draft_horizon: search over so many steps only, and leave the whole horizon to the verifier.
    keep_best, keep_rejected: candidates kept with the plan for explanation.
    """

    action_low: tuple[float, ...]
    action_high: tuple[float, ...]
    horizon: int = 12
    period_s: float = 0.2
    knots: int = 4
    spline: str = "linear"
    initial_mean: tuple[float, ...] | None = None
    initial_std: tuple[float, ...] | None = None
    deadline_s: float | None = None
    tempos: tuple[float, ...] = ()
    carry: int = 0
    refine_best: int = 4
    rest: tuple[float, ...] | None = None
    commit_steps: int = 2
    brake_steps: int = 2
    trust: TrustConfig | None = None
    draft_horizon: int | None = None
    keep_best: int = 8
    keep_rejected: int = 8

    def __post_init__(self) -> None:
        size = len(self.action_low)
        for name in ("action_high", "initial_mean", "initial_std", "rest"):
            if (value := getattr(self, name)) is not None and len(value) != size:
                raise ConfigError(f"mpc: {name} has {len(value)} numbers, action_low has {size}")
        if size == 0 or any(low >= high for low, high in zip(self.action_low, self.action_high, strict=True)):
            raise ConfigError("mpc: action_low must be below action_high in every dimension")
        for name in ("action_low", "action_high", "initial_mean", "initial_std", "rest"):
            if not all(math.isfinite(number) for number in getattr(self, name) or ()):
                raise ConfigError(f"mpc: {name} must be finite, not {getattr(self, name)}")
        bounded = zip(self.action_low, self.rest or self.action_low, self.action_high, strict=True)
        if not all(low <= rest <= high for low, rest, high in bounded):
            raise ConfigError(f"mpc: rest {self.rest} lies outside of the bounds")
        if self.initial_std is not None and min(self.initial_std) < 0:
            raise ConfigError("mpc: initial_std must not be negative")
        if min(self.horizon, self.knots, self.commit_steps, self.brake_steps) < 1 or not 0 < self.period_s < math.inf:
            raise ConfigError(
                "mpc: horizon, knots, commit_steps and brake_steps must be at least 1 and period_s positive"
            )
        if min(self.carry, self.keep_rejected) < 0 or min(self.refine_best, self.keep_best) < 1:
            raise ConfigError("mpc: carry and keep_rejected must not be negative, refine_best and keep_best at least 1")
        if self.draft_horizon is not None and not 1 <= self.draft_horizon <= self.horizon:
            raise ConfigError(f"mpc: draft_horizon must lie in 1 .. {self.horizon}, not {self.draft_horizon}")
        if self.trust is not None and self.rest is None:
            raise ConfigError("mpc: trust may have to hold the robot still; say with `rest` which action does that")
        if self.spline not in spline.KINDS:
            raise ConfigError(f"mpc: spline '{self.spline}' is unknown; use one of {', '.join(spline.KINDS)}")
