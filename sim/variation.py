"""What varies from layout to layout: frozen dataclasses whose fields carry their ranges, a draw of one, and factors.

    @dataclass(frozen=True)
    class Factors(Look):
        friction: float = between(0.3, 0.6, "friction", far=(0.1, 1.2))

    factors = draw(Factors, np.random.default_rng(0), fixed={"friction"}, variations={"light": 0.5})

Every field is drawn uniformly. One that is held (``fixed``) takes the middle of its range and still uses up its draw,
so that all others are what they would have been: that is how the effect of each one is measured.

A *factor of variation* takes fields beyond what training has seen. At strength s a field goes the share s of the way
from what was drawn to one of its two far ends; which of the two is a layout's own, whatever else is varied. Strength 0
is the layout as it was, bit for bit, and a layout at two strengths is the same layout.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from rehearse.errors import ConfigError

Kind = TypeVar("Kind")
Range = tuple[float, float]
NONE: Mapping[str, float] = MappingProxyType({})
# factor -> what it does
FACTORS = {
    "light": "where the lamp is, and how bright",
    "camera": "from where the robot sees",
    "background": "the colour of table or floor",
    "friction": "how things slide",
    "mass": "how heavy things are",
    "size": "how large things are",
    "latency": "actions arrive late",
    "dropped_frames": "pictures that do not arrive, and are black",
    "frozen_frames": "pictures that are the one before once more",
}
OF_THE_LINK = ("latency", "dropped_frames", "frozen_frames")  # happen on the way (link.py); the scene is as it was
BACKGROUND = ("table", "floor")  # the geoms whose colour is the background's
# The camera's turns, the background's colour and what happens between robot and world: the same in every task.
# field -> (usual value, factor, far ends)
ALWAYS = {
    "camera_azimuth_deg": (0.0, "camera", (-20.0, 20.0)),
    "camera_elevation_deg": (0.0, "camera", (-10.0, 10.0)),
    "background_red": (1.0, "background", (0.25, 0.75)),
    "background_green": (1.0, "background", (0.25, 0.75)),
    "background_blue": (1.0, "background", (0.25, 0.75)),
    "latency_steps": (0.0, "latency", (4.0, 4.0)),
    "dropped_share": (0.0, "dropped_frames", (0.5, 0.5)),
    "frozen_share": (0.0, "frozen_frames", (0.8, 0.8)),
}


def between(low: float, high: float, factor: str | None = None, far: Range | None = None) -> Any:
    """A dataclass field that is drawn from [low, high], and that ``factor`` takes towards one end of ``far``."""
    return field(metadata={"low": low, "high": high, "factor": factor, "far": far})


def usually(value: float, factor: str, far: Range) -> Any:
    """A dataclass field that has this value unless its factor is varied."""
    return between(value, value, factor, far)


@dataclass(frozen=True)
class Look:
    """Light and camera of a layout, which change pictures and never physics, and what is between robot and world."""

    light_x_m: float = between(-0.75, -0.45, "light", (-1.2, 0.5))
    light_y_m: float = between(-0.35, -0.05, "light", (-0.9, 0.6))
    brightness: float = between(0.92, 1.08, "light", (0.35, 1.8))
    camera_x_m: float = between(-0.004, 0.004, "camera", (-0.03, 0.03))
    camera_y_m: float = between(-0.004, 0.004, "camera", (-0.03, 0.03))
    camera_z_m: float = between(-0.006, 0.006, "camera", (-0.05, 0.05))
    camera_azimuth_deg: float = usually(*ALWAYS["camera_azimuth_deg"])
    camera_elevation_deg: float = usually(*ALWAYS["camera_elevation_deg"])
    background_red: float = usually(*ALWAYS["background_red"])
    background_green: float = usually(*ALWAYS["background_green"])
    background_blue: float = usually(*ALWAYS["background_blue"])
    latency_steps: float = usually(*ALWAYS["latency_steps"])
    dropped_share: float = usually(*ALWAYS["dropped_share"])
    frozen_share: float = usually(*ALWAYS["frozen_share"])


def draw(
    kind: type[Kind],
    rng: np.random.Generator,
    fixed: Collection[str] = (),
    variations: Mapping[str, float] = NONE,
) -> Kind:
    """One layout's factors. Raises ConfigError for a name in ``fixed`` or ``variations`` that is none of them."""
    known = [item.name for item in fields(kind)]
    if unknown := set(fixed) - set(known):
        raise ConfigError(f"unknown factor {sorted(unknown)}; factors are {', '.join(known)}")
    values = {}
    for item in fields(kind):
        low, high = item.metadata["low"], item.metadata["high"]
        value = low if low == high else float(rng.uniform(low, high))  # what does not vary uses up no draw
        values[item.name] = (low + high) / 2 if item.name in fixed else value
    far = {item.name: (item.metadata["factor"], item.metadata["far"]) for item in fields(kind)}
    # A child generator: the layout's own goes on as if nothing were varied.
    return vary(kind(**values), far, variations, rng.spawn(1)[0])


def vary(
    factors: Kind, far: Mapping[str, tuple[str | None, Range | None]], strengths: Mapping[str, float], rng: Any
) -> Kind:
    """``factors`` with fields taken towards one of their ``far`` ends: {field: (factor, ends)}."""
    strengths = checked(strengths, {factor for factor, _ in far.values() if factor})
    changed = {}
    for name, (factor, ends) in far.items():
        if factor is None:
            continue
        end = ends[int(rng.integers(2))]
        if strength := strengths.get(factor, 0.0):
            usual = getattr(factors, name)
            changed[name] = usual + strength * (end - usual)
    return replace(factors, **changed)


def varied_in(kind: type) -> tuple[str, ...]:
    """The factors of variation that a class of factors has, in the order of FACTORS."""
    has = {item.metadata["factor"] for item in fields(kind)}
    return tuple(name for name in FACTORS if name in has)


def checked(strengths: Mapping[str, float], known: Collection[str]) -> dict[str, float]:
    """The strengths as they are; ConfigError for a factor that is not ``known``, or a strength outside [0, 1]."""
    for name, strength in strengths.items():
        if name not in known:
            choices = ", ".join(factor for factor in FACTORS if factor in known) or "none"
            raise ConfigError(f"unknown factor of variation {name!r}; here are: {choices}")
        if not 0 <= strength <= 1:
            raise ConfigError(f"{name}: a strength lies in [0, 1], not {strength}")
    return {name: float(strength) for name, strength in strengths.items()}
