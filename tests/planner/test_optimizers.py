"""What every optimizer owes the planner, whatever it does inside."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearse.errors import ConfigError
from rehearse.planner import MPC, OPTIMIZERS, Optimizer, make_optimizer
from tests.planner.point_mass import OBJECTIVE, PointMass, config
from tests.planner.searching import dice, quadratic, search, start

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
horizons, sizes, seeds = st.integers(1, 9), st.integers(1, 5), st.integers(0, 5)
prices = st.one_of(st.floats(-1e3, 1e3, width=32), st.sampled_from([torch.nan, torch.inf, -torch.inf]))


@every_optimizer
@given(st.integers(1, 3000), horizons, sizes, seeds)
@settings(max_examples=30, deadline=None)
def test_budget_shapes_bounds_and_nominal_first(name, futures, knots, size, seed):
    optimizer, generator = make_optimizer(name, futures), dice(seed)
    assert isinstance(optimizer, Optimizer)
    populations = optimizer.populations()
    assert sum(populations) == futures
    assert min(populations) >= 1
    state = start(optimizer, knots, size, mean=0.9)
    for n in populations:
        sample = optimizer.sample(state, n, generator)
        assert sample.shape == (n, knots, size)
        assert sample.abs().max() <= 1
        torch.testing.assert_close(sample[0], state.mean)
        state = optimizer.update(state, sample, quadratic(sample))
        assert state.mean.shape == state.std.shape == (knots, size)
        assert state.mean.abs().max() <= 1 + 1e-6
        assert (state.std >= 0).all()


@every_optimizer
@given(st.integers(1, 40), horizons, sizes, st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_not_finite_is_counted_and_as_good_as_not_there(name, n, knots, size, data):
    optimizer = make_optimizer(name, n)
    state = start(optimizer, knots, size)
    sample = optimizer.sample(state, n, dice())
    costs = torch.tensor(data.draw(st.lists(prices, min_size=n, max_size=n)))
    fine = costs.isfinite()
    moved = optimizer.update(state, sample, costs)
    assert int(moved.nonfinite) == int((~fine).sum())
    if fine.any():
        without = optimizer.update(state, sample[fine], costs[fine])
        torch.testing.assert_close(moved.mean, without.mean)
        torch.testing.assert_close(moved.std, without.std)
        sample[~fine] = torch.nan
        torch.testing.assert_close(optimizer.update(state, sample, costs).mean, moved.mean)
    else:
        assert torch.equal(moved.mean, state.mean)
    again = optimizer.update(moved, sample, torch.full((n,), torch.inf))
    assert torch.equal(again.mean, moved.mean), "nothing finite moves nothing"
    assert int(again.nonfinite) == int(moved.nonfinite) + n


@every_optimizer
@given(st.integers(1, 200), horizons, sizes, seeds)
@settings(max_examples=15, deadline=None)
def test_no_plan_is_worse_than_the_best_of_all_samples(name, futures, horizon, size, seed):
    seen = []

    class Watched(PointMass):
        def imagine(self, belief, actions):
            imagined = super().imagine(belief, actions)
            seen.append(OBJECTIVE(imagined, actions))
            return imagined

    mpc = MPC(Watched(size), OBJECTIVE, make_optimizer(name, futures), config(size, horizon=horizon))
    plan = mpc.plan((torch.ones(size), torch.zeros(size)), 0.0, dice(seed))
    assert plan.cost == pytest.approx(torch.cat(seen).min().item())
    assert plan.actions.shape == (horizon, size)


@every_optimizer
@given(st.integers(1, 300), horizons, sizes, seeds)
@settings(max_examples=15, deadline=None)
def test_the_same_seed_searches_the_same(name, futures, knots, size, seed):
    first, other = (search(make_optimizer(name, futures), quadratic, s, knots, size) for s in (seed, seed + 1))
    again = search(make_optimizer(name, futures), quadratic, seed, knots, size)
    assert torch.equal(first[0].mean, again[0].mean)
    assert torch.equal(first[1], again[1])
    assert futures == 1 or not torch.equal(first[1], other[1])


@every_optimizer
def test_it_comes_closer_to_the_minimum(name):
    optimizer = make_optimizer(name, 512)
    state, _, costs = search(optimizer)
    assert quadratic(state.mean[None]) < 0.15 * costs[0]
    assert costs[-optimizer.populations()[-1] :].min() <= 0.2 * costs[0]


def test_an_unknown_optimizer_is_refused_with_the_names_of_the_others():
    with pytest.raises(ConfigError, match="cem, icem, mppi"):
        make_optimizer("gradient", 8)
