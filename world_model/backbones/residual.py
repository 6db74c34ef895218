"""The last few moments as memory, and a residual perceptron over them: no recurrence, and no long past.

The cheapest dynamics per future: what it needs to know must have happened within ``FRAMES`` moments.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model.backbones.predictor import Predictor, Steer, as_it_is
from rehearse.world_model.config import ModelConfig

FRAMES = 3


@dataclass(frozen=True)
class Recent:
    """The last moments (B,FRAMES,D), the actions that led to them (B,FRAMES,E), and what they came to (B,S)."""

    moments: Tensor
    led: Tensor
    feature: Tensor

    @property
    def moment(self) -> Tensor:
        return self.moments[:, -1]

    def to(self, dtype: torch.dtype) -> "Recent":
        return Recent(self.moments.to(dtype), self.led.to(dtype), self.feature.to(dtype))


@dataclass(frozen=True)
class Windows:
    """Moments and actions (B,FRAMES-1+T,...) with what came before, and the features (B,T,S)."""

    moments: Tensor
    led: Tensor
    features: Tensor

    def at(self, rows: Tensor, steps: Tensor) -> Recent:
        window = steps[:, None] + torch.arange(FRAMES, device=steps.device)
        return Recent(self.moments[rows[:, None], window], self.led[rows[:, None], window], self.features[rows, steps])

    def last(self) -> Recent:
        return Recent(self.moments[:, -FRAMES:], self.led[:, -FRAMES:], self.features[:, -1])


class Residual(nn.Module):
    """Backbone without recurrence."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.state_dim
        self.no_action = nn.Parameter(torch.zeros(config.action_width))
        self.enter = nn.Linear(FRAMES * (config.latent_dim + config.action_width), width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(config.layers)
        )
        self.leave = nn.LayerNorm(width)
        self.predict = Predictor(config)

    def observe(self, moments: Tensor, led: Tensor, memory: Recent | None = None) -> tuple[Tensor, Windows]:
        if memory is None:
            before = moments[:, :1].expand(-1, FRAMES - 1, -1), self.no_action.expand(len(led), FRAMES - 1, -1)
        else:
            before = memory.moments[:, 1:], memory.led[:, 1:]
        moments = torch.cat([before[0], moments], 1)
        led = torch.cat([before[1].to(led.dtype), led], 1)
        seen = moments.unfold(1, FRAMES, 1).transpose(2, 3), led.unfold(1, FRAMES, 1).transpose(2, 3)
        features = self._feature(*seen)
        return features, Windows(moments, led, features)

    def unroll(self, memory: Recent, actions: Tensor, steer: Steer = as_it_is) -> tuple[Tensor, Tensor]:
        grown = lambda x: x.expand(len(actions), *x.shape[1:])  # noqa: E731
        recent, led, feature = grown(memory.moments), grown(memory.led), grown(memory.feature)
        features, moments = [], []
        for action in actions.to(feature.dtype).unbind(1):
            action = steer(action, feature)
            moment = recent[:, -1] + self.predict(feature, action)
            recent = torch.cat([recent[:, 1:], moment[:, None].to(recent.dtype)], 1)
            led = torch.cat([led[:, 1:].to(action.dtype), action[:, None]], 1)
            feature = self._feature(recent, led)
            features.append(feature)
            moments.append(moment)
        return torch.stack(features, 1), torch.stack(moments, 1)

    def _feature(self, moments: Tensor, led: Tensor) -> Tensor:
        """The window's last moment and how it got there: (...,FRAMES,D), (...,FRAMES,E) -> (...,S)."""
        steps = torch.cat([moments[..., -1:, :], moments.diff(dim=-2)], -2)
        x = F.silu(self.enter(torch.cat([steps.flatten(-2), led.to(steps.dtype).flatten(-2)], -1)))
        for block in self.blocks:
            x = x + block(x)
        return self.leave(x)
