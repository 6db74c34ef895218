"""The world model: what was sensed -> a belief; a belief and N action sequences -> N imagined futures.

    model = load("runs/dog")                                   # world_model.checkpoint
    belief = model.observe(History(frames, proprio, actions))  # T moments, remembered in one state
    futures = model.imagine(belief, actions)                   # (N,H,A) -> latents, signals, disagreement
    pictures = model.decode(futures.latents[0])                # (H,h,w,3) uint8, for people

Shapes: frames (T,h,w,3) uint8, proprio (T,P), actions (T-1,A), action t leading from moment t to t+1.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rehearse.errors import ConfigError, DataError
from rehearse.world_model.backbone import Recurrent
from rehearse.world_model.config import ModelConfig
from rehearse.world_model.decoder import Decoder
from rehearse.world_model.encoder import Encoder
from rehearse.world_model.heads import Heads

# From this many candidates on, bfloat16 pays: half the time with AMX, and its rounding is far below the
# model's error.
BFLOAT16_FROM = 16
# Candidates imagined together: their states, gates and hidden layers stay in a core's cache.
CHUNK = 1024


@dataclass(frozen=True)
class History:
    """What was sensed and done so far; ``actions`` may carry the unused last row that a Clip has."""

    frames: np.ndarray | Tensor  # (T,h,w,3) uint8
    proprio: np.ndarray | Tensor | None  # (T,P)
    actions: np.ndarray | Tensor | None  # (T-1,A); None only if T = 1


@dataclass(frozen=True)
class Belief:
    """What the model knows now. One row, branched into any number of futures without copying."""

    state: Tensor  # (1,S)
    moment: Tensor  # (1,D)
    length: int  # moments remembered


@dataclass(frozen=True)
class Imagined:
    """N futures of H steps; ``latents`` stay in the precision they were imagined in (bfloat16 for many)."""

    latents: Tensor  # (N,H,D)
    signals: dict[str, Tensor]  # {name: (K,N,H)}
    disagreement: Tensor  # (N,H)


class WorldModel(nn.Module):
    """Encoder, backbone, heads and decoder, behind ``observe``, ``imagine`` and ``decode``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.action_dim < 1:
            raise ConfigError("action_dim is 0: set it from the dataset (train does) before building a WorldModel.")
        self.config = config
        self.encoder = Encoder(config)
        self.backbone = Recurrent(config)
        self.heads = Heads(config)
        self.decoder = Decoder(config)
        self._quick: tuple[Recurrent, Heads] | None = None

    @property
    def device(self) -> torch.device:
        return self.backbone.no_action.device

    @torch.no_grad()
    def observe(self, history: History, belief: Belief | None = None) -> Belief:
        """Remember a history. With the belief of an earlier, shorter part of it, only what is new is encoded.

        Raises DataError that names the field if the history's shapes do not fit the model or a value is not
        finite.
        """
        if self.training:
            raise ConfigError("the model is in training mode; call model.eval() before observing.")
        known = 0 if belief is None else belief.length
        frames, proprio, actions = self._check(history, known)
        if known == len(frames):
            return belief
        moments = self.encoder(frames[known:], None if proprio is None else proprio[known:])
        state, nothing = self.backbone.start(1)
        led = self.backbone.embed_actions(actions[max(known - 1, 0) :])
        if belief is None:
            led = torch.cat([nothing, led])
        else:
            state = belief.state
        previous = moments[:1] if belief is None else belief.moment
        states = self.backbone.observe(moments[None], led[None], state, previous)
        return Belief(states[:, -1], moments[-1:], len(frames))

    def imagine(self, belief: Belief, actions: Tensor) -> Imagined:
        """Imagine N action sequences (N,H,A) from one belief. Differentiable if ``actions`` requires grad."""
        if not isinstance(actions, Tensor):
            actions = torch.as_tensor(np.asarray(actions), dtype=torch.float32)
        if actions.dim() != 3 or actions.shape[-1] != self.config.action_dim or 0 in actions.shape:
            raise DataError(f"actions have shape {tuple(actions.shape)}; expected (N, H, {self.config.action_dim}).")
        if not torch.isfinite(actions).all():
            raise DataError("actions contain NaN or infinite values; a candidate must be finite to be imagined.")
        actions = actions.to(self.device, torch.float32)
        with torch.set_grad_enabled(torch.is_grad_enabled() and actions.requires_grad):
            return self._imagine(belief, actions)

    def _imagine(self, belief: Belief, actions: Tensor) -> Imagined:
        quick = len(actions) >= BFLOAT16_FROM and not actions.requires_grad
        backbone, heads = self._bfloat16() if quick else (self.backbone, self.heads)
        kind = torch.bfloat16 if quick else torch.float32
        count, steps = actions.shape[:2]
        latents, parts = [], []
        for part in actions.split(CHUNK):
            states, moments = backbone.unroll(
                belief.state.to(kind).expand(len(part), -1),
                belief.moment.to(kind).expand(len(part), -1),
                backbone.embed_actions(part.to(kind)),
            )
            latents.append(moments)
            parts.append(heads.read(states.flatten(0, 1)))
        signals = {name: torch.cat([p[0][name] for p in parts], 1) for name in self.heads.names}
        return Imagined(
            torch.cat(latents),
            {name: value.unflatten(1, (count, steps)) for name, value in signals.items()},
            torch.cat([p[1] for p in parts]).unflatten(0, (count, steps)),
        )

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (...,h,w,3) uint8 of moments (...,D), observed or imagined."""
        lead = latents.shape[:-1]
        pixels = self.decoder(latents.reshape(-1, latents.shape[-1]).to(self.device).float())
        pictures = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return pictures.permute(0, 2, 3, 1).reshape(*lead, *pictures.shape[2:], 3)

    @torch.no_grad()
    def _bfloat16(self) -> tuple[Recurrent, Heads]:
        """A bfloat16 twin of what imagines. Its weights are copied anew each time, which costs 0.3 ms: fused
        optimizers change weights without a trace, so no cheaper check would be sure."""
        if self._quick is None or self._quick[0].no_action.device != self.device:
            with torch.inference_mode(False):  # a twin born inside a planner's inference mode could not be updated
                backbone, heads = copy.deepcopy(self.backbone).to(torch.bfloat16), copy.deepcopy(self.heads)
                heads.hidden.to(torch.bfloat16)  # the transforms back to physical units stay exact
                for parameter in (heads.out_weight, heads.out_bias):
                    parameter.data = parameter.data.to(torch.bfloat16)
                self._quick = (backbone, heads)
        for quick, exact in zip(self._quick, (self.backbone, self.heads), strict=True):
            torch._foreach_copy_(list(quick.parameters()), list(exact.parameters()))
            for copied, buffer in zip(quick.buffers(), exact.buffers(), strict=True):
                copied.copy_(buffer)
        return self._quick

    def _check(self, history: History, known: int) -> tuple[Tensor, Tensor | None, Tensor]:
        size = self.config.image_size
        frames = torch.as_tensor(history.frames)
        if frames.dtype != torch.uint8 or frames.dim() != 4 or frames.shape[1:] != (size, size, 3):
            raise DataError(
                f"history frames are {tuple(frames.shape)} {frames.dtype}; expected (T, {size}, {size}, 3) torch.uint8."
            )
        length = len(frames)
        if length < max(known, 1):
            raise DataError(f"history has {length} frames, but the belief already remembers {known}.")
        proprio = None
        if history.proprio is not None and self.config.proprio_dim:
            proprio = _finite("proprio", history.proprio, (length,), self.config.proprio_dim, self.device)
        given = torch.zeros(0, self.config.action_dim) if history.actions is None else history.actions
        counts = (length - 1, length)
        actions = _finite("actions", given[: length - 1], counts[:1], self.config.action_dim, self.device)
        if len(given) not in counts:
            raise DataError(f"history actions have {len(given)} rows; {length} frames need {length - 1}.")
        return frames.to(self.device), proprio, actions


def _finite(name: str, values: np.ndarray | Tensor, counts: tuple[int, ...], width: int, device: object) -> Tensor:
    values = torch.as_tensor(values).to(device, torch.float32)
    if values.dim() != 2 or values.shape[1] != width or len(values) not in counts:
        raise DataError(f"history {name} have shape {tuple(values.shape)}; expected ({counts[0]}, {width}).")
    bad = (~torch.isfinite(values)).any(1).nonzero()
    if len(bad):
        raise DataError(f"history {name} contain NaN or infinite values, first at step {int(bad[0])}.")
    return values
