"""Actions that nobody recorded: what must have been done between two moments, in a few numbers.

    latent, information = inverse(moments)          # (B,T,D) -> (B,T-1,E) and its cost in nats, (B,T-1)
    latent = controller(actions, features)          # this robot's real actions (...,A), where it is -> (...,E)

Inverse dynamics looks at a moment and the next one, and may say little: its answer is a Gaussian whose distance from a
standard normal is charged (the bottleneck of a variational autoencoder; continuous latent actions: arXiv 2601.05230;
their use for unlabelled video: LAPO, arXiv 2312.10812). Without that price it would pass the next moment through, and
nothing would be left to learn for the dynamics. The controller is learnt afterwards, from the few episodes that have
actions. It must know where the robot is: a latent action says what changes in a moment, and what a push changes there
depends on where it pushes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model import parallel
from rehearse.world_model.config import ModelConfig


class InverseDynamics(nn.Module):
    """Two consecutive moments to the latent action between them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.predictor_width
        self.net = nn.Sequential(
            nn.Linear(2 * config.latent_dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2 * config.action_width),
        )
        # Clear speech at first: noise would have the dynamics learn to ignore latent actions before they mean anything.
        with torch.no_grad():
            self.net[-1].bias[config.action_width :] = -2.0

    def forward(self, moments: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """With a ``generator`` a draw of the latent actions, as dynamics must learn from; without, their means."""
        seen = torch.cat([moments[:, :-1], moments.diff(dim=1)], -1)
        mean, log_std = self.net(seen).float().chunk(2, -1)
        log_std = log_std.clamp(-5, 2)
        cost = 0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std
        if generator is None:
            return mean, cost.sum(-1)
        noise = parallel.normal(*mean.shape, generator=generator).to(mean.device)
        return mean + log_std.exp() * noise, cost.sum(-1)


class Controller(nn.Module):
    """This robot's actions (...,A) embedded (...,E): by themselves, or as latent actions, by where one is."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.controller_width
        self.act = nn.Linear(config.action_dim, width)
        self.where = nn.Linear(config.state_dim, width, bias=False) if config.latent_actions else None
        self.out = nn.Linear(width, config.action_width)

    def forward(self, actions: Tensor, features: Tensor | None = None) -> Tensor:
        x = self.act(actions)
        return self.out(F.silu(x if self.where is None else x + self.where(features)))
