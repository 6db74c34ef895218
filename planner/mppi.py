"""Model-predictive path integral control over spline knots: every future counts, the cheap ones exponentially more.

    mppi = MPPI(MPPIConfig(futures=512))                    # used as CEM is
    dial = MPPI(MPPIConfig(iterations=4, anneal=0.6, far=0.7))

    weights = softmax(-(costs - costs.min()) / (temperature * costs.std()));  mean = sum(weights * knots)

Williams, Wagener, Goldfain, Drews, Rehg, Boots, Theodorou: Information Theoretic MPC for Model-Based Reinforcement
Learning, ICRA 2017. `anneal` and `far` are the diffusion-style schedule of DIAL-MPC (Xue, Pan, Yi, Qu, Shi,
arXiv 2409.15610): the noise shrinks over iterations, and is smaller for near knots than for far ones.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError
from rehearse.planner.cem import even_populations, gaussian_knots


@dataclass(frozen=True)
class MPPIConfig:
    """futures: imagined per decision, all iterations together. temperature: of the weights, in standard deviations of
    the costs; towards 0 only the best counts. anneal: factor on the noise per iteration, 1 for none. far: noise of the
    first knot as a share of the last one's, 1 for equal. min_population: rather fewer iterations than smaller ones.
    """

    futures: int = 512
    iterations: int = 1
    min_population: int = 16
    temperature: float = 0.1
    anneal: float = 1.0
    far: float = 1.0

    def __post_init__(self) -> None:
        for name in ("futures", "iterations", "min_population"):
            if getattr(self, name) < 1:
                raise ConfigError(f"mppi: {name} must be at least 1, not {getattr(self, name)}")
        for name in ("temperature", "anneal", "far"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"mppi: {name} must be positive, not {getattr(self, name)}")
        if self.anneal > 1 or self.far > 1:
            raise ConfigError("mppi: anneal and far must be at most 1")


@dataclass(frozen=True)
class MPPIState:
    """mean, std (Q,A) · low, high (A,) · nonfinite ()."""

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor
    nonfinite: Tensor


class MPPI:
    """An Optimizer. Holds configuration only; what changes is in MPPIState."""

    def __init__(self, config: MPPIConfig | None = None):
        self.config = config or MPPIConfig()

    def populations(self) -> list[int]:
        """`futures` split evenly over the iterations, the remainder going to the first."""
        return even_populations(self.config.futures, self.config.iterations, self.config.min_population)

    def init(self, mean: Tensor, std: Tensor, low: Tensor, high: Tensor) -> MPPIState:
        """mean (Q,A), std and bounds (A,) -> a state that has seen nothing."""
        nearness = torch.linspace(1, 0, len(mean), device=mean.device) if len(mean) > 1 else mean.new_zeros(1)
        std = std * (self.config.far**nearness)[:, None]
        nothing = torch.zeros((), dtype=torch.long, device=mean.device)
        return MPPIState(mean.clamp(low, high), std.expand_as(mean), low, high, nothing)

    def sample(self, state: MPPIState, n: int, generator: Generator) -> Tensor:
        """Knots (n,Q,A) within the bounds: the mean, then n - 1 Gaussian draws around it."""
        return gaussian_knots(state.mean, state.std, state.low, state.high, n, generator)

    def update(self, state: MPPIState, knots: Tensor, costs: Tensor) -> MPPIState:
        """Move the mean to the weighted average of knots (n,Q,A) with costs (n,).

        A non-finite cost has no weight and is counted; with no finite one nothing moves.
        """
        usable = costs.isfinite()
        count = usable.sum()
        low = costs.where(usable, math.inf).amin()
        above = (costs - low).where(usable, 0.0)
        spread = (above.square().sum() / count.clamp(min=1) - (above.sum() / count.clamp(min=1)).square()).clamp(min=0)
        scale = (self.config.temperature * spread.sqrt()).clamp(min=1e-12)
        weights = torch.softmax((-above / scale).where(usable, -math.inf), 0)
        # where() and not a product: a non-finite knot times zero would still be NaN
        mean = (weights[:, None, None] * knots).where(usable[:, None, None], 0.0).sum(0)
        return replace(
            state,
            mean=torch.where(count > 0, mean, state.mean),
            std=state.std * self.config.anneal,
            nonfinite=state.nonfinite + (~usable).sum(),
        )


class PredictiveSampling(MPPI):
    """The simplest search that works: the best of all samples is the new mean; the noise stays.

    Howell, Gileadi, Tunyasuvunakool, Zakka, Erez, Tassa: Predictive Sampling, arXiv 2212.00541.
    """

    def update(self, state: MPPIState, knots: Tensor, costs: Tensor) -> MPPIState:
        """Take the cheapest of knots (n,Q,A) with costs (n,); with no finite cost nothing moves."""
        usable = costs.isfinite()
        best = knots[costs.where(usable, math.inf).argmin()]
        return replace(
            state,
            mean=torch.where(usable.any(), best, state.mean),
            nonfinite=state.nonfinite + (~usable).sum(),
        )
