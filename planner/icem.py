"""iCEM: the cross-entropy method with coloured noise and shrinking populations.

    icem = ICEM(ICEMConfig(futures=512))        # used as CEM is

Noise along the knots has the spectrum 1 / f^colour: neighbouring knots move together, so that fewer samples are wasted
on trembling. Each iteration imagines 1.25 times fewer futures than the one before, and 30 % of its elites compete
again.

Pinneri, Sawant, Blaes, Achterhold, Stueckler, Rolinek, Martius: Sample-efficient Cross-Entropy Method for Real-time
Planning, CoRL 2020 (arXiv 2008.06389). What differs: the mean is a sample of every iteration and not of the last one
alone; the noise runs along knots and not along steps, and is not periodic; the std has a floor. The paper's elites of
the last decision, shifted in time, are a proposal here (`proposals.carried`), good for every optimizer.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError
from rehearse.planner.cem import CEM, CEMConfig, CEMState
from rehearse.planner.gaussian import draw
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
        return draw(state, coloured_noise(n, *state.mean.shape, self.config.colour, generator, state.mean.device))


def coloured_noise(n: int, knots: int, size: int, colour: float, generator: Generator, device: torch.device) -> Tensor:
    """(n,Q,A) with unit variance and a power spectrum of 1 / f^colour along Q (Timmer and Koenig, 1995)."""
    # Cut from a longer series: what an inverse transform gives is periodic, and would tie the last knot to the first.
    length = 4 * knots
    spectrum = torch.fft.rfft(torch.randn((n, size, length), generator=generator, device=device))
    # The constant part gets the weight of the lowest frequency, as a spectrum has none for it.
    weight = torch.fft.rfftfreq(length, device=device).clamp(min=1 / length) ** (-colour / 2)
    noise = torch.fft.irfft(spectrum * (weight / _gain(weight, length)), n=length)
    return noise[..., :knots].transpose(1, 2)


def _gain(weight: Tensor, length: int) -> Tensor:
    """By how much filtering white noise with `weight` multiplies its standard deviation; `length` is even."""
    twice = torch.full_like(weight, 2.0)  # every frequency but the constant and the highest stands for two
    twice[0] = twice[-1] = 1.0
    return ((twice * weight.square()).sum() / length).sqrt()
