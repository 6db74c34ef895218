"""Model-predictive path integral control over spline knots: every future counts, the cheap ones exponentially more.

    mppi = MPPI(MPPIConfig(futures=512))                                            # used as CEM is
    mppi = MPPI(MPPIConfig(temperature=1.0, absolute=True, importance=1.0))         # the paper's, to the letter

    weights = softmax(-(costs / λ + importance Σ mean knots / std²));  mean = Σ weights knots;  the std stays
    λ = temperature std(costs), or the temperature itself if `absolute`

Williams, Wagener, Goldfain, Drews, Rehg, Boots, Theodorou: Information Theoretic MPC for Model-Based Reinforcement
Learning, ICRA 2017, algorithm 2. What differs unless asked for: the temperature is relative to the spread of the costs,
as in DIAL-MPC, so that it need not be tuned anew for every objective; the importance term, by which the paper charges
a mean that is far from zero action, is left to `Effort`. The mean is among the samples.
"""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError
from rehearse.planner.gaussian import GaussianState, begin, draw, finite, white
from rehearse.planner.schedule import Schedule, check, populations


@dataclass(frozen=True)
class MPPIConfig:
    """futures, iterations, min_population: as CEMConfig's. temperature: of the weights; towards 0 only the best counts.

    absolute: the temperature is in units of cost; otherwise in standard deviations of the costs of a population, which
    a few enormous costs (of `Chance`, of a collision) widen until all others weigh the same. importance: 1 is the
    paper's charge for sampling around a mean that is not zero (its 1 - α), 0 none.
    """

    futures: int = 512
    iterations: Schedule = 1
    min_population: int = 16
    temperature: float = 0.1
    absolute: bool = False
    importance: float = 0.0

    def __post_init__(self) -> None:
        check("mppi", self)
        if not self.temperature > 0:
            raise ConfigError(f"mppi: temperature must be positive, not {self.temperature}")
        if not 0 <= self.importance <= 1:
            raise ConfigError(f"mppi: importance must lie in [0, 1], not {self.importance}")


class MPPI:
    """An Optimizer. Holds configuration only; what changes is in GaussianState."""

    def __init__(self, config: MPPIConfig | None = None):
        self.config = config or MPPIConfig()

    def populations(self) -> list[int]:
        """How many futures each iteration imagines."""
        return populations(self.config)

    def init(self, mean: Tensor, std: Tensor, low: Tensor, high: Tensor) -> GaussianState:
        """mean (Q,A), std and bounds (A,) -> a state that has seen nothing."""
        return begin(mean, std, low, high)

    def sample(self, state: GaussianState, n: int, generator: Generator) -> Tensor:
        """Knots (n,Q,A) within the bounds: the mean, then n - 1 Gaussian draws around it."""
        return draw(state, white(state, n, generator))

    def update(self, state: GaussianState, knots: Tensor, costs: Tensor) -> GaussianState:
        """Move the mean to the weighted average of knots (n,Q,A) with costs (n,).

        A non-finite cost has no weight and is counted; with no finite one nothing moves.
        """
        usable, costs = finite(costs)
        # where() and not a product: a non-finite knot times zero would still be NaN
        flat = knots.flatten(1).where(usable[:, None], 0.0)
        logits = -(costs - costs.amin()) / self._scale(usable, costs)
        if self.config.importance:
            # A dimension that is not searched has no say. What all knots have in common falls out of the softmax.
            pull = torch.where(state.std > 0, state.mean / state.std.square(), 0.0)
            logits = logits - self.config.importance * (flat @ pull.flatten())
        weights = torch.softmax(logits.where(usable, -torch.inf), 0)
        mean = (weights @ flat).view_as(state.mean)
        return replace(
            state,
            mean=torch.where(usable.any(), mean, state.mean),
            nonfinite=state.nonfinite + (~usable).sum(),
        )

    def _scale(self, usable: Tensor, costs: Tensor) -> Tensor | float:
        """λ: by what differences of cost are divided."""
        if self.config.absolute:
            return self.config.temperature
        count = usable.sum().clamp(min=1)
        mean = costs.where(usable, 0.0).sum() / count
        spread = ((costs - mean).where(usable, 0.0).square().sum() / count).sqrt()
        return (self.config.temperature * spread).clamp(min=1e-12)
