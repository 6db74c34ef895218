"""How futures are divided among iterations."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearse.errors import ConfigError
from rehearse.planner import CEM, ICEM, CEMConfig, DIALConfig, ICEMConfig, MPPIConfig, PredictiveConfig
from rehearse.planner.schedule import shrinking, split

shares = st.lists(st.floats(0.01, 100), min_size=1, max_size=8).map(tuple)


@given(st.integers(1, 5000), st.one_of(st.integers(1, 8), shares), st.integers(1, 16))
@settings(deadline=None)
def test_the_budget_is_spent_exactly_and_by_the_shares(futures, schedule, smallest):
    sizes = split(futures, schedule, smallest)
    assert sum(sizes) == futures
    assert min(sizes) >= min(smallest, futures)
    wanted = (1,) * schedule if isinstance(schedule, int) else schedule
    assert 1 <= len(sizes) <= len(wanted)
    wanted = wanted[: len(sizes)]
    assert all(abs(size - futures * share / sum(wanted)) < 1 for size, share in zip(sizes, wanted, strict=True))


@given(st.integers(1, 5000), st.integers(1, 8))
@settings(deadline=None)
def test_even_populations_differ_by_one_at_most_the_larger_first(futures, iterations):
    sizes = split(futures, iterations)
    assert list(sizes) == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[-1] <= 1


def test_sizes_that_were_named_are_met_exactly():
    assert split(514, (300, 150, 64), 16) == (300, 150, 64)
    assert split(5140, (300, 150, 64)) == (3000, 1500, 640)
    assert CEM(CEMConfig(futures=514, iterations=(300, 150, 64))).populations() == [300, 150, 64]
    assert [CEM(CEMConfig(futures=n)).populations() for n in (1, 8, 40, 64)] == [[1], [8], [20, 20], [16] * 4]
    assert ICEM(ICEMConfig(futures=512)).populations() == [173, 139, 111, 89]


def test_populations_that_would_be_too_small_are_dropped_from_the_end():
    assert split(100, (300, 150, 64), 16) == (67, 33)
    assert split(20, (300, 150, 64), 16) == (20,)
    assert split(64, shrinking(4, by=1.25), 16) == (26, 21, 17)


@pytest.mark.parametrize("config", [CEMConfig, ICEMConfig, MPPIConfig, DIALConfig, PredictiveConfig])
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"futures": 0}, "futures"),
        ({"min_population": 0}, "min_population"),
        ({"iterations": 0}, "iterations"),
        ({"iterations": ()}, "iterations"),
        ({"iterations": (3.0, -1.0)}, "iterations"),
    ],
)
def test_what_cannot_be_divided_is_named(config, changes, named):
    with pytest.raises(ConfigError, match=named):
        config(**changes)
