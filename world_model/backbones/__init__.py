"""The dynamics, exchangeable: what is remembered, and what comes next. ``make_backbone(config)`` builds one by name.

    features, trace = backbone.observe(moments, led)          # (B,T,D), (B,T,E) -> (B,T,S), memory of every step
    memory = trace.at(rows, steps)                            # (R,), (R,) -> the memory of R sequences after a step
    features, moments = backbone.unroll(memory, led)          # one memory, (N,H,E) -> (N,H,S), (N,H,D)
    features, moments = backbone.unroll(memory, actions, steer)    # (N,H,A), embedded where they are taken

``led`` holds the embedded action that led to each moment, ``no_action`` where nothing came before. One memory is
branched into N futures without a copy of it: whatever the past cost, it is paid once.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from rehearse.world_model.backbones.predictor import Steer, as_it_is
from rehearse.world_model.backbones.recurrent import Recurrent
from rehearse.world_model.backbones.residual import Residual
from rehearse.world_model.backbones.transformer import Transformer
from rehearse.world_model.config import ModelConfig

KINDS = {"recurrent": Recurrent, "transformer": Transformer, "residual": Residual}


class Memory(Protocol):
    """All that one moment of B sequences leaves behind; ``moment`` (B,D) and ``feature`` (B,S) are its last."""

    moment: Tensor
    feature: Tensor

    def to(self, dtype: torch.dtype) -> Self: ...


class Trace(Protocol):
    """The memories of all T moments of B sequences."""

    def at(self, rows: Tensor, steps: Tensor) -> Memory:
        """Of sequences ``rows`` (R,) after their moments ``steps`` (R,)."""

    def last(self) -> Memory: ...


class Backbone(Protocol):
    """What a backbone must offer; S is the width of a feature, E that of an embedded action."""

    no_action: Tensor

    def observe(self, moments: Tensor, led: Tensor, memory: Memory | None = None) -> tuple[Tensor, Trace]: ...

    def predict(self, features: Tensor, actions: Tensor) -> Tensor:
        """How the moment is about to change: (...,S), (...,E) -> (...,D)."""

    def unroll(self, memory: Memory, actions: Tensor, steer: Steer = as_it_is) -> tuple[Tensor, Tensor]:
        """Of one memory, or of as many as there are action sequences."""


def each_tensor(change: Callable[..., Tensor], *memories: Memory) -> Memory:
    """A memory of the same kind, each tensor of which is ``change`` of the tensors in its place."""

    def changed(*values: Any) -> Any:
        return tuple(map(change, *values)) if isinstance(values[0], tuple) else change(*values)

    names = [field.name for field in fields(memories[0])]
    return type(memories[0])(**{name: changed(*(getattr(m, name) for m in memories)) for name in names})


def lined_up(memories: Sequence[Memory], counts: Sequence[int]) -> Memory | None:
    """One memory of as many rows as ``counts`` add up to: each of the memories (of one row) so many times.

    None if their pasts are not of one size, as those of a transformer are that has not seen enough yet.
    """
    shapes: list[set[torch.Size]] = []
    each_tensor(lambda *tensors: shapes.append({t.shape for t in tensors}) or tensors[0], *memories)
    if any(len(shape) > 1 for shape in shapes):
        return None
    repeat = lambda *tensors: torch.cat([t.expand(n, *t.shape[1:]) for t, n in zip(tensors, counts, strict=True)])  # noqa: E731
    return each_tensor(repeat, *memories)


def make_backbone(config: ModelConfig) -> Backbone:
    """The backbone that ``config.backbone`` names."""
    return KINDS[config.backbone](config)


__all__ = [
    *("KINDS", "Backbone", "Memory", "Recurrent", "Residual", "Trace", "Transformer"),
    *("each_tensor", "lined_up", "make_backbone"),
]
