"""The cross-entropy method and iCEM on costs known in closed form."""

import pytest
import torch

from rehearse.errors import ConfigError
from rehearse.planner import CEM, ICEM, CEMConfig, ICEMConfig, coloured
from tests.planner.searching import dice, quadratic, search, start


def test_finds_the_minimum_and_narrows():
    state, _, _ = search(CEM(CEMConfig(futures=512)))
    assert (state.mean - 0.4).abs().max() < 0.05
    assert state.std.max() < 0.2
    assert (state.std >= state.std_min).all()


def test_minimum_beyond_the_bounds_ends_on_them():
    state, _, _ = search(CEM(CEMConfig(futures=512)), lambda knots: quadratic(knots, target=3.0))
    assert state.mean.min() > 0.8


def test_the_fit_is_the_mean_and_the_std_of_the_cheapest():
    cem = CEM(CEMConfig(elite_fraction=0.1, std_min=0.0))
    state = start(cem)
    sample = cem.sample(state, 50, dice())
    elites = sample[quadratic(sample).argsort()[:5]]
    fitted = cem.update(state, sample, quadratic(sample))
    torch.testing.assert_close(fitted.mean, elites.mean(0))
    torch.testing.assert_close(fitted.std, elites.std(0, correction=0))
    smoothed = CEM(CEMConfig(elite_fraction=0.1, std_min=0.0, smoothing=0.25)).update(state, sample, quadratic(sample))
    torch.testing.assert_close(smoothed.mean, 0.75 * elites.mean(0) + 0.25 * state.mean)
    torch.testing.assert_close(smoothed.std, 0.75 * elites.std(0, correction=0) + 0.25 * state.std)


@pytest.mark.parametrize("keep", [0.3, 1.0])
def test_best_of_all_iterations_is_remembered(keep):
    cem, generator = CEM(CEMConfig(keep=keep)), dice()
    state, seen = start(cem), []
    for cost_offset in (0.0, 100.0, 100.0):  # everything after the first population is worse
        sample = cem.sample(state, 32, generator)
        seen.append(quadratic(sample) + cost_offset)
        state = cem.update(state, sample, seen[-1])
    assert state.elite_costs[0] == torch.cat(seen).min()
    torch.testing.assert_close(quadratic(state.elites)[0], torch.cat(seen).min())


def test_only_the_share_of_elites_that_is_kept_competes_again():
    worse = lambda knots: quadratic(knots) + 100  # noqa: E731
    for keep, again in ((0.0, 0), (0.3, 1), (0.5, 2), (1.0, 3)):
        cem, generator = CEM(CEMConfig(keep=keep)), dice()
        sample = cem.sample(start(cem), 32, generator)
        state = cem.update(start(cem), sample, quadratic(sample))
        sample = cem.sample(state, 32, generator)
        assert int((cem.update(state, sample, worse(sample)).elite_costs < 100).sum()) == again


def test_std_per_dimension():
    cem = CEM()
    state = cem.init(torch.zeros(3, 2), torch.tensor([0.0, 0.5]), -torch.ones(2), torch.ones(2))
    sample = cem.sample(state, 64, dice())
    assert sample[..., 0].abs().max() == 0
    assert sample[..., 1].std() > 0.3


def drawn(knots, colour, n=20_000):
    return coloured(torch.randn(n, knots, 2, generator=dice()), colour)


@pytest.mark.parametrize("knots", [1, 2, 3, 4, 5, 12])
@pytest.mark.parametrize("colour", [0.0, 1.0, 2.0, 3.5])
def test_coloured_noise_has_unit_variance_and_its_neighbours_agree(knots, colour):
    noise = drawn(knots, colour)
    assert noise.shape == (20_000, knots, 2)
    torch.testing.assert_close(noise.std(0), torch.ones(knots, 2), atol=0.03, rtol=0)
    assert (noise[..., 0] * noise[..., 1]).mean().abs() < 0.03, "dimensions have nothing to do with each other"
    if knots > 1:
        together = (noise[:, 0] * noise[:, 1]).mean()
        assert together > 0.25 * min(colour, 2.0) if colour else abs(together) < 0.03


@pytest.mark.parametrize("colour", [1.0, 2.0])
def test_the_spectrum_of_coloured_noise_falls_as_it_says(colour):
    """Over the middle of the band; at its ends the finite window smears it."""
    noise = drawn(64, colour, n=4000)[..., 0] * torch.hann_window(64)
    power = torch.fft.rfft(noise).abs().square().mean(0)
    octaves = torch.log2(power[4] / power[16]) / 2
    assert octaves.item() == pytest.approx(colour, abs=0.1)


def test_icem_imagines_no_elite_twice():
    icem, generator = ICEM(ICEMConfig(futures=512)), dice()
    sample = icem.sample(start(icem), 100, generator)
    state = icem.update(start(icem), sample, quadratic(sample))
    again = icem.sample(state, 100, generator)
    assert not (again[:, None] == state.elites).all((2, 3)).any()
    after = icem.update(state, again, quadratic(again))
    assert len(after.elites.unique(dim=0)) == len(after.elites)


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        (CEMConfig, {"elite_fraction": 0.0}),
        (CEMConfig, {"smoothing": 1.0}),
        (CEMConfig, {"std_min": -0.1}),
        (CEMConfig, {"keep": 2.0}),
        (ICEMConfig, {"colour": -1.0}),
    ],
)
def test_impossible_settings_are_refused(config, setting):
    with pytest.raises(ConfigError, match=f"cem: {next(iter(setting))}"):
        config(**setting)
