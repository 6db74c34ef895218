"""Splines over timed knots."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearse.errors import ConfigError
from rehearse.planner import basis, evaluate, knot_times, warm_start

KINDS = ("zero", "linear", "cubic")
PERIOD_S = 0.2


def steps(start_s, horizon):
    return start_s + PERIOD_S * np.arange(horizon)


@given(
    st.sampled_from(KINDS),
    st.integers(1, 12),
    st.integers(1, 14),
    st.floats(0, 2e9),
    st.integers(0, 2**16),
)
@settings(max_examples=100, deadline=None)
def test_rows_sum_to_one_and_knots_are_met(kind, horizon, knots, start_s, seed):
    times = knot_times(start_s, horizon, PERIOD_S, knots, kind)
    assert len(times) == min(knots, horizon)
    assert times[0] == start_s
    weights = basis(times, steps(start_s, horizon), kind)
    assert weights.shape == (horizon, len(times))
    np.testing.assert_allclose(weights.sum(1), 1)
    values = np.random.default_rng(seed).normal(size=(len(times), 4))
    np.testing.assert_allclose(evaluate(times, values, times, kind), values, atol=1e-9)
    if kind != "cubic":
        assert weights.min() >= 0  # so that controls never leave the knots' range


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_held_outside_the_knots(kind):
    times, values = np.array([1.0, 2.0, 3.0]), np.array([[1.0], [5.0], [2.0]])
    np.testing.assert_allclose(evaluate(times, values, np.array([-9.0, 9.0]), kind), [[1.0], [2.0]])


def test_kinds_between_knots():
    times, values = np.array([0.0, 1.0, 2.0]), np.array([[0.0], [1.0], [4.0]])
    query = np.array([0.5, 1.5])
    np.testing.assert_allclose(evaluate(times, values, query, "zero"), [[0.0], [1.0]])
    np.testing.assert_allclose(evaluate(times, values, query, "linear"), [[0.5], [2.5]])
    np.testing.assert_allclose(evaluate(times, values, query, "cubic"), [[0.375], [2.375]])


def test_cubic_reproduces_lines_over_uneven_knots():
    times = np.array([0.0, 0.3, 1.0, 1.1])
    query = np.linspace(0, 1.1, 23)
    np.testing.assert_allclose(evaluate(times, 3 * times[:, None] - 1, query, "cubic")[:, 0], 3 * query - 1)


def test_zero_order_knots_share_the_horizon_evenly():
    weights = basis(knot_times(0.0, 12, PERIOD_S, 4, "zero"), steps(0.0, 12), "zero")
    np.testing.assert_array_equal(weights.sum(0), [3, 3, 3, 3])


@pytest.mark.parametrize("kind", ["zero", "linear"])
@pytest.mark.parametrize("start_s", [0.0, 1.7e9])
@pytest.mark.parametrize(("horizon", "knots", "shift"), [(12, 12, 1), (12, 12, 5), (13, 4, 4), (2, 2, 1), (1, 1, 1)])
def test_warm_start_by_whole_knots_reproduces_the_spline(kind, start_s, horizon, knots, shift):
    if kind == "zero" and horizon == 13:
        horizon, shift = 12, 3  # zero-order knots are horizon / knots apart
    old_times = knot_times(start_s, horizon, PERIOD_S, knots, kind)
    new_times = knot_times(start_s + shift * PERIOD_S, horizon, PERIOD_S, knots, kind)
    old = np.random.default_rng(0).normal(size=(len(old_times), 2))
    new = warm_start(old_times, old, new_times, kind)
    query = steps(start_s + shift * PERIOD_S, horizon)
    np.testing.assert_allclose(evaluate(new_times, new, query, kind), evaluate(old_times, old, query, kind), atol=1e-5)
    np.testing.assert_allclose(new[-1], old[-1])


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="'quintic' is unknown; use one of zero, linear, cubic"):
        basis(np.array([0.0, 1.0]), np.array([0.5]), "quintic")
    with pytest.raises(ConfigError, match="strictly increasing"):
        basis(np.array([0.0, 0.0]), np.array([0.5]), "linear")
