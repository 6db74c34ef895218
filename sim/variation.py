"""What varies from layout to layout: frozen dataclasses whose fields carry their ranges, and a draw of one.

    @dataclass(frozen=True)
    class Factors(Look):
        friction: float = between(0.3, 0.6)

    factors = draw(Factors, np.random.default_rng(0), fixed={"friction"})

Every factor is drawn uniformly. One that is held (``fixed``) takes the middle of its range and still uses up its draw,
so that all others are what they would have been: that is how the effect of each one is measured.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np

from rehearse.errors import ConfigError

Kind = TypeVar("Kind")


def between(low: float, high: float) -> Any:
    """A dataclass field that is drawn from [low, high]."""
    return field(metadata={"low": low, "high": high})


@dataclass(frozen=True)
class Look:
    """Light and camera of a layout: they change pictures, never physics."""

    light_x_m: float = between(-0.75, -0.45)
    light_y_m: float = between(-0.35, -0.05)
    brightness: float = between(0.92, 1.08)
    camera_x_m: float = between(-0.004, 0.004)
    camera_y_m: float = between(-0.004, 0.004)
    camera_z_m: float = between(-0.006, 0.006)


def draw(kind: type[Kind], rng: np.random.Generator, fixed: Collection[str] = ()) -> Kind:
    """One layout's factors. Raises ConfigError for a name in ``fixed`` that is none of them."""
    known = [item.name for item in fields(kind)]
    if unknown := set(fixed) - set(known):
        raise ConfigError(f"unknown factor {sorted(unknown)}; factors are {', '.join(known)}")
    values = {}
    for item in fields(kind):
        low, high = item.metadata["low"], item.metadata["high"]
        value = float(rng.uniform(low, high))
        values[item.name] = (low + high) / 2 if item.name in fixed else value
    return kind(**values)
