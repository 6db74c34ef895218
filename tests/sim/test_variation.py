"""What varies: in its range, from its generator, held where that is asked for, and beyond its range by strength."""

from dataclasses import asdict, dataclass, fields

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.variation import FACTORS, Look, between, draw, usually, varied_in


@dataclass(frozen=True)
class Weather(Look):
    """A look, and two factors more."""

    wind_mps: float = between(-2.0, 4.0, "friction", (-10.0, 12.0))
    rain_mm: float = between(0.0, 10.0)
    gravity: float = usually(9.8, "mass", (1.6, 24.8))


def test_every_factor_fills_its_range() -> None:
    drawn = [asdict(draw(Weather, np.random.default_rng(seed))) for seed in range(300)]
    for item in fields(Weather):
        if item.metadata["low"] == item.metadata["high"]:
            continue
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


def test_a_strength_leads_from_what_was_drawn_to_a_far_end() -> None:
    ends = set()
    for seed in range(20):
        plain, half, full = (
            draw(Weather, np.random.default_rng(seed), variations={"friction": strength})
            for strength in (0.0, 0.5, 1.0)
        )
        assert plain == draw(Weather, np.random.default_rng(seed))
        assert full.wind_mps in (-10.0, 12.0)
        assert half.wind_mps == pytest.approx((plain.wind_mps + full.wind_mps) / 2)
        assert (full.rain_mm, full.gravity, full.brightness) == (plain.rain_mm, plain.gravity, plain.brightness)
        ends.add(full.wind_mps)
    assert ends == {-10.0, 12.0}


def test_what_never_varies_does_when_its_factor_is_named_and_uses_up_no_draw() -> None:
    plain = draw(Weather, np.random.default_rng(0))
    assert plain.gravity == 9.8
    both = draw(Weather, np.random.default_rng(0), variations={"mass": 1.0, "friction": 1.0})
    assert both.gravity in (1.6, 24.8)
    # Which end it is, does not depend on what else is varied.
    assert both.gravity == draw(Weather, np.random.default_rng(0), variations={"mass": 1.0}).gravity
    following = np.random.default_rng(0)
    draw(Weather, following, variations={"mass": 1.0})
    untouched = np.random.default_rng(0)
    draw(Weather, untouched)
    assert following.random() == untouched.random()


def test_factors_and_strengths_that_there_are_not() -> None:
    assert varied_in(Weather) == tuple(name for name in FACTORS if name != "size")
    with pytest.raises(ConfigError, match="unknown factor of variation 'size'; here are: light, camera"):
        draw(Weather, np.random.default_rng(0), variations={"size": 0.5})
    with pytest.raises(ConfigError, match=r"mass: a strength lies in \[0, 1\], not 1.5"):
        draw(Weather, np.random.default_rng(0), variations={"mass": 1.5})
