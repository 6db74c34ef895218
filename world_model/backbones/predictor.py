"""How a moment is about to change: features (...,S) and an embedded action (...,E) -> change (...,D)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model.config import ModelConfig

# An action (N,A) and the feature (N,S) of where it is taken -> what it is to the dynamics (N,E).
Steer = Callable[[Tensor, Tensor], Tensor]


def as_it_is(action: Tensor, feature: Tensor) -> Tensor:
    """For actions that are embedded already."""
    return action


class Predictor(nn.Module):
    """A residual perceptron; untrained, it says that nothing moves."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.first = nn.Linear(config.state_dim + config.action_width, width)
        self.second = nn.Linear(width, width)
        self.change = nn.Linear(width, config.latent_dim)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, features: Tensor, actions: Tensor) -> Tensor:
        x = F.silu(self.first(torch.cat([features, actions.to(features.dtype)], -1)))
        return self.change(x + F.silu(self.second(x)))
