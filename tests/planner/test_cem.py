"""The cross-entropy method on costs known in closed form."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearse.errors import ConfigError
from rehearse.planner import CEM, CEMConfig


def start(cem, knots=3, size=2, mean=0.0):
    ones = torch.ones(size)
    return cem.init(torch.full((knots, size), mean), 0.5 * ones, -ones, ones)


def quadratic(knots, target=0.4):
    return (knots - target).square().sum((1, 2))


def search(cem, cost, seed=0, knots=3, size=2):
    generator, state = torch.Generator().manual_seed(seed), start(cem, knots, size)
    for n in cem.populations():
        sample = cem.sample(state, n, generator)
        state = cem.update(state, sample, cost(sample))
    return state


@given(st.integers(1, 5000), st.integers(1, 8), st.integers(1, 16))
@settings(max_examples=100, deadline=None)
def test_the_budget_is_spent_exactly_and_evenly(futures, iterations, smallest):
    sizes = CEM(CEMConfig(futures=futures, iterations=iterations, min_population=smallest)).populations()
    assert sum(sizes) == futures
    assert 1 <= len(sizes) <= iterations
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(smallest, futures)


def test_budgets_of_the_usual_sizes():
    assert [CEM(CEMConfig(futures=n)).populations() for n in (1, 8, 40, 64)] == [
        [1],
        [8],
        [20, 20],
        [16] * 4,
    ]


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("knots", [1, 2, 12])
@pytest.mark.parametrize("n", [1, 2, 64])
def test_shapes_bounds_and_nominal_first(n, knots, size):
    cem = CEM()
    state = cem.init(torch.full((knots, size), 0.9), torch.full((size,), 5.0), -torch.ones(size), torch.ones(size))
    sample = cem.sample(state, n, torch.Generator().manual_seed(0))
    assert sample.shape == (n, knots, size)
    assert sample.abs().max() <= 1
    torch.testing.assert_close(sample[0], state.mean)
    state = cem.update(state, sample, quadratic(sample))
    assert state.mean.shape == state.std.shape == (knots, size)
    assert state.mean.abs().max() <= 1
    assert (state.std >= state.std_min).all()


def test_finds_the_minimum_and_narrows():
    state = search(CEM(CEMConfig(futures=512)), quadratic)
    assert (state.mean - 0.4).abs().max() < 0.05
    assert state.std.max() < 0.2


def test_minimum_beyond_the_bounds_ends_on_them():
    state = search(CEM(CEMConfig(futures=512)), lambda knots: quadratic(knots, target=3.0))
    assert state.mean.min() > 0.8


def test_best_of_all_iterations_is_remembered():
    cem, generator = CEM(), torch.Generator().manual_seed(0)
    state, seen = start(cem), []
    for cost_offset in (0.0, 100.0, 100.0):  # everything after the first population is worse
        sample = cem.sample(state, 32, generator)
        seen.append(quadratic(sample) + cost_offset)
        state = cem.update(state, sample, seen[-1])
    assert state.elite_costs[0] == torch.cat(seen).min()
    torch.testing.assert_close(quadratic(state.elites)[0], torch.cat(seen).min())


def test_nan_costs_and_knots_stay_out_of_the_fit():
    cem, generator = CEM(CEMConfig(elite_fraction=1.0)), torch.Generator().manual_seed(0)
    state = start(cem)
    sample = cem.sample(state, 8, generator)
    costs = quadratic(sample)
    clean = cem.update(state, sample[:4], costs[:4])
    sample[4:], costs[4:6], costs[6:] = torch.nan, torch.nan, -torch.inf
    spoiled = cem.update(state, sample, costs)
    torch.testing.assert_close(spoiled.mean, clean.mean)
    torch.testing.assert_close(spoiled.std, clean.std)
    assert spoiled.nonfinite == 4
    assert clean.nonfinite == 0


def test_nothing_finite_moves_nothing():
    cem = CEM()
    state = start(cem, mean=0.3)
    sample = cem.sample(state, 8, torch.Generator().manual_seed(0))
    after = cem.update(state, sample, torch.full((8,), torch.nan))
    torch.testing.assert_close(after.mean, state.mean)
    torch.testing.assert_close(after.std, state.std)
    assert after.nonfinite == 8
    assert cem.update(after, sample, torch.full((8,), torch.inf)).nonfinite == 16


def test_std_per_dimension():
    cem = CEM()
    state = cem.init(torch.zeros(3, 2), torch.tensor([0.0, 0.5]), -torch.ones(2), torch.ones(2))
    sample = cem.sample(state, 64, torch.Generator().manual_seed(0))
    assert sample[..., 0].abs().max() == 0
    assert sample[..., 1].std() > 0.3


@pytest.mark.parametrize(
    "setting",
    [{"futures": 0}, {"iterations": 0}, {"elite_fraction": 0.0}, {"smoothing": 1.0}, {"std_min": -0.1}],
)
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ConfigError, match=f"cem: {next(iter(setting))}"):
        CEMConfig(**setting)
