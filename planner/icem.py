"""iCEM: the cross-entropy method with coloured noise, shrinking populations, and elites that stay in the population.

    icem = ICEM(ICEMConfig(futures=512))        # used as CEM is

Noise along the knots has the spectrum 1 / f^colour: neighbouring knots move together, so that fewer samples are wasted
on trembling. Each iteration imagines `shrink` times fewer futures than the one before, the same in total.

Pinneri, Sawant, Blaes, Achterhold, Stueckler, Rolinek, Martius: Sample-efficient Cross-Entropy Method for Real-time
Planning, CoRL 2020 (arXiv 2008.06389).
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError
from rehearse.planner.cem import CEM, CEMConfig, CEMState


@dataclass(frozen=True)
class ICEMConfig(CEMConfig):
    """CEMConfig, and: colour, the exponent of the noise's spectrum (0 is white). shrink: of the populations.

    keep: share of the elites that stand again in the next population, unchanged.
    """

    smoothing: float = 0.1
    colour: float = 2.0
    shrink: float = 1.25
    keep: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.colour < 0:
            raise ConfigError(f"icem: colour must not be negative, is {self.colour}")
        if self.shrink < 1:
            raise ConfigError(f"icem: shrink must be at least 1, is {self.shrink}")
        if not 0 <= self.keep <= 1:
            raise ConfigError(f"icem: keep must lie in [0, 1], is {self.keep}")


class ICEM(CEM):
    """An Optimizer. Differs from CEM in what it samples; the refit is the same."""

    def __init__(self, config: ICEMConfig | None = None):
        super().__init__(config or ICEMConfig())

    def populations(self) -> list[int]:
        """`futures` in all, each population `shrink` times smaller than the one before."""
        even = super().populations()
        shares = torch.tensor([self.config.shrink**-i for i in range(len(even))], dtype=torch.float64)
        edges = (shares.cumsum(0) / shares.sum() * self.config.futures).round().long().tolist()
        sizes = [end - begin for begin, end in zip([0, *edges], edges, strict=False)]
        return sizes if min(sizes) >= 1 else even

    def sample(self, state: CEMState, n: int, generator: Generator) -> Tensor:
        """Knots (n,Q,A): the mean, some elites of the iterations before, then coloured draws around the mean."""
        noise = coloured_noise(n, *state.mean.shape, self.config.colour, generator, state.mean.device)
        knots = (state.mean + state.std * noise).clamp(state.low, state.high)
        knots[0] = state.mean
        stay = min(int(self.config.keep * len(state.elites)), n - 1)
        if stay:
            knots[1 : 1 + stay] = state.elites[:stay]
        return knots


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
