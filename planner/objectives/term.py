"""What all objectives are: a price for each future that adds with `+`, scales with `*`, and tells its parts.

A term of one's own is a frozen dataclass with a `weight` that derives from Term and defines `value`:

    @dataclass(frozen=True)
    class Height(Term):
        weight: float = 1.0

        def value(self, futures, actions):
            return futures.mean("height_m").mean(-1)        # (N,)

A future whose signals are not finite must not come out with a finite price: never clamp or zero a nan away. The
planner counts it and never follows it.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from rehearse.errors import ConfigError
from rehearse.planner.protocols import Futures, Objective


class Term:
    """Base of the objectives: `value` is the bare cost (N,), `parts` the weighted costs by label."""

    weight: float

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        raise NotImplementedError

    def parts(self, futures: Futures, actions: Tensor) -> dict[str, Tensor]:
        label = f"{type(self).__name__} {getattr(self, 'name', '')}".strip().lower()
        return {label: self.weight * self.value(futures, actions)}

    def __call__(self, futures: Futures, actions: Tensor) -> Tensor:
        return total(self.parts(futures, actions))

    def __add__(self, other: Objective) -> "Sum":
        return Sum((self, other))

    def __radd__(self, other: Objective | int) -> "Term":
        return self if other == 0 else Sum((other, self))  # sum([...]) starts from 0

    def __mul__(self, factor: float) -> Self:
        return replace(self, weight=self.weight * factor)

    __rmul__ = __mul__


def total(parts: dict[str, Tensor]) -> Tensor:
    """The cost (N,) that the parts, each (N,), make up."""
    return torch.stack(list(parts.values())).sum(0)


@dataclass(frozen=True)
class Sum(Term):
    """Objectives added up. Any callable may be among them; terms with the same label are added."""

    terms: tuple[Objective, ...]
    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return sum(term(futures, actions) for term in self.terms)

    def parts(self, futures: Futures, actions: Tensor) -> dict[str, Tensor]:
        added: dict[str, Tensor] = {}
        for term in self.terms:
            for label, cost in parts_of(term, futures, actions).items():
                added[label] = added.get(label, 0) + self.weight * cost
        return added


def parts_of(objective: Objective, futures: Futures, actions: Tensor) -> dict[str, Tensor]:
    """The parts of any objective; one that has none is a single part named after itself."""
    if hasattr(objective, "parts"):
        return objective.parts(futures, actions)
    return {getattr(objective, "__name__", type(objective).__name__.lower()): objective(futures, actions)}


def over_horizon(values: Tensor, reduce: str) -> Tensor:
    """(...,H) -> (...)."""
    if reduce == "mean":
        return values.mean(-1)
    if reduce == "last":
        return values[..., -1]
    if reduce == "max":
        return values.amax(-1)
    raise ConfigError(f"reduce '{reduce}' is unknown; use mean, last or max")
