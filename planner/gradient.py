"""Gradient refinement: the best few candidates of a search, each moved downhill through the model.

    refine = Gradient(GradientConfig(steps=4))
    knots, costs = refine(knots, cost_of, low, high)    # knots (E,Q,A), cost_of: (E,Q,A) -> (E,), low, high (A,)

    trial = clamp(best - size (high - low) g / rms(g));  g = d cost(best) / d best, in units of the range
    better: best = trial, size kept;   not better: size halved, and tried again from the best

The step is normalised, so that it is as long for a cost of any scale; the projection keeps it within the bounds; and
since what is given back is the best seen, the first point included, no candidate comes out worse than it went in, nor
one that is not finite. Each candidate has its own step size. steps + 1 evaluations, all but the last with a backward
pass, which costs about twice the forward one.

Bharadhwaj, Xie, Shkurti: Model-Predictive Control via Cross-Entropy and Gradient-Based Optimization, L4DC 2020, and
Huang, Lale, Rosolia, Shi, Anandkumar: CEM-GD, arXiv 2112.07746 (gradient steps on the elites). A learned model's
gradient is trustworthy only near what it has seen (Parthasarathy et al., arXiv 2512.09929): keep `Disagreement` in the
objective, and steps few.

`cost_of` must not meet tensors that were made in inference mode, for autograd refuses them: make belief, basis and
bounds under torch.no_grad(). It is called with grad enabled even where the caller has disabled it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rehearse.errors import ConfigError
from rehearse.planner.gaussian import finite

CostOf = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class GradientConfig:
    """steps: at most so many moves. size: of the first, as a share of the range from low to high. shrink: of the size
    after a step that did not pay.
    """

    steps: int = 4
    size: float = 0.05
    shrink: float = 0.5

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ConfigError(f"gradient: steps must not be negative, is {self.steps}")
        if not 0 < self.size <= 1:
            raise ConfigError(f"gradient: size must lie in (0, 1], not {self.size}")
        if not 0 < self.shrink < 1:
            raise ConfigError(f"gradient: shrink must lie in (0, 1), not {self.shrink}")


class Gradient:
    """Holds configuration only."""

    def __init__(self, config: GradientConfig | None = None):
        self.config = config or GradientConfig()

    @torch.inference_mode(False)
    def __call__(self, knots: Tensor, cost_of: CostOf, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """knots (E,Q,A) within the bounds (A,) -> knots (E,Q,A) that cost no more, and their costs (E,).

        A cost that is not finite counts as +inf: what costs that much at first comes back as it was.
        """
        low, high = low.clone(), high.clone()  # clones, for what was made in inference mode has no gradient
        best = trial = knots.detach().clone()
        best_costs = best.new_full((len(best),), torch.inf)
        downhill, size = torch.zeros_like(best), best.new_full((len(best), 1, 1), self.config.size)
        for step in range(self.config.steps + 1):
            last = step == self.config.steps
            costs, direction = _price(trial, cost_of, high - low, with_gradient=not last)
            better = (costs < best_costs)[:, None, None]
            best, best_costs = torch.where(better, trial, best), torch.minimum(costs, best_costs)
            downhill = torch.where(better, direction, downhill)
            if step:
                size = torch.where(better, size, size * self.config.shrink)
            trial = (best + size * (high - low) * downhill).clamp(low, high)
        return best, best_costs


def _price(knots: Tensor, cost_of: CostOf, span: Tensor, with_gradient: bool) -> tuple[Tensor, Tensor]:
    """Costs (E,), +inf where not finite, and the way downhill (E,Q,A), of rms 1 in units of span (A,)."""
    still = torch.zeros_like(knots)
    with torch.set_grad_enabled(with_gradient):
        knots = knots.detach().requires_grad_(with_gradient)
        priced = cost_of(knots)
    usable, costs = finite(priced.detach().to(knots))
    if not with_gradient or not priced.requires_grad:
        return costs, still
    (slope,) = torch.autograd.grad(priced.where(usable, 0.0).sum(), knots, materialize_grads=True)
    slope = slope * span
    slope = slope.where(slope.isfinite().all((1, 2), keepdim=True), 0.0)
    rms = slope.square().mean((1, 2), keepdim=True).sqrt()
    return costs, torch.where(rms > 0, -slope / rms, still)
