"""How a moment is about to change: features (...,S) and an embedded action (...,E) -> change (...,D)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model.config import ModelConfig


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
