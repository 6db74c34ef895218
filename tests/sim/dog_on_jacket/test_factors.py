"""Layouts: splits that cannot meet, factors that can be switched off one by one, levels that are ordered."""

from dataclasses import asdict, fields

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.dog_on_jacket.factors import LEVELS, FactorRanges, sample_factors
from rehearse.sim.layouts import SPLITS, layout_seed

NAMES = [field.name for field in fields(FactorRanges)]
INDICES = (*range(50), 999_999, 1_000_000, 2**31 - 1)


def draw(level: str = "half", split: str = "train", index: int = 0, fixed: frozenset[str] = frozenset()) -> dict:
    return asdict(sample_factors(LEVELS[level], np.random.default_rng(layout_seed(split, index)), fixed))


def test_splits_never_share_a_layout() -> None:
    seeds = [layout_seed(split, index) for split in SPLITS for index in INDICES]
    assert len(set(seeds)) == len(SPLITS) * len(INDICES)
    masses = {draw(split=split, index=index)["dog_mass_kg"] for split in SPLITS for index in INDICES}
    assert len(masses) == len(seeds)


def test_a_layout_is_its_seed() -> None:
    assert draw(index=3) == draw(index=3)
    assert draw(index=3) != draw(index=4)


@pytest.mark.parametrize("name", NAMES)
def test_a_fixed_factor_is_constant_and_moves_no_other(name: str) -> None:
    free = [draw(index=index) for index in range(5)]
    held = [draw(index=index, fixed=frozenset({name})) for index in range(5)]
    assert len({layout[name] for layout in held}) == 1
    assert len({layout[name] for layout in free}) > 1
    for one, other in zip(free, held, strict=True):
        assert {k: v for k, v in one.items() if k != name} == {k: v for k, v in other.items() if k != name}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_values_stay_in_their_range(level: str, name: str) -> None:
    low, high = getattr(LEVELS[level], name)
    values = np.array([draw(level=level, index=index)[name] for index in range(40)])
    assert low <= values.min() < values.max() <= high


def test_levels_are_ordered_by_overlap() -> None:
    easy, half, full = (LEVELS[level].overlap for level in ("easy", "half", "full"))
    assert easy[1] <= half[0] < half[1] <= full[0]


def test_every_tab_is_drawn() -> None:
    assert {draw(index=index)["tab"] for index in range(40)} == {0, 1, 2}


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match=r"testing.*train, validation, test"):
        layout_seed("testing", 0)
    with pytest.raises(ConfigError, match="-1"):
        layout_seed("test", -1)
    with pytest.raises(ConfigError, match=r"gravity.*friction"):
        draw(fixed=frozenset({"gravity"}))
