"""What searches around a mean have in common: where they look, how wide, and within which bounds.

state = begin(mean, std, low, high)              # mean (Q,A); std (A,) or (Q,A); low, high (A,)
knots = draw(state, white(state, n, generator))  # (n,Q,A), the first being the mean
usable, costs = finite(costs)                    # (n,), +inf where the cost was nan or infinite
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class GaussianState:
    """mean, std, low, high (Q,A) · nonfinite (), how many costs were so far nan or infinite."""

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor
    nonfinite: Tensor


def begin(mean: Tensor, std: Tensor, low: Tensor, high: Tensor) -> GaussianState:
    """mean (Q,A), std (A,) or (Q,A), bounds (A,) -> a state that has seen nothing; the mean within the bounds."""
    nothing = torch.zeros((), dtype=torch.long, device=mean.device)
    # Written out to (Q,A): clamping (n,Q,A) to bounds of (A,) runs in rows of A, many times as slowly.
    std, low, high = (x.expand_as(mean).contiguous() for x in (std, low, high))
    return GaussianState(mean.clamp(low, high), std, low, high, nothing)


def white(state: GaussianState, n: int, generator: Generator) -> Tensor:
    """Independent standard normal noise (n,Q,A)."""
    return torch.randn((n, *state.mean.shape), generator=generator, device=state.mean.device)


def draw(state: GaussianState, noise: Tensor) -> Tensor:
    """noise (n,Q,A) -> knots (n,Q,A) within the bounds: the mean, then n - 1 draws around it."""
    noise[0] = 0
    return torch.addcmul(state.mean, state.std, noise).clamp_(state.low, state.high)


def finite(costs: Tensor) -> tuple[Tensor, Tensor]:
    """costs (n,) -> which are finite (n,), and the costs with +inf in place of the others (n,)."""
    usable = costs.isfinite()
    return usable, costs.where(usable, math.inf)
