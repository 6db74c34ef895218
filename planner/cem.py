"""The cross-entropy method over spline knots: sample, keep the cheapest, fit a Gaussian to them, again.

    cem = CEM(CEMConfig(futures=512))                       # or iterations=(300, 150, 64), futures=514
    state = cem.init(mean, std, low, high)                  # mean (Q,A); std, low, high (A,)
    for n in cem.populations():
        knots = cem.sample(state, n, generator)             # (n,Q,A), knots[0] is the mean
        state = cem.update(state, knots, costs(knots))      # elites and their costs outlive the iteration

    elites = the E cheapest of knots and former elites;  mean = (1 - smoothing) elites.mean() + smoothing mean
    std = max((1 - smoothing) elites.std() + smoothing std, std_min)

de Boer, Kroese, Mannor, Rubinstein: A Tutorial on the Cross-Entropy Method, Annals of OR 134, 2005. What differs: the
mean is among the samples, so that a decision is never worse than the plan it began with; elites compete again (as in
iCEM, Pinneri et al., CoRL 2020) at their remembered costs, since equal actions have equal futures; the std has a floor.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError
from rehearse.planner.gaussian import GaussianState, begin, draw, finite, white
from rehearse.planner.schedule import Schedule, check, populations


@dataclass(frozen=True)
class CEMConfig:
    """How many futures, and how boldly the search narrows.

    futures: imagined per decision, all iterations together. iterations: at most so many even populations, or the
    share of each. min_population: rather fewer iterations than populations smaller than this, for a Gaussian fitted
    to a handful of futures loses to one good draw from the first. elite_fraction: of a population, at least three
    elites. smoothing: share of the old mean and std kept at an update. std_min: floor, as a share of the first std.
    keep: share of the elites, cheapest first, that compete again at the next update.
    """

    futures: int = 512
    iterations: Schedule = 4
    min_population: int = 16
    elite_fraction: float = 0.05
    smoothing: float = 0.0
    std_min: float = 0.15
    keep: float = 1.0

    def __post_init__(self) -> None:
        check("cem", self)
        if not 0 < self.elite_fraction <= 1:
            raise ConfigError(f"cem: elite_fraction must lie in (0, 1], not {self.elite_fraction}")
        for name in ("smoothing", "std_min"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"cem: {name} must lie in [0, 1), not {getattr(self, name)}")
        if not 0 <= self.keep <= 1:
            raise ConfigError(f"cem: keep must lie in [0, 1], not {self.keep}")


@dataclass(frozen=True)
class CEMState(GaussianState):
    """Also: std_min (Q,A) · elites (E,Q,A), cheapest first, and their costs (E,)."""

    std_min: Tensor
    elites: Tensor
    elite_costs: Tensor


class CEM:
    """An Optimizer. Holds configuration only; what changes is in CEMState."""

    def __init__(self, config: CEMConfig | None = None):
        self.config = config or CEMConfig()

    def populations(self) -> list[int]:
        """How many futures each iteration imagines."""
        return populations(self.config)

    def init(self, mean: Tensor, std: Tensor, low: Tensor, high: Tensor) -> CEMState:
        """mean (Q,A), std and bounds (A,) -> a state that has seen nothing."""
        state = begin(mean, std, low, high)
        none = mean.new_empty((0, *mean.shape))
        return CEMState(**vars(state), std_min=state.std * self.config.std_min, elites=none, elite_costs=none[:, 0, 0])

    def sample(self, state: CEMState, n: int, generator: Generator) -> Tensor:
        """Knots (n,Q,A) within the bounds: the mean, then n - 1 Gaussian draws around it."""
        return draw(state, white(state, n, generator))

    def update(self, state: CEMState, knots: Tensor, costs: Tensor) -> CEMState:
        """Refit to the cheapest of knots (n,Q,A) with costs (n,) and of the elites so far.

        A non-finite cost counts as +inf, is counted, and never enters the fit; with no finite one among the (n,)
        mean and std stay. Branches on tensors only, so that a GPU is not waited for.
        """
        usable, costs = finite(costs)
        again = math.ceil(self.config.keep * len(state.elites))
        pool = torch.cat([state.elites[:again], knots])
        pool_costs = torch.cat([state.elite_costs[:again], costs])
        count = min(len(pool), max(3, math.ceil(self.config.elite_fraction * len(knots))))
        elite_costs, order = (x[:count] for x in pool_costs.sort(stable=True))

        fit = elite_costs < torch.inf
        fitted, found = fit.sum(), usable.sum()
        # where() and not a product alone: a non-finite knot times zero would still be NaN
        elites = pool[order].where(fit[:, None, None], 0.0)
        share, flat = fit / fitted.clamp(min=1), elites.flatten(1)
        mean = share @ flat
        std = (share @ (flat - mean).square_()).sqrt_()
        moves = (found > 0) * (1 - self.config.smoothing)
        return replace(
            state,
            mean=state.mean.lerp(mean.view_as(state.mean), moves),
            std=state.std.lerp(std.view_as(state.std), moves * (fitted > 1)).maximum(state.std_min),
            elites=elites,
            elite_costs=elite_costs,
            nonfinite=state.nonfinite + (len(costs) - found),
        )
