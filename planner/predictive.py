"""Predictive sampling, the simplest search that works: the best of all samples is the new mean; the noise stays.

    search = PredictiveSampling(PredictiveConfig(futures=512))      # used as CEM is

    mean = knots[argmin costs]

Howell, Gileadi, Tunyasuvunakool, Zakka, Erez, Tassa: Predictive Sampling, arXiv 2212.00541. One iteration is the
paper's; with several, each looks around the best so far.
"""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from rehearse.planner.gaussian import GaussianState, begin, draw, finite, white
from rehearse.planner.schedule import Schedule, check, populations


@dataclass(frozen=True)
class PredictiveConfig:
    """futures, iterations, min_population: as CEMConfig's."""

    futures: int = 512
    iterations: Schedule = 1
    min_population: int = 16

    def __post_init__(self) -> None:
        check("predictive", self)


class PredictiveSampling:
    """An Optimizer. Holds configuration only; what changes is in GaussianState."""

    def __init__(self, config: PredictiveConfig | None = None):
        self.config = config or PredictiveConfig()

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
        """Take the cheapest of knots (n,Q,A) with costs (n,); with no finite cost nothing moves."""
        usable, costs = finite(costs)
        return replace(
            state,
            mean=torch.where(usable.any(), knots[costs.argmin()[None]][0], state.mean),  # [None]: no wait for a number
            nonfinite=state.nonfinite + (~usable).sum(),
        )
