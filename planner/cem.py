"""The cross-entropy method over spline knots: sample, keep the cheapest, fit a Gaussian to them, again.

    cem = CEM(CEMConfig(futures=512))
    state = cem.init(mean, std, low, high)                  # mean (Q,A); std, low, high (A,)
    for n in cem.populations():
        knots = cem.sample(state, n, generator)             # (n,Q,A), knots[0] is the mean
        state = cem.update(state, knots, costs(knots))      # elites and their costs outlive the iteration

de Boer, Kroese, Mannor, Rubinstein: A Tutorial on the Cross-Entropy Method, Annals of OR 134, 2005. Keeping
the elites follows iCEM (Pinneri et al., CoRL 2020), but their costs are remembered instead of imagined again.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError


@dataclass(frozen=True)
class CEMConfig:
    """How many futures, and how boldly the search narrows.

    futures: imagined per decision, all iterations together. iterations: at most so many of them.
    min_population: rather fewer iterations than populations smaller than this, for a Gaussian fitted to a
    handful of futures loses to one good draw from the first. elite_fraction: of a population, at least three
    elites. smoothing: share of the old mean and std kept at an update. std_min: floor, as a share of the
    first std.
    """

    futures: int = 512
    iterations: int = 4
    min_population: int = 16
    elite_fraction: float = 0.05
    smoothing: float = 0.0
    std_min: float = 0.15

    def __post_init__(self) -> None:
        for name in ("futures", "iterations", "min_population"):
            if getattr(self, name) < 1:
                raise ConfigError(f"cem: {name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.elite_fraction <= 1:
            raise ConfigError(f"cem: elite_fraction must lie in (0, 1], not {self.elite_fraction}")
        for name in ("smoothing", "std_min"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"cem: {name} must lie in [0, 1), not {getattr(self, name)}")


@dataclass(frozen=True)
class CEMState:
    """mean, std, std_min (Q,A) · low, high (A,) · elites (E,Q,A), their costs (E,) · nonfinite ()."""

    mean: Tensor
    std: Tensor
    std_min: Tensor
    low: Tensor
    high: Tensor
    elites: Tensor
    elite_costs: Tensor
    nonfinite: Tensor


class CEM:
    """An Optimizer. Holds configuration only; what changes is in CEMState."""

    def __init__(self, config: CEMConfig | None = None):
        self.config = config or CEMConfig()

    def populations(self) -> list[int]:
        """`futures` split evenly over the iterations, the remainder going to the first."""
        return even_populations(self.config.futures, self.config.iterations, self.config.min_population)

    def init(self, mean: Tensor, std: Tensor, low: Tensor, high: Tensor) -> CEMState:
        """mean (Q,A), std and bounds (A,) -> a state that has seen nothing."""
        std = std.expand_as(mean)
        return CEMState(
            mean=mean.clamp(low, high),
            std=std,
            std_min=std * self.config.std_min,
            low=low,
            high=high,
            elites=mean.new_empty((0, *mean.shape)),
            elite_costs=mean.new_empty(0),
            nonfinite=torch.zeros((), dtype=torch.long, device=mean.device),
        )

    def sample(self, state: CEMState, n: int, generator: Generator) -> Tensor:
        """Knots (n,Q,A) within the bounds: the mean, then n - 1 Gaussian draws around it."""
        return gaussian_knots(state.mean, state.std, state.low, state.high, n, generator)

    def update(self, state: CEMState, knots: Tensor, costs: Tensor) -> CEMState:
        """Refit to the cheapest of knots (n,Q,A) with costs (n,) and of the elites so far.

        A non-finite cost counts as +inf, is counted, and never enters the fit; with no finite one nothing
        moves. Branches on tensors only, so that a GPU is not waited for.
        """
        usable = costs.isfinite()
        pool = torch.cat([state.elites, knots])
        pool_costs = torch.cat([state.elite_costs, costs.where(usable, torch.inf)])
        count = min(len(pool), max(3, math.ceil(self.config.elite_fraction * len(knots))))
        order = pool_costs.argsort(stable=True)[:count]
        elites, elite_costs = pool[order], pool_costs[order]

        fit = elite_costs.isfinite()[:, None, None]
        total = fit.sum()
        # where() and not a product: a non-finite knot times zero would still be NaN
        mean = elites.where(fit, 0.0).sum(0) / total.clamp(min=1)
        std = ((elites - mean).where(fit, 0.0).square().sum(0) / total.clamp(min=1)).sqrt()
        keep = self.config.smoothing
        return replace(
            state,
            mean=torch.where(total > 0, torch.lerp(mean, state.mean, keep), state.mean),
            std=torch.where(total > 1, torch.lerp(std, state.std, keep).maximum(state.std_min), state.std),
            elites=elites,
            elite_costs=elite_costs,
            nonfinite=state.nonfinite + (~usable).sum(),
        )


def even_populations(futures: int, iterations: int, min_population: int) -> list[int]:
    """`futures` over at most `iterations` populations, none smaller than `min_population` unless there is but one."""
    iterations = max(1, min(iterations, futures // min_population))
    each, rest = divmod(futures, iterations)
    return [each + (i < rest) for i in range(iterations)]


def gaussian_knots(mean: Tensor, std: Tensor, low: Tensor, high: Tensor, n: int, generator: Generator) -> Tensor:
    """Knots (n,Q,A) within the bounds (A,): the mean (Q,A), then n - 1 draws around it with std (Q,A)."""
    noise = torch.randn((n, *mean.shape), generator=generator, device=mean.device)
    noise[0] = 0
    return (mean + std * noise).clamp(low, high)
