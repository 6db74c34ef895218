"""K small heads that read every signal off a state: states (M,S) -> {name: (K,M)}, and their spread (M,).

    signals, disagreement = heads.read(states)

Regression signals are learned through sign(x) log(1 + c|x|), standardised, so that a rare peak and the small
values below it both count (symlog: DreamerV3, arXiv 2301.04104; c is fitted to the data). Events are learned
as logits and come out as probabilities. Members differ by initialisation and by the episodes that they
learned from; the spread of what they say is the model's uncertainty.
"""

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

    def read(self, states: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Signals {name: (K,M)} in their own units (events: probabilities) and the members' spread (M,)."""
        # In pieces that stay in a core's cache, and then with M last, so that what follows runs over long
        # rows.
        raw = torch.cat([self(part) for part in states.split(1024)]).flatten(1).t().contiguous().float()
        raw = raw.unflatten(0, (self.members, -1))
        signals, spread = {}, 0.0
        for i, name in enumerate(self.names):
            value = told = raw[:, i]
            if self.is_event[i]:
                value = told = torch.sigmoid(value)
            else:
                value = (value * self.std[i] + self.mean[i]).clamp(self.low[i], self.high[i])
                value = value.sign() * torch.expm1(value.abs()) / self.scale[i]
            signals[name] = value
            # Spread is taken where the members are trained: standardised values, or probabilities.
            spread = spread + (told - told.mean(0)).square().mean(0).sqrt() / len(self.names)
        return signals, spread if self.names else states.new_zeros(len(states), dtype=torch.float32)
