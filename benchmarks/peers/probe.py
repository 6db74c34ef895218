"""What a peer's latents tell of the task: an ensemble of small heads, as ours has them, fitted afterwards.

    probe = Probe.fit(features, {"progress": ..., "woken": ...}, episode, events={"woken"}, seed=0)
    signals, disagreement = probe.read(features)        # (N,H,F) -> {name: (K,N,H)}, (N,H)

Features of a moment are its latent and the two before it, for a LeWM remembers three frames and what moves does not
show in one, and the action that led to it. Like our heads: K two-layer perceptrons that each learn from their own 7 in
10 of the episodes, regressions through a standardised symlog with an expectile for the disturbance, events as logits.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEMBERS, WIDTH, SHARE = 5, 64, 0.7
STEPS, BATCH, LEARNING_RATE = 2000, 512, 3e-3
EXPECTILES = {"disturbance": 0.7}


def features_of(latents: Tensor, actions: Tensor) -> Tensor:
    """Latents (N,2+T,D) and the actions (N,T,A) that led to the last T -> (N,T,3D+A)."""
    return torch.cat([latents[:, :-2], latents[:, 1:-1], latents[:, 2:], actions], -1)


class Probe(nn.Module):
    """K heads over features (...,F)."""

    def __init__(self, features: Tensor, values: dict[str, Tensor], events: set[str]) -> None:
        super().__init__()
        self.names, count = tuple(values), len(values)
        self.is_event = torch.tensor([name in events for name in self.names])
        self.mean, self.std = features.mean(0), features.std(0).clamp(min=1e-4)
        self.hidden = nn.Linear(features.shape[-1], MEMBERS * WIDTH)
        self.out = nn.Parameter(torch.randn(MEMBERS, WIDTH, count) / WIDTH**0.5)
        self.bias = nn.Parameter(torch.zeros(MEMBERS, count))
        true = torch.stack(list(values.values()), -1)
        self.scale = 1 / true.abs().quantile(0.5, 0).clamp(min=0.01)
        squashed = true.sign() * torch.log1p(self.scale * true.abs())
        self.middle, self.spread = squashed.mean(0), squashed.std(0).clamp(min=1e-3)
        self.low, self.high = squashed.amin(0), squashed.amax(0)

    def forward(self, features: Tensor) -> Tensor:
        """(M,F) -> raw (M,K,C)."""
        hidden = F.silu(self.hidden((features - self.mean) / self.std)).unflatten(-1, (MEMBERS, WIDTH))
        return torch.einsum("mkw,kwc->mkc", hidden, self.out) + self.bias

    @torch.no_grad()
    def read(self, features: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Signals in their own units, events as probabilities, and how far the members are apart."""
        raw = self(features.flatten(0, 1))
        chance = torch.sigmoid(raw)
        told = torch.where(self.is_event, chance, raw)
        symlog = (raw * self.spread + self.middle).clamp(self.low, self.high)
        value = torch.where(self.is_event, chance, symlog.sign() * torch.expm1(symlog.abs()) / self.scale)
        shape = features.shape[:2]
        signals = {name: value[..., i].t().unflatten(1, shape) for i, name in enumerate(self.names)}
        apart = (told - told.mean(1, keepdim=True)).square().mean(1).sqrt().mean(-1)
        return signals, apart.unflatten(0, shape)

    @classmethod
    def fit(
        cls, features: Tensor, values: dict[str, Tensor], episode: np.ndarray, events: set[str], seed: int
    ) -> "Probe":
        """Features (M,F), each signal (M,), and the episode (M,) that each row is of."""
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            probe = cls(features, values, events)
        true = torch.stack(list(values.values()), -1)
        squashed = (true.sign() * torch.log1p(probe.scale * true.abs()) - probe.middle) / probe.spread
        target = torch.where(probe.is_event, true, squashed)
        learns = torch.rand(int(episode.max()) + 1, MEMBERS, generator=generator)[torch.from_numpy(episode)] < SHARE
        taus = torch.tensor([EXPECTILES.get(name, 0.5) for name in probe.names])
        optimizer = torch.optim.AdamW(probe.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
        for _ in range(STEPS):
            rows = torch.randint(len(features), (BATCH,), generator=generator)
            raw, wanted = probe(features[rows]), target[rows, None]
            error = wanted - raw
            squared = 4 * F.smooth_l1_loss(raw, wanted.expand_as(raw), reduction="none", beta=2.0)
            squared = squared * torch.where(error > 0, taus, 1 - taus)
            entropy = F.binary_cross_entropy_with_logits(raw, wanted.expand_as(raw).clamp(0, 1), reduction="none")
            loss = torch.where(probe.is_event, entropy, squared).sum(-1)
            loss = (loss * learns[rows]).sum() / learns[rows].sum().clamp(min=1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        return probe.eval().requires_grad_(False)
