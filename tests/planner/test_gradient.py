"""Gradient refinement: downhill, within bounds, and never worse than what was given."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearse.errors import ConfigError
from rehearse.planner import Gradient, GradientConfig, Reach
from tests.planner.point_mass import AT_REST, PointMass
from tests.planner.searching import dice, quadratic

LOW, HIGH = torch.tensor([-1.0, -2.0]), torch.tensor([1.0, 2.0])


def given_knots(count=5, knots=3, seed=0):
    return LOW + (HIGH - LOW) * torch.rand(count, knots, 2, generator=dice(seed))


def bumpy(knots):
    """Many valleys, a cliff, and for some a nan."""
    costs = (knots * 7).sin().sum((1, 2)) + knots.square().sum((1, 2)) + (knots[:, 0, 0] > 0.2)
    return costs.where(knots[:, 0, 1] > -1.5, torch.nan)


@given(st.integers(0, 6), st.integers(1, 6), st.integers(1, 5), st.floats(0.001, 1.0), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_never_worse_and_always_within_bounds(steps, count, knots, size, seed):
    first = given_knots(count, knots, seed)
    before = bumpy(first)
    after, costs = Gradient(GradientConfig(steps=steps, size=size))(first, bumpy, LOW, HIGH)
    assert after.shape == first.shape
    assert ((after >= LOW) & (after <= HIGH)).all()
    fine = before.isfinite()
    assert (costs[fine] <= before[fine]).all()
    torch.testing.assert_close(bumpy(after)[fine], costs[fine])
    assert torch.equal(after[~fine], first[~fine])
    assert (costs[~fine] == torch.inf).all()


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_more_steps_come_closer_whatever_the_scale_of_the_cost(scale):
    def cost_of(knots):
        return scale * quadratic(knots)

    few, some, many = (Gradient(GradientConfig(steps=n))(given_knots(), cost_of, LOW, HIGH)[1] for n in (0, 2, 8))
    assert (few > some).all()
    assert (some > many).all()
    assert many.max() < 0.05 * few.max()


def test_a_step_that_does_not_pay_is_tried_shorter():
    tried = []

    def narrow(knots):
        tried.append(knots.detach().clone())
        return knots.abs().sum((1, 2))

    ones = torch.ones(2)
    kept, _ = Gradient(GradientConfig(steps=3, size=0.5))(torch.full((1, 1, 2), 0.1), narrow, -ones, ones)
    lengths = [(tried[0] - knots).mean().item() for knots in tried]
    assert lengths == pytest.approx([0.0, 1.0, 0.5, 0.25])
    assert torch.equal(kept, tried[0])


def test_it_works_inside_inference_mode_and_where_nothing_can_be_derived():
    with torch.inference_mode():
        low, high, first = LOW + 0, HIGH + 0, given_knots()
        _, costs = Gradient()(first, quadratic, low, high)
        assert (costs < quadratic(first)).all()
        same, _ = Gradient()(first, lambda knots: quadratic(knots.round().detach()), low, high)
        assert torch.equal(same, first)
        flat, _ = Gradient()(first, lambda knots: 0 * quadratic(knots), low, high)
        assert torch.equal(flat, first)


def test_it_goes_through_a_dynamics_and_an_objective():
    mass = PointMass()
    belief = mass.observe(AT_REST)
    cost_of = lambda knots: Reach("progress")(mass.imagine(belief, knots), knots)  # noqa: E731
    first = 0.1 * torch.randn(4, 12, 2, generator=dice())
    _, costs = Gradient(GradientConfig(steps=6, size=0.2))(first, cost_of, -torch.ones(2), torch.ones(2))
    assert (costs < 0.8 * cost_of(first)).all()


@pytest.mark.parametrize("changes", [{"steps": -1}, {"size": 0.0}, {"shrink": 1.0}])
def test_impossible_settings_are_named(changes):
    with pytest.raises(ConfigError, match=f"gradient: {next(iter(changes))}"):
        GradientConfig(**changes)
