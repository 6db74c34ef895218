"""A policy that repeats what it was shown: what was seen so far, and the goal -> what the demonstrator would do now.

    policy = load_policy("runs/cloned-dog")
    memory = None
    action, memory = policy.act(frame, proprio, goal, memory)     # (h,w,3), (P,), (G,) -> (A,)

It sees with the world model's eyes (the same encoder) and remembers the episode, so that whatever it does worse than a
planner it does not do worse for being blind. Actions are a mixture of Gaussians, because one state is shown with
several: BC-RNN-GMM, the strongest cloning in robomimic (Mandlekar et al., arXiv 2108.03298).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from rehearse.world_model import ModelConfig
from rehearse.world_model.checkpoint import restore
from rehearse.world_model.encoder import Encoder

# A narrower mode would be rewarded for repeating single actions to the last digit.
NARROWEST = 0.05


@dataclass(frozen=True)
class PolicyConfig:
    """Widths of the network, and the shapes of the robot that it belongs to; ``goal_dim`` 0 without a goal."""

    action_dim: int  # A
    proprio_dim: int  # P
    goal_dim: int = 0  # G
    image_size: int = 64
    latent_dim: int = 128
    encoder_width: int = 32
    state_dim: int = 192  # of what it remembers
    width: int = 256
    modes: int = 5  # of the mixture

    def senses(self) -> ModelConfig:
        """What the encoder needs to know."""
        shared = ("action_dim", "proprio_dim", "image_size", "latent_dim", "encoder_width")
        return ModelConfig(**{name: getattr(self, name) for name in shared})


class Policy(nn.Module):
    """Encoder, recurrent memory, and a head that says the mixture."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.senses())
        self.memory = nn.GRU(config.latent_dim, config.state_dim, batch_first=True)
        self.register_buffer("goal_mean", torch.zeros(config.goal_dim))
        self.register_buffer("goal_std", torch.ones(config.goal_dim))
        inputs = config.state_dim + config.latent_dim + config.goal_dim
        self.head = nn.Sequential(
            nn.Linear(inputs, config.width),
            nn.SiLU(),
            nn.Linear(config.width, config.width),
            nn.SiLU(),
            nn.Linear(config.width, config.modes * (1 + 2 * config.action_dim)),
        )

    def forward(self, moments: Tensor, goals: Tensor, memory: Tensor | None = None) -> tuple[MixtureSameFamily, Tensor]:
        """Moments (B,T,D) and goals (B,T,G) -> what to do at each, a distribution over (B,T,A); and the memory."""
        states, memory = self.memory(moments, memory)
        wanted = (goals - self.goal_mean) / self.goal_std
        said = self.head(torch.cat([states, moments, wanted], -1)).float()
        modes, size = self.config.modes, self.config.action_dim
        logits, means, spreads = said.split([modes, modes * size, modes * size], -1)
        shape = (*said.shape[:-1], modes, size)
        each = Normal(means.reshape(shape).tanh(), nn.functional.softplus(spreads.reshape(shape)) + NARROWEST)
        return MixtureSameFamily(Categorical(logits=logits), Independent(each, 1)), memory

    @torch.no_grad()
    def act(
        self, frame: np.ndarray, proprio: np.ndarray, goal: np.ndarray, memory: Tensor | None
    ) -> tuple[np.ndarray, Tensor]:
        """The middle of the likeliest mode, and what to remember: frame (h,w,3), proprio (P,), goal (G,) -> (A,)."""
        readings = {"frames": torch.as_tensor(frame)[None], "proprio": torch.as_tensor(proprio).float()[None]}
        moment = self.encoder(readings)[None]
        mixture, memory = self(moment, torch.as_tensor(goal).float()[None, None], memory)
        likeliest = mixture.mixture_distribution.logits[0, 0].argmax()
        return mixture.component_distribution.base_dist.loc[0, 0, likeliest].double().numpy(), memory


def load_policy(path: str | Path) -> Policy:
    """The policy of a checkpoint, in evaluation mode; a CheckpointError names what is wrong."""
    return restore(path, lambda config: Policy(PolicyConfig(**config)))
