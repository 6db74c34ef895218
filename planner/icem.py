"""iCEM: the cross-entropy method with coloured noise and shrinking populations.

    icem = ICEM(ICEMConfig(futures=512))        # used as CEM is

Noise along the knots has the spectrum 1 / f^colour: neighbouring knots move together, so that fewer samples are wasted
on trembling. Each iteration imagines 1.25 times fewer futures than the one before, and 30 % of its elites compete
again.

Pinneri, Sawant, Blaes, Achterhold, Stueckler, Rolinek, Martius: Sample-efficient Cross-Entropy Method for Real-time
Planning, CoRL 2020 (arXiv 2008.06389). What differs: the mean is a sample of every iteration and not of the last one
alone; the noise runs along knots and not along steps, is not periodic, and comes
from a product instead of a Fourier transform; the std has a floor. The paper's elites of
the last decision, shifted in time, are a proposal here (`proposals.carried`), good for every optimizer.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError
from rehearse.planner.cem import CEM, CEMConfig, CEMState
from rehearse.planner.gaussian import draw, white
from rehearse.planner.schedule import Schedule, shrinking

SHRINKING = shrinking(4, by=1.25)


@dataclass(frozen=True)
class ICEMConfig(CEMConfig):
    """CEMConfig with the paper's settings, and colour: the exponent of the noise's spectrum, 0 is white."""

    iterations: Schedule = SHRINKING
    smoothing: float = 0.1
    keep: float = 0.3
    colour: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.colour < 0:
            raise ConfigError(f"icem: colour must not be negative, is {self.colour}")


class ICEM(CEM):
    """An Optimizer. Differs from CEM in its noise; the refit is the same."""

    def __init__(self, config: ICEMConfig | None = None):
        super().__init__(config or ICEMConfig())

    def sample(self, state: CEMState, n: int, generator: Generator) -> Tensor:
        """Knots (n,Q,A) within the bounds: the mean, then n - 1 coloured draws around it."""
        return draw(state, coloured(white(state, n, generator), self.config.colour))


def coloured(white: Tensor, colour: float) -> Tensor:
    """White noise (n,Q,A) of unit variance -> noise of unit variance with a power spectrum of 1 / f^colour along Q."""
    if not colour:
        return white
    mixing = torch.as_tensor(_mixing(white.shape[1], colour), dtype=white.dtype, device=white.device)
    return torch.einsum("qp,npa->nqa", mixing, white)


@cache
def _mixing(knots: int, colour: float) -> np.ndarray:
    """The (Q,Q) matrix whose product with white noise has the spectrum: a Cholesky factor of the correlations.

    Those are what the spectrum means: correlation[lag] = Σ power cos(2π f lag) / Σ power (Wiener and Khinchin).
    """
    # As part of a longer series: one of Q would be periodic, and tie the last knot to the first.
    length = 4 * knots
    frequency = np.fft.rfftfreq(length)
    # The constant part gets the weight of the lowest frequency, as a spectrum has none for it.
    power = np.maximum(frequency, 1 / length) ** -colour
    power[1:-1] *= 2  # every frequency but the constant and the highest stands for two
    lags = np.abs(np.subtract.outer(np.arange(knots), np.arange(knots)))
    return np.linalg.cholesky(np.cos(2 * np.pi * frequency * lags[..., None]) @ power / power.sum())
