"""Factors of variation: in their ranges, from their generator, and held where that is asked for."""

from dataclasses import asdict, dataclass, fields

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.variation import Look, between, draw


@dataclass(frozen=True)
class Weather(Look):
    """A look, and two factors more."""

    wind_mps: float = between(-2.0, 4.0)
    rain_mm: float = between(0.0, 10.0)


def test_every_factor_fills_its_range() -> None:
    drawn = [asdict(draw(Weather, np.random.default_rng(seed))) for seed in range(300)]
    for item in fields(Weather):
        low, high = item.metadata["low"], item.metadata["high"]
        values = np.array([factors[item.name] for factors in drawn])
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high >= values.max() > high - 0.05 * (high - low)


def test_a_held_factor_is_in_the_middle_and_changes_no_other() -> None:
    free = asdict(draw(Weather, np.random.default_rng(1)))
    held = asdict(draw(Weather, np.random.default_rng(1), fixed={"wind_mps", "brightness"}))
    assert held.pop("wind_mps") == 1.0
    assert held.pop("brightness") == pytest.approx(1.0)
    assert held == {name: free[name] for name in held}


def test_an_unknown_factor_is_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown factor \['snow'\]; factors are light_x_m, .*rain_mm"):
        draw(Weather, np.random.default_rng(0), fixed={"snow"})
