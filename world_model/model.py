"""The world model: what was sensed -> a belief; a belief and N action sequences -> N imagined futures.

    model = load("runs/dog")                                   # world_model.checkpoint
    belief = model.observe(History(frames, proprio, actions))  # T moments, remembered once
    futures = model.imagine(belief, actions)                   # (N,H,A) -> latents, signals, disagreement
    pictures = model.decode(futures.latents[0])                # (H,h,w,3) uint8, for people

Shapes: frames (T,h,w,3) uint8, proprio (T,P), actions (T-1,A), action t leading from moment t to t+1. A model that was
pretrained on video alone has no actions of a robot yet: it infers what was done from what was seen, and imagines latent
actions (N,H,E).
"""

import copy
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.errors import ConfigError, DataError, SetupError
from rehearse.world_model.backbones import Backbone, Memory, Trace, each_tensor, lined_up, make_backbone
from rehearse.world_model.config import ModelConfig
from rehearse.world_model.decoder import Decoder
from rehearse.world_model.encoder import FRAMES, Encoder
from rehearse.world_model.goals import GoalInverse
from rehearse.world_model.heads import Heads, Signals
from rehearse.world_model.latent_actions import Controller, InverseDynamics
from rehearse.world_model.precision import halves

# From this many candidates on, bfloat16 pays, where it does at all (precision.py): half the time with AMX, and its
# rounding is far below the model's error.
BFLOAT16_FROM = 16
# Candidates imagined together: their states, gates and hidden layers stay in a core's cache.
CHUNK = 1024
# What a compiled rollout is compiled for: numbers of candidates.
SIZES = (1, *(2**i for i in range(4, CHUNK.bit_length())))

Readings = np.ndarray | Tensor


@dataclass(frozen=True)
class History:
    """What was sensed and done so far; ``actions`` may carry the unused last row that a Clip has."""

    frames: Readings  # (T,h,w,3) uint8
    proprio: Readings | None = None  # (T,P)
    actions: Readings | None = None  # (T-1,A); None only if T = 1, or for a model without actions
    views: Mapping[str, Readings] = field(default_factory=dict)  # further cameras, like frames
    senses: Mapping[str, Readings] = field(default_factory=dict)  # {name: (T,n)} of senses that were added


@dataclass(frozen=True)
class Belief:
    """What the model knows now, or in each of several imagined branches (``go_on``). One memory, branched into any
    number of futures without copying.
    """

    memory: Memory
    length: int  # moments remembered, imagined ones among them

    @property
    def moment(self) -> Tensor:
        """The last moment (1,D)."""
        return self.memory.moment


@dataclass(frozen=True)
class Imagined:
    """N futures of H steps; ``latents`` stay in the precision they were imagined in (bfloat16 for many)."""

    latents: Tensor  # (N,H,D)
    signals: Signals  # {name: (K,N,H)}, read off when asked for
    disagreement: Tensor  # (N,H)

    def pick(self, index: Tensor) -> "Imagined":
        """The futures at ``index`` (M,)."""
        return Imagined(self.latents[index], self.signals.pick(index), self.disagreement[index])


class WorldModel(nn.Module):
    """Encoder, backbone, heads and decoder, behind ``observe``, ``imagine`` and ``decode``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if not config.action_dim and not config.latent_actions:
            raise ConfigError("action_dim is 0: set it from the dataset (train does) before building a WorldModel.")
        self.config = config
        self.encoder = Encoder(config)
        self.backbone = make_backbone(config)
        self.inverse = InverseDynamics(config) if config.latent_actions else None
        self.controller = Controller(config) if config.action_dim else None
        self.goals = GoalInverse(config) if config.action_dim and config.goals else None
        self.heads = Heads(config)
        self.decoder = Decoder(config)
        self._quick: tuple[Backbone, Heads, Controller | None] | None = None
        self._roll, self._sizes = rolled_out, None

    @property
    def device(self) -> torch.device:
        return self.backbone.no_action.device

    @property
    def action_dim(self) -> int:
        """Width of what ``imagine`` takes: this robot's actions, or latent ones before it has any."""
        return self.config.action_dim or self.config.action_width

    @torch.no_grad()
    def observe(self, history: History, belief: Belief | None = None) -> Belief:
        """Remember a history. With the belief of an earlier, shorter part of it, only what is new is encoded.

        Raises DataError that names the field if the history's shapes do not fit the model or a value is not
        finite.
        """
        if self.training:
            raise ConfigError("the model is in training mode; call model.eval() before observing.")
        known = 0 if belief is None else belief.length
        readings, actions = self._check(history, known)
        length = len(readings[FRAMES])
        if known == length:
            return belief
        moments = self.encoder({name: values[known:] for name, values in readings.items()})
        before = None if belief is None else belief.memory
        led = self.led_by(moments, actions[max(known - 1, 0) :], before)
        _, trace = self.backbone.observe(moments[None], led[None], before)
        return Belief(trace.last(), length)

    def led_by(self, moments: Tensor, actions: Tensor, before: Memory | None = None) -> Tensor:
        """What led (T,E) to each of moments (T,D): inferred from them where latent actions are known, else ``actions``.

        Nothing led to the first unless there is a memory of what was ``before``.
        """
        if self.inverse is not None:
            chain = moments if before is None else torch.cat([before.moment.to(moments.dtype), moments])
            led = self.inverse(chain[None])[0][0]
        else:
            led = self.controller(actions)
        return led if before is not None else torch.cat([self.backbone.no_action[None], led])

    def unroll(self, memory: Memory, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N,H,S) and moments (N,H,D) after actions (N,H,A), or (N,H,E) of a model that has no robot yet."""
        return unroll(self.backbone, self.controller, memory, actions)

    def follow(self, history: History) -> tuple[Tensor, Tensor, Trace]:
        """All moments (T,D) of a history, what led to them (T,E), and the memory of each."""
        readings, actions = self._check(history, 0)
        moments = self.encoder(readings)
        led = self.led_by(moments, actions)
        _, trace = self.backbone.observe(moments[None], led[None])
        return moments, led, trace

    def imagine(self, belief: Belief, actions: Tensor) -> Imagined:
        """Imagine N action sequences (N,H,A) from one belief. Differentiable if ``actions`` requires grad."""
        actions = self._candidates(actions)
        with torch.set_grad_enabled(torch.is_grad_enabled() and actions.requires_grad):
            return self._imagine(belief.memory, actions)

    @torch.no_grad()
    def go_on(self, belief: Belief, rows: Tensor, actions: Tensor) -> tuple[Imagined, Belief]:
        """Imagine actions (N,H,A), each from the branch of ``belief`` that rows (N,) names; the N branches they end in.

        What is observed has one branch, 0. Ten legs so cost ten legs, and not 1 + 2 + ... + 10 of them.
        """
        actions = self._candidates(actions)
        memory = each_tensor(lambda tensor: tensor[rows], belief.memory)
        imagined = self._imagine(memory, actions)
        memory = memory.to(imagined.latents.dtype)
        backbone, _, controller = self._bfloat16() if imagined.latents.dtype == torch.bfloat16 else self._exact
        for taken, moment in zip(actions.to(imagined.latents.dtype).unbind(1), imagined.latents.unbind(1), strict=True):
            led = taken if controller is None else controller(taken, memory.feature)
            memory = backbone.observe(moment[:, None], led[:, None], memory)[1].last()
        return imagined, Belief(memory, belief.length + actions.shape[1])

    @torch.no_grad()
    def imagine_many(self, beliefs: Sequence[Belief], actions: Sequence[Tensor]) -> list[Imagined]:
        """Imagine from each of B beliefs its own action sequences (N_b,H,A), all of one H, in one go."""
        candidates = [self._candidates(each) for each in actions]
        counts = [len(each) for each in candidates]
        memory = lined_up([belief.memory for belief in beliefs], counts)
        if memory is None:
            pairs = zip(beliefs, candidates, strict=True)
            return [self._imagine(belief.memory, each) for belief, each in pairs]
        imagined = self._imagine(memory, torch.cat(candidates))
        rows = torch.arange(sum(counts), device=self.device).split(counts)
        return [imagined.pick(each) for each in rows]

    def _candidates(self, actions: Tensor) -> Tensor:
        if not isinstance(actions, Tensor):
            actions = torch.as_tensor(np.asarray(actions), dtype=torch.float32)
        if actions.dim() != 3 or actions.shape[-1] != self.action_dim or 0 in actions.shape:
            raise DataError(f"actions have shape {tuple(actions.shape)}; expected (N, H, {self.action_dim}).")
        if not torch.isfinite(actions).all():
            raise DataError("actions contain NaN or infinite values; a candidate must be finite to be imagined.")
        return actions.to(self.device, torch.float32)

    def _imagine(self, memory: Memory, actions: Tensor) -> Imagined:
        """From one memory, or one for every action sequence."""
        quick = len(actions) >= BFLOAT16_FROM and not actions.requires_grad and halves(self.device)
        backbone, heads, controller = self._bfloat16() if quick else self._exact
        kind = torch.bfloat16 if quick else torch.float32
        memory, count = memory.to(kind), len(actions)
        own = len(memory.moment) > 1
        latents, read = [], []
        for begin in range(0, count, CHUNK):
            part = slice(begin, begin + CHUNK)
            past = each_tensor(lambda tensor: tensor[part], memory) if own else memory  # noqa: B023
            # A compiled rollout knows one memory for all, and some sizes.
            roll = rolled_out if own or actions.requires_grad else self._roll
            moments, told = roll(backbone, heads, controller, past, filled_up(actions[part].to(kind), self._sizes))
            size = min(CHUNK, count - begin)
            latents.append(moments[:size])
            read.append(told[:, :, :size])
        raw = torch.cat(read, 2)
        return Imagined(torch.cat(latents), Signals(heads, raw), heads.spread(raw))

    def compile_imagining(self, backend: str = "inductor") -> None:
        """From now on a compiled rollout imagines: one call from memory to heads, on a GPU one CUDA graph.

        The first imagining of every size takes a while, so candidates are filled up to a power of two. Results differ
        by rounding. Needs a C++ compiler; SetupError without one.
        """
        if self._sizes is not None:
            return
        if backend == "inductor" and self.device.type == "cpu" and shutil.which("c++") is None:
            raise SetupError("compiling needs a C++ compiler: apt-get install g++, or do without compile")
        graphs = {"mode": "reduce-overhead"} if self.device.type == "cuda" and backend == "inductor" else {}
        self._roll = torch.compile(rolled_out, backend=backend, fullgraph=True, dynamic=False, **graphs)
        self._sizes = SIZES

    @torch.no_grad()
    def propose(self, belief: Belief, goal: Tensor, steps: int) -> Tensor:
        """Actions (H,A) that lead to moment ``goal`` (D,) in H steps, as the goal-conditioned inverse model has it."""
        if self.goals is None:
            raise ConfigError("this model has no goal-conditioned inverse model; train one with goals=True.")
        feature, moment, done = belief.memory.feature, belief.memory.moment, []
        for h in range(steps):
            left = torch.tensor([steps - h], device=self.device)
            done.append(self.goals(feature.float(), moment.float(), goal[None].float(), left))
            features, moments = self.unroll(belief.memory, torch.stack(done, 1))
            feature, moment = features[:, -1], moments[:, -1]
        return torch.cat(done)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (...,h,w,3) uint8 of moments (...,D), observed or imagined."""
        lead = latents.shape[:-1]
        pixels = self.decoder(latents.reshape(-1, latents.shape[-1]).to(self.device).float())
        pictures = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return pictures.permute(0, 2, 3, 1).reshape(*lead, *pictures.shape[2:], 3)

    @property
    def _exact(self) -> tuple[Backbone, Heads, Controller | None]:
        return self.backbone, self.heads, self.controller

    @torch.no_grad()
    def _bfloat16(self) -> tuple[Backbone, Heads, Controller | None]:
        """A bfloat16 twin of what imagines. Its weights are copied anew each time, which costs 0.3 ms: fused
        optimizers change weights without a trace, so no cheaper check would be sure."""
        exact = self._exact
        if self._quick is None or self._quick[0].no_action.device != self.device:
            with torch.inference_mode(False):  # a twin born inside a planner's inference mode could not be updated
                backbone, heads, controller = copy.deepcopy(exact)
                backbone.to(torch.bfloat16)
                heads.hidden.to(torch.bfloat16)  # the transforms back to physical units stay exact
                for parameter in (heads.out_weight, heads.out_bias):
                    parameter.data = parameter.data.to(torch.bfloat16)
                if controller is not None:
                    controller.to(torch.bfloat16)
                self._quick = (backbone, heads, controller)
        for quick, part in zip(self._quick, exact, strict=True):
            if part is not None:
                torch._foreach_copy_(list(quick.parameters()), list(part.parameters()))
                for copied, buffer in zip(quick.buffers(), part.buffers(), strict=True):
                    copied.copy_(buffer)
        return self._quick

    def _check(self, history: History, known: int) -> tuple[dict[str, Tensor], Tensor]:
        """All readings of the senses that this model has, and the actions (T-1,A), or none where it has no robot."""
        readings = {FRAMES: self._frames("frames", history.frames)}
        length = len(readings[FRAMES])
        if length < max(known, 1):
            raise DataError(f"history has {length} frames, but the belief already remembers {known}.")
        for name in self.config.views:
            if name in history.views:
                readings[name] = self._frames(f"view {name!r}", history.views[name], length)
        given = {"proprio": history.proprio, **history.senses}
        for name in self.encoder.senses:
            if given.get(name) is not None:
                width = self.config.proprio_dim if name == "proprio" else None
                readings[name] = _finite(name, given[name], (length,), width, self.device)
        if self.controller is None:
            return readings, torch.zeros(length - 1, 0)
        width = self.config.action_dim
        given = torch.zeros(0, width) if history.actions is None else history.actions
        actions = _finite("actions", given[: length - 1], (length - 1,), width, self.device)
        if len(given) not in (length - 1, length):
            raise DataError(f"history actions have {len(given)} rows; {length} frames need {length - 1}.")
        return readings, actions

    def _frames(self, name: str, frames: Readings, length: int | None = None) -> Tensor:
        size = self.config.image_size
        frames = torch.as_tensor(frames)
        wanted = (len(frames) if length is None else length, size, size, 3)
        if frames.dtype != torch.uint8 or frames.dim() != 4 or frames.shape != wanted:
            raise DataError(
                f"history {name} are {tuple(frames.shape)} {frames.dtype}; expected "
                f"({'T' if length is None else length}, {size}, {size}, 3) torch.uint8."
            )
        return frames.to(self.device)


def rolled_out(
    backbone: Backbone, heads: Heads, controller: Controller | None, memory: Memory, actions: Tensor
) -> tuple[Tensor, Tensor]:
    """Moments (N,H,D) after actions (N,H,A), and what the heads say there, raw (K,C,N,H)."""
    features, moments = unroll(backbone, controller, memory, actions)
    return moments, heads.raw(features.flatten(0, 1)).unflatten(-1, actions.shape[:2])


def filled_up(actions: Tensor, sizes: Sequence[int] | None) -> Tensor:
    """Actions (N,H,A), and as many rows of zeros as it takes to the next of ``sizes``."""
    if sizes is None:
        return actions
    wanted = next(size for size in sizes if size >= len(actions))
    return F.pad(actions, (0, 0, 0, 0, 0, wanted - len(actions)))


def unroll(backbone: Backbone, controller: Controller | None, memory: Memory, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Imagine actions (N,H,A): embedded at once if they mean the same everywhere, else where they are taken."""
    if controller is None:
        return backbone.unroll(memory, actions)
    if controller.where is None:
        return backbone.unroll(memory, controller(actions))
    return backbone.unroll(memory, actions, controller)


def _finite(
    name: str, values: np.ndarray | Tensor, counts: tuple[int, ...], width: int | None, device: object
) -> Tensor:
    values = torch.as_tensor(values).to(device, torch.float32)
    if values.dim() != 2 or (width is not None and values.shape[1] != width) or len(values) not in counts:
        raise DataError(f"history {name} have shape {tuple(values.shape)}; expected ({counts[0]}, {width or 'n'}).")
    bad = (~torch.isfinite(values)).any(1).nonzero()
    if len(bad):
        raise DataError(f"history {name} contain NaN or infinite values, first at step {int(bad[0])}.")
    return values
