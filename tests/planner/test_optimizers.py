"""What every optimizer owes the planner, whatever it does inside; and what is particular to each."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearse.errors import ConfigError
from rehearse.planner import (
    ICEM,
    MPPI,
    OPTIMIZERS,
    ICEMConfig,
    MPPIConfig,
    Optimizer,
    PredictiveSampling,
    coloured_noise,
    make_optimizer,
)

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def start(optimizer, knots=3, size=2, mean=0.0):
    ones = torch.ones(size)
    return optimizer.init(torch.full((knots, size), mean), 0.5 * ones, -ones, ones)


def quadratic(knots, target=0.4):
    return (knots - target).square().sum((1, 2))


def search(optimizer, cost, seed=0, knots=3, size=2):
    generator, state, seen = torch.Generator().manual_seed(seed), start(optimizer, knots, size), []
    for n in optimizer.populations():
        sample = optimizer.sample(state, n, generator)
        seen.append(cost(sample))
        state = optimizer.update(state, sample, seen[-1])
    return state, seen


@every_optimizer
@given(st.integers(1, 3000), st.integers(1, 9), st.integers(1, 5), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_budget_shapes_bounds_and_nominal_first(name, futures, knots, size, seed):
    optimizer, generator = make_optimizer(name, futures), torch.Generator().manual_seed(seed)
    assert isinstance(optimizer, Optimizer)
    sizes = optimizer.populations()
    assert sum(sizes) == futures
    assert min(sizes) >= 1
    state = start(optimizer, knots, size, mean=0.9)
    for n in sizes:
        sample = optimizer.sample(state, n, generator)
        assert sample.shape == (n, knots, size)
        assert sample.abs().max() <= 1
        torch.testing.assert_close(sample[0], state.mean)
        state = optimizer.update(state, sample, quadratic(sample))
        assert state.mean.shape == (knots, size)
        assert state.mean.abs().max() <= 1 + 1e-6


@every_optimizer
def test_it_comes_closer_to_the_minimum(name):
    state, seen = search(make_optimizer(name, 512), quadratic)
    assert quadratic(state.mean[None]) < 0.15 * quadratic(torch.zeros(1, 3, 2))
    assert seen[-1].min() <= 0.2 * seen[0][0]


@every_optimizer
def test_the_same_seed_searches_the_same(name):
    (first, _), (second, _), (other, _) = (search(make_optimizer(name, 64), quadratic, seed) for seed in (1, 1, 2))
    assert torch.equal(first.mean, second.mean)
    assert not torch.equal(first.mean, other.mean)


@every_optimizer
def test_what_is_not_finite_is_counted_and_never_followed(name):
    optimizer, generator = make_optimizer(name, 64), torch.Generator().manual_seed(0)
    state = start(optimizer)
    sample = optimizer.sample(state, 32, generator)
    spoiled = quadratic(sample)
    spoiled[::3] = torch.nan
    spoiled[1::3] = torch.inf
    sample[::3] = torch.nan
    moved = optimizer.update(state, sample, spoiled)
    assert moved.mean.isfinite().all()
    assert int(moved.nonfinite) == int((~spoiled.isfinite()).sum())
    still = optimizer.update(state, sample, torch.full((32,), torch.nan))
    assert torch.equal(still.mean, state.mean)
    assert int(still.nonfinite) == 32


@pytest.mark.parametrize("knots", [2, 3, 4, 5, 12])
@pytest.mark.parametrize("colour", [0.0, 1.0, 2.0])
def test_coloured_noise_has_unit_variance_and_its_neighbours_agree(knots, colour):
    noise = coloured_noise(20_000, knots, 2, colour, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert noise.shape == (20_000, knots, 2)
    torch.testing.assert_close(noise.std(0), torch.ones(knots, 2), atol=0.03, rtol=0)
    together = (noise[:, 0] * noise[:, 1]).mean()
    assert together > 0.25 * colour if colour else abs(together) < 0.03


def test_icem_shrinks_its_populations_and_keeps_elites():
    icem = ICEM(ICEMConfig(futures=512, shrink=1.5))
    sizes = icem.populations()
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 2 * sizes[-1]
    generator = torch.Generator().manual_seed(0)
    state = start(icem)
    sample = icem.sample(state, 100, generator)
    state = icem.update(state, sample, quadratic(sample))
    again = icem.sample(state, 100, generator)
    assert torch.equal(again[1], state.elites[0])


def test_mppi_weighs_by_the_formula():
    mppi = MPPI(MPPIConfig(temperature=0.5))
    state, knots = start(mppi, knots=1, size=1), torch.tensor([0.0, 0.5, 1.0]).reshape(3, 1, 1)
    costs = torch.tensor([3.0, 1.0, 2.0])
    weights = torch.softmax(-(costs - 1.0) / (0.5 * costs.std(correction=0)), 0)
    expected = (weights * knots.flatten()).sum()
    assert mppi.update(state, knots, costs).mean.item() == pytest.approx(expected.item(), rel=1e-5)


def test_dial_begins_bold_and_far_and_ends_fine():
    dial = MPPI(MPPIConfig(iterations=2, anneal=0.5, far=0.25))
    state = start(dial, knots=3, size=1)
    torch.testing.assert_close(state.std[:, 0], torch.tensor([0.125, 0.25, 0.5]))
    sample = dial.sample(state, 8, torch.Generator().manual_seed(0))
    torch.testing.assert_close(dial.update(state, sample, quadratic(sample)).std, 0.5 * state.std)


def test_predictive_sampling_takes_the_best():
    search_ = PredictiveSampling()
    state = start(search_)
    sample = search_.sample(state, 50, torch.Generator().manual_seed(0))
    assert torch.equal(search_.update(state, sample, quadratic(sample)).mean, sample[quadratic(sample).argmin()])


def test_an_unknown_optimizer_is_refused_with_the_names_of_the_others():
    with pytest.raises(ConfigError, match="cem, icem, mppi"):
        make_optimizer("gradient", 8)


@pytest.mark.parametrize(
    ("config", "changes", "named"),
    [
        (ICEMConfig, {"colour": -1.0}, "colour"),
        (ICEMConfig, {"shrink": 0.5}, "shrink"),
        (ICEMConfig, {"keep": 2.0}, "keep"),
        (ICEMConfig, {"futures": 0}, "futures"),
        (MPPIConfig, {"temperature": 0.0}, "temperature"),
        (MPPIConfig, {"anneal": 1.5}, "anneal"),
        (MPPIConfig, {"far": 0.0}, "far"),
        (MPPIConfig, {"iterations": 0}, "iterations"),
    ],
)
def test_impossible_settings_are_named(config, changes, named):
    with pytest.raises(ConfigError, match=named):
        config(**changes)
