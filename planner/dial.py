"""DIAL: MPPI whose noise is annealed over iterations, and along the horizon: near knots are searched more finely.

    dial = DIAL(DIALConfig(futures=512))        # used as CEM is

    std[q] at iteration i = std anneal^i far^((Q-1-q) / (Q-1))

Xue, Pan, Yi, Qu, Shi: Full-Order Sampling-Based MPC for Torque-Level Locomotion Control via Diffusion-Style Annealing
(DIAL-MPC), arXiv 2409.15610. Its exp(-i / (β₁ N)) is `anneal`^i, its exp(-(H-h) / (β₂ H)) has `far` at the first knot.
What differs: every decision has equally many iterations, where the paper gives the first one more.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rehearse.errors import ConfigError
from rehearse.planner.gaussian import GaussianState
from rehearse.planner.mppi import MPPI, MPPIConfig
from rehearse.planner.schedule import Schedule


@dataclass(frozen=True)
class DIALConfig(MPPIConfig):
    """MPPIConfig, and: anneal, factor on the noise per iteration. far: noise of the first knot as a share of the
    last one's. 1 and 1 are MPPI.
    """

    iterations: Schedule = 4
    anneal: float = 0.6
    far: float = 0.7

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("anneal", "far"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"dial: {name} must lie in (0, 1], not {getattr(self, name)}")


class DIAL(MPPI):
    """An Optimizer. Differs from MPPI in how wide it looks, and where."""

    def __init__(self, config: DIALConfig | None = None):
        super().__init__(config or DIALConfig())

    def init(self, mean: Tensor, std: Tensor, low: Tensor, high: Tensor) -> GaussianState:
        """mean (Q,A), std and bounds (A,) -> a state that has seen nothing, finer at near knots."""
        nearness = torch.linspace(1, 0, len(mean), device=mean.device) if len(mean) > 1 else mean.new_zeros(1)
        return super().init(mean, std * (self.config.far**nearness)[:, None], low, high)

    def update(self, state: GaussianState, knots: Tensor, costs: Tensor) -> GaussianState:
        """As MPPI; then the noise shrinks."""
        state = super().update(state, knots, costs)
        return replace(state, std=state.std * self.config.anneal)
