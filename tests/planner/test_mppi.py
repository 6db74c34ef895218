"""MPPI, DIAL and predictive sampling against their formulas."""

import pytest
import torch

from rehearse.errors import ConfigError
from rehearse.planner import DIAL, MPPI, DIALConfig, MPPIConfig, PredictiveSampling
from tests.planner.searching import dice, quadratic, start


def by_hand(sample, costs, state, temperature, importance):
    """Algorithm 2 of Williams et al. 2017, written out: perturbations weighed by exp(-S / λ)."""
    noise = sample - state.mean
    total = costs + importance * temperature * (state.mean / state.std**2 * noise).sum((1, 2))
    weights = torch.exp(-(total - total.min()) / temperature)
    return state.mean + torch.einsum("n,nqa->qa", weights / weights.sum(), noise)


@pytest.mark.parametrize("importance", [0.0, 0.4, 1.0])
def test_mppi_is_the_papers_algorithm(importance):
    mppi = MPPI(MPPIConfig(temperature=0.7, absolute=True, importance=importance))
    state = start(mppi, mean=0.3)
    sample = mppi.sample(state, 64, dice())
    costs = quadratic(sample)
    expected = by_hand(sample, costs, state, 0.7, importance)
    torch.testing.assert_close(mppi.update(state, sample, costs).mean, expected)


def test_a_relative_temperature_is_in_standard_deviations_of_the_costs():
    mppi = MPPI(MPPIConfig(temperature=0.5))
    state = start(mppi)
    sample = mppi.sample(state, 64, dice())
    costs = quadratic(sample)
    expected = by_hand(sample, costs, state, 0.5 * costs.std(correction=0), 0.0)
    torch.testing.assert_close(mppi.update(state, sample, costs).mean, expected)
    scaled = mppi.update(state, sample, 1000 * costs + 7)
    torch.testing.assert_close(scaled.mean, expected, atol=1e-4, rtol=1e-3)


def test_equal_costs_weigh_the_same():
    mppi = MPPI()
    sample = mppi.sample(start(mppi), 64, dice())
    torch.testing.assert_close(mppi.update(start(mppi), sample, torch.ones(64)).mean, sample.mean(0))


def test_a_dimension_without_noise_has_no_say_in_the_importance():
    mppi = MPPI(MPPIConfig(importance=1.0))
    state = mppi.init(torch.full((3, 2), 0.5), torch.tensor([0.0, 0.5]), -torch.ones(2), torch.ones(2))
    sample = mppi.sample(state, 64, dice())
    assert mppi.update(state, sample, quadratic(sample)).mean.isfinite().all()


def test_dial_begins_bold_and_far_and_ends_fine():
    dial = DIAL(DIALConfig(iterations=2, anneal=0.5, far=0.25))
    state = start(dial, knots=3, size=1)
    torch.testing.assert_close(state.std[:, 0], torch.tensor([0.125, 0.25, 0.5]))
    sample = dial.sample(state, 8, dice())
    moved = dial.update(state, sample, quadratic(sample))
    torch.testing.assert_close(moved.std, 0.5 * state.std)
    plain = MPPI(MPPIConfig()).update(state, sample, quadratic(sample))
    torch.testing.assert_close(moved.mean, plain.mean)
    assert start(dial, knots=1).std.unique() == 0.5


def test_predictive_sampling_takes_the_best():
    best = PredictiveSampling()
    state = start(best)
    sample = best.sample(state, 50, dice())
    assert torch.equal(best.update(state, sample, quadratic(sample)).mean, sample[quadratic(sample).argmin()])


@pytest.mark.parametrize(
    ("config", "changes", "named"),
    [
        (MPPIConfig, {"temperature": 0.0}, "temperature"),
        (MPPIConfig, {"importance": 1.5}, "importance"),
        (DIALConfig, {"anneal": 1.5}, "anneal"),
        (DIALConfig, {"far": 0.0}, "far"),
    ],
)
def test_impossible_settings_are_named(config, changes, named):
    with pytest.raises(ConfigError, match=named):
        config(**changes)
