"""Keys and values of the past as memory: causal attention with rotary positions, one token per moment.

Rotary positions (RoFormer, arXiv 2104.09864) enter attention as differences only, so that a cached past stays valid
while the window slides, and N futures attend to one cached past that is never copied: their queries meet its keys in
one matrix product. A token is a moment and the action that led to it; features are the last layer's tokens.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model.backbones.predictor import Predictor, Steer, as_it_is
from rehearse.world_model.config import ModelConfig

HEAD_DIM = 32


@dataclass(frozen=True)
class Cache:
    """Per layer keys and values (B,heads,P,d) of the past, which of them count (B,P), where it ends (B,)."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    counts: Tensor
    position: Tensor
    feature: Tensor  # (B,S)
    moment: Tensor  # (B,D)

    def to(self, dtype: torch.dtype) -> "Cache":
        cast = lambda xs: tuple(x.to(dtype) for x in xs)  # noqa: E731
        return Cache(
            cast(self.keys),
            cast(self.values),
            self.counts,
            self.position,
            self.feature.to(dtype),
            self.moment.to(dtype),
        )


@dataclass(frozen=True)
class Caches:
    """Keys and values of everything seen, of which the memory of a step counts the ``window`` up to it."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    counts: Tensor  # (B,P+T)
    first: Tensor  # (B,): position of the first new moment
    features: Tensor  # (B,T,S)
    moments: Tensor  # (B,T,D)
    window: int

    def at(self, rows: Tensor, steps: Tensor) -> Cache:
        place = torch.arange(self.counts.shape[1], device=steps.device)
        end = self.counts.shape[1] - self.features.shape[1] + steps[:, None]
        counts = self.counts[rows] & (place <= end) & (place > end - self.window)
        pick = lambda xs: tuple(x[rows] for x in xs)  # noqa: E731
        position = self.first[rows] + steps
        return Cache(
            pick(self.keys), pick(self.values), counts, position, self.features[rows, steps], self.moments[rows, steps]
        )

    def last(self) -> Cache:
        recent = lambda xs: tuple(x[:, :, -self.window :] for x in xs)  # noqa: E731
        position = self.first + self.features.shape[1] - 1
        counts = self.counts[:, -self.window :]
        return Cache(
            recent(self.keys), recent(self.values), counts, position, self.features[:, -1], self.moments[:, -1]
        )


class Block(nn.Module):
    """Attention and a perceptron, each behind a norm (pre-norm)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD_DIM
        self.attend_norm, self.think_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 3 * width), nn.SiLU(), nn.Linear(3 * width, width))

    def ask(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (...,T,W) -> queries and keys, turned to their positions, and values: each (...,heads,T,d)."""
        q, k, v = self.attend(self.attend_norm(x)).unflatten(-1, (3, self.heads, HEAD_DIM)).movedim(-3, 0).unbind(0)
        q, k, v = (part.transpose(-3, -2) for part in (q, k, v))
        return turned(q, turn), turned(k, turn), v

    def finish(self, x: Tensor, found: Tensor) -> Tensor:
        x = x + self.join(found)
        return x + self.think(self.think_norm(x))


class Transformer(nn.Module):
    """Backbone of ``config.layers`` blocks that look ``config.window`` moments back."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.state_dim
        self.window = config.window
        self.no_action = nn.Parameter(torch.zeros(config.action_width))
        self.enter = nn.Linear(config.latent_dim + config.action_width, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(config.layers))
        self.leave = nn.LayerNorm(width)
        self.predict = Predictor(config)

    def observe(self, moments: Tensor, led: Tensor, memory: Cache | None = None) -> tuple[Tensor, Caches]:
        size, length = moments.shape[:2]
        if memory is None:
            known, first = 0, torch.zeros(size, dtype=torch.long, device=moments.device)
            counts = torch.ones(size, length, dtype=torch.bool, device=moments.device)
        else:
            known, first = memory.counts.shape[1], memory.position + 1
            counts = torch.cat([memory.counts, memory.counts.new_ones(size, length)], 1)
        place = torch.arange(known + length, device=moments.device)
        back = place[known:, None] - place
        sees = counts[:, None, None] & (back >= 0) & (back < self.window)
        turn = turns(first[:, None] + torch.arange(length, device=moments.device), moments.dtype)
        x, keys, values = self.enter(torch.cat([moments, led.to(moments.dtype)], -1)), [], []
        for layer, block in enumerate(self.blocks):
            q, k, v = block.ask(x, turn)
            if memory is not None:
                k, v = torch.cat([memory.keys[layer], k], 2), torch.cat([memory.values[layer], v], 2)
            keys.append(k)
            values.append(v)
            found = F.scaled_dot_product_attention(q, k, v, attn_mask=sees)
            x = block.finish(x, found.transpose(1, 2).flatten(2))
        features = self.leave(x)
        return features, Caches(tuple(keys), tuple(values), counts, first, features, moments, self.window)

    def unroll(self, memory: Cache, actions: Tensor, steer: Steer = as_it_is) -> tuple[Tensor, Tensor]:
        count, steps = actions.shape[:2]
        feature, moment = memory.feature.expand(count, -1), memory.moment.expand(count, -1)
        actions = actions.to(feature.dtype)
        own: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self.blocks]
        features, moments = [], []
        for h in range(steps):
            action = steer(actions[:, h], feature)
            moment = moment + self.predict(feature, action)
            turn = turns((memory.position + 1 + h)[:, None], feature.dtype)
            past = self._past(memory, h)
            x = self.enter(torch.cat([moment, action], -1))[:, None]
            for layer, block in enumerate(self.blocks):
                q, k, v = block.ask(x, turn)
                own[layer].append((k, v))
                mine = own[layer][-self.window :]
                found = attention(q, memory.keys[layer], memory.values[layer], past, mine)
                x = block.finish(x, found.transpose(1, 2).flatten(2))
            feature = self.leave(x[:, 0])
            features.append(feature)
            moments.append(moment)
        return torch.stack(features, 1), torch.stack(moments, 1)

    def _past(self, memory: Cache, h: int) -> Tensor:
        """What of the cached past is still within the window of imagined step ``h``: (1 or N,P)."""
        length = memory.counts.shape[1]
        # Places are counted from the last moment that counts, which need not be the last that is cached.
        last = (memory.counts * torch.arange(1, length + 1, device=memory.counts.device)).amax(1, True) - 1
        back = last + 1 + h - torch.arange(length, device=memory.counts.device)
        return memory.counts & (back < self.window)


def attention(q: Tensor, keys: Tensor, values: Tensor, past: Tensor, own: list[tuple[Tensor, Tensor]]) -> Tensor:
    """One new token of N futures, q (N,heads,1,d), over a past (1 or N,heads,P,d) and their own imagined steps."""
    bias = torch.zeros(past.shape, dtype=q.dtype, device=q.device).masked_fill(~past, -torch.inf)[:, None, None]
    k, v = torch.cat([k for k, _ in own], 2), torch.cat([v for _, v in own], 2)
    shared = len(keys) == 1
    # A shared past: the futures stand in the place of queries, and one product serves them all.
    turned_q = q.transpose(0, 2) if shared else q
    before = (turned_q @ keys.transpose(-1, -2)) + bias
    before = before.transpose(0, 2) if shared else before
    scores = torch.cat([before, q @ k.transpose(-1, -2)], -1) / q.shape[-1] ** 0.5
    weights = scores.float().softmax(-1).to(q.dtype)
    far, near = weights.split([keys.shape[2], k.shape[2]], -1)
    found = far.transpose(0, 2) @ values if shared else far @ values
    return (found.transpose(0, 2) if shared else found) + near @ v


def turns(positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines (B,1,T,d/2) of the rotary angles at positions (B,T)."""
    rates = 100.0 ** -torch.linspace(0, 1, HEAD_DIM // 2, device=positions.device)
    angles = positions[:, None, :, None] * rates
    return angles.cos().to(dtype), angles.sin().to(dtype)


def turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Each half-pair of (...,T,d) rotated by its angle."""
    (one, two), (cos, sin) = x.chunk(2, -1), turn
    return torch.cat([one * cos - two * sin, one * sin + two * cos], -1)
