"""K small heads that read every signal off a state: states (M,S) -> {name: (K,M)}, and their spread (M,).

    raw = heads.raw(states); signals = Signals(heads, raw); disagreement = heads.spread(raw)

Regression signals are learned through sign(x) log(1 + c|x|), standardised, so that a rare peak and the small
values below it both count (symlog: DreamerV3, arXiv 2301.04104; c is fitted to the data). Events are learned
as logits and come out as probabilities. Members differ by initialisation and by the episodes that they
learned from; the spread of what they say is the model's uncertainty.
"""

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model.config import ModelConfig


class Heads(nn.Module):
    """An ensemble of two-layer perceptrons, run as two matrix products."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.names = tuple(config.signals)
        self.members, self.width, count = config.members, config.head_width, len(self.names)
        self.hidden = nn.Linear(config.state_dim, self.members * self.width)
        self.out_weight = nn.Parameter(torch.randn(self.members, count, self.width) / self.width**0.5)
        self.out_bias = nn.Parameter(torch.zeros(self.members, count))
        events = torch.tensor([config.signals[name] == "event" for name in self.names], dtype=torch.bool)
        self.register_buffer("is_event", events, persistent=False)
        for name, value in (("scale", 1.0), ("mean", 0.0), ("std", 1.0), ("low", -10.0), ("high", 10.0)):
            self.register_buffer(name, torch.full((count,), value))

    def forward(self, states: Tensor) -> Tensor:
        """Raw outputs (M,K,C): standardised symlog values of regressions, logits of events."""
        hidden = F.silu(self.hidden(states), inplace=not torch.is_grad_enabled())
        # One block-diagonal product instead of K narrow ones.
        weight = torch.block_diag(*self.out_weight)
        return F.linear(hidden, weight, self.out_bias.flatten()).unflatten(-1, (self.members, -1))

    def encode(self, values: Tensor) -> Tensor:
        """Signals (...,C) in their own units -> what the outputs are compared with."""
        squashed = (values.sign() * torch.log1p(self.scale * values.abs()) - self.mean) / self.std
        return torch.where(self.is_event, values, squashed)

    def fit(self, values: Tensor) -> None:
        """Set the transforms from signals (M,C): c = 1 / the typical size, to resolve both tails."""
        for i in range(values.shape[1]):
            if self.is_event[i]:
                continue
            size = values[:, i].abs()
            largest = size.max().clamp(min=1e-6)
            typical = size[size > 1e-3 * largest].median() if (size > 1e-3 * largest).any() else largest
            self.scale[i] = (1.0 / typical).clamp(1.0 / largest, 100.0 / largest)
            squashed = values[:, i].sign() * torch.log1p(self.scale[i] * size)
            self.mean[i], self.std[i] = squashed.mean(), squashed.std().clamp(min=1e-3)
            # A head may go somewhat beyond what was seen; the exponential must not run away with it.
            span = 0.1 * (squashed.max() - squashed.min())
            self.low[i], self.high[i] = squashed.min() - span, squashed.max() + span

    def raw(self, states: Tensor) -> Tensor:
        """Raw outputs (K,C,M) float32 of states (M,S), for ``Signals`` and ``spread``."""
        # In pieces that stay in a core's cache, and then with M last, so that what follows runs over long
        # rows.
        raw = torch.cat([self(part) for part in states.split(1024)]).flatten(1).t().contiguous().float()
        return raw.unflatten(0, (self.members, -1))

    def decode(self, raw: Tensor, index: int) -> Tensor:
        """One signal in its own units (an event: its probability) from raw outputs (K,C,...) -> (K,...)."""
        value = raw[:, index]
        if self.is_event[index]:
            return torch.sigmoid(value)
        value = (value * self.std[index] + self.mean[index]).clamp(self.low[index], self.high[index])
        return value.sign() * torch.expm1(value.abs()) / self.scale[index]

    def spread(self, raw: Tensor) -> Tensor:
        """Spread of the members (...,), averaged over the signals, from raw outputs (K,C,...).

        Taken where the members are trained: standardised values, or probabilities.
        """
        spread = raw.new_zeros(raw.shape[2:])
        for index in range(len(self.names)):
            told = torch.sigmoid(raw[:, index]) if self.is_event[index] else raw[:, index]
            spread = spread + (told - told.mean(0)).square().mean(0).sqrt() / len(self.names)
        return spread


class Signals(Mapping[str, Tensor]):
    """{name: (K,...)} read off raw outputs (K,C,...) when asked for: most planners look at two or three of many."""

    def __init__(self, heads: Heads, raw: Tensor) -> None:
        self._heads, self._raw, self._read = heads, raw, {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._read:
            if name not in self._heads.names:
                raise KeyError(name)
            self._read[name] = self._heads.decode(self._raw, self._heads.names.index(name))
        return self._read[name]

    def pick(self, index: Tensor) -> "Signals":
        """Of the futures at ``index`` (M,) only."""
        return Signals(self._heads, self._raw[:, :, index])

    def __iter__(self) -> Iterator[str]:
        return iter(self._heads.names)

    def __len__(self) -> int:
        return len(self._heads.names)
