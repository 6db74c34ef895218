"""What varies from layout to layout, and by how much, at each level.

    factors = sample_factors(LEVELS["half"], np.random.default_rng(layout_seed("test", 3)))

A layout is one draw of every factor. Any factor can be held at the middle of its range (``fixed={"friction"}``), which
is how the effect of each one is measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from rehearse.errors import ConfigError
from rehearse.sim.variation import ALWAYS, FACTORS, NONE, vary

Range = tuple[float, float]
LOG_UNIFORM = {"sleep_depth"}
LIGHTEST_SLEEP, DEEPEST_SLEEP = 0.5, 3.0


@dataclass(frozen=True)
class FactorRanges:
    """Range of each factor, uniform where not said otherwise. Poses are relative to the nominal jacket; radians."""

    overlap: Range = (0.4, 0.8)  # 0: the dog's middle is 0.30 m from the jacket's; 1: on top of it
    dog_bearing_rad: Range = (-1.0, 1.0)  # where around the far side of the jacket the dog lies
    dog_yaw_rad: Range = (-3.14159, 3.14159)
    dog_mass_kg: Range = (3.5, 7.0)
    friction: Range = (0.8, 1.0)  # of the dog's fur, on jacket and floor alike
    sleep_depth: Range = (LIGHTEST_SLEEP, DEEPEST_SLEEP)  # log-uniform
    jacket_x_m: Range = (0.12, 0.18)
    jacket_y_m: Range = (-0.04, 0.04)
    jacket_yaw_rad: Range = (-0.4, 0.4)
    light_x_m: Range = (-0.5, 0.3)
    light_y_m: Range = (-0.8, 0.0)
    brightness: Range = (0.8, 1.15)
    camera_jitter_m: Range = (-0.012, 0.012)
    tab: Range = (0.0, 3.0)  # which of the three tabs the gripper holds: floor(tab)


@dataclass(frozen=True)
class Factors:
    """One layout: a value for every field of FactorRanges; ``camera_jitter_m`` is the shift along x, y and z."""

    overlap: float
    dog_bearing_rad: float
    dog_yaw_rad: float
    dog_mass_kg: float
    friction: float
    sleep_depth: float
    jacket_x_m: float
    jacket_y_m: float
    jacket_yaw_rad: float
    light_x_m: float
    light_y_m: float
    brightness: float
    camera_jitter_m: tuple[float, float, float]
    tab: int
    # What training never varies, and a factor of variation does.
    camera_azimuth_deg: float = 0.0
    camera_elevation_deg: float = 0.0
    background_red: float = 1.0
    background_green: float = 1.0
    background_blue: float = 1.0
    latency_steps: float = 0.0
    dropped_share: float = 0.0
    frozen_share: float = 0.0


# field -> (factor of variation, its far ends), see rehearse.sim.variation
FAR = {
    "friction": ("friction", (0.3, 1.6)),
    "dog_mass_kg": ("mass", (1.5, 14.0)),
    "light_x_m": ("light", (-1.2, 1.0)),
    "light_y_m": ("light", (-1.5, 0.7)),
    "brightness": ("light", (0.35, 1.8)),
    **{name: (factor, far) for name, (_, factor, far) in ALWAYS.items()},
}
VARIATIONS = tuple(name for name in FACTORS if name in {factor for factor, _ in FAR.values()})


LEVELS = {
    "easy": replace(FactorRanges(), overlap=(0.1, 0.35)),
    "half": FactorRanges(),
    "full": replace(FactorRanges(), overlap=(0.85, 1.0)),
}


def sample_factors(
    ranges: FactorRanges,
    rng: np.random.Generator,
    fixed: frozenset[str] = frozenset(),
    variations: Mapping[str, float] = NONE,
) -> Factors:
    """Draw one layout. Factors named in ``fixed`` take the middle of their range; the others are drawn as without.

    ``variations``: {factor of variation: strength}, on top.
    """
    names = {field.name for field in fields(FactorRanges)}
    if unknown := set(fixed) - names:
        raise ConfigError(f"unknown factor {sorted(unknown)}; factors are {', '.join(sorted(names))}")
    values: dict = {}
    for name in (field.name for field in fields(FactorRanges)):
        low, high = np.log(getattr(ranges, name)) if name in LOG_UNIFORM else getattr(ranges, name)
        size = 3 if name == "camera_jitter_m" else None
        draw = rng.uniform(low, high, size)
        draw = np.full_like(draw, (low + high) / 2) if name in fixed else draw
        values[name] = np.exp(draw) if name in LOG_UNIFORM else draw
    values = {name: tuple(v.tolist()) if np.ndim(v) else float(v) for name, v in values.items()}
    factors = Factors(**{**values, "tab": min(int(values["tab"]), 2)})
    return vary(factors, FAR, variations, rng.spawn(1)[0])
