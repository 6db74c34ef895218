"""Which action begins the way to a goal: where one is, the goal, the steps left -> an action (M,A).

    actions = inverse(features, moments, goals, steps)          # (M,S), (M,D), (M,D), (M,) -> (M,A)

A goal-conditioned inverse model (GC-IDM, github.com/hdnndh/Latent-Geometry-Beyond-Search), learnt in hindsight:
wherever a sequence went was a goal for the moments before (arXiv 1707.01495). It proposes; the planner judges.
"""

import torch
from torch import Tensor, nn

from rehearse.world_model.config import ModelConfig


class GoalInverse(nn.Module):
    """A perceptron over where one is, where one wants to be, and how soon."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, inputs = config.predictor_width, config.state_dim + 2 * config.latent_dim + 1
        self.net = nn.Sequential(
            nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, config.action_dim)
        )

    def forward(self, features: Tensor, moments: Tensor, goals: Tensor, steps: Tensor) -> Tensor:
        soon = 1.0 / steps.to(features.dtype).clamp(min=1)[..., None]
        return self.net(torch.cat([features, goals, goals - moments, soon], -1))
