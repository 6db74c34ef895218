"""How many layouts are enough: against published sizes, and against what then happens when one draws."""

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.power import discordance, layouts_needed, loss_caught


def needed(before, after, power=0.8, delta=0.05):
    plans = layouts_needed(before, after, delta)
    return {(plan.test, plan.layout): plan.n for plan in plans if plan.power == power}


@pytest.mark.parametrize(("before", "after"), [(0.5, 0.8), (0.8, 0.9), (0.95, 0.9)])
def test_unpaired_sizes_are_those_of_the_usual_formula(before, after):
    mean, spread = (before + after) / 2, before * (1 - before) + after * (1 - after)
    n = ((1.95996 * (2 * mean * (1 - mean)) ** 0.5 + 0.84162 * spread**0.5) / (after - before)) ** 2
    assert needed(before, after)["different", "unpaired, each"] == pytest.approx(n, abs=1)


def test_pairing_helps_the_more_the_more_alike_and_power_costs():
    found = needed(0.8, 0.9)
    paired = [
        found["different", f"paired, {how}"] for how in ("as alike as can be", "correlated by a half", "unrelated")
    ]
    assert paired == sorted(paired)
    assert paired[0] < found["different", "unpaired, each"] / 2
    assert all(
        found["gate", layout] > n
        for (test, layout), n in found.items()
        if test != "gate" and layout != "unpaired, each"
    )
    assert all(n > found[key] for key, n in needed(0.8, 0.9, 0.9).items())
    assert not [key for key in needed(0.8, 0.84) if key[0] == "gate"], "a gate with 5 points cannot see 4"


def test_paired_sizes_are_connors():
    """Unrelated outcomes at 0.5 and 0.8: half of the pairs differ."""
    n = ((1.95996 * 0.5**0.5 + 0.84162 * (0.5 - 0.09) ** 0.5) / 0.3) ** 2
    assert needed(0.5, 0.8)["different", "paired, unrelated"] == pytest.approx(n, abs=1)


def test_a_gate_with_as_many_layouts_as_advised_catches_what_it_should():
    found = needed(0.9, 0.8)
    most = loss_caught(0.9, found["gate", "paired, as alike as can be"], 0.1, 0.05)[1]
    least = loss_caught(0.9, found["gate", "paired, unrelated"], 0.1, 0.05)[0]
    assert most == pytest.approx(0.8, abs=0.04)
    assert least == pytest.approx(0.8, abs=0.04)


def test_no_loss_is_seldom_caught_and_an_impossible_one_never():
    assert max(loss_caught(0.9, 100, 0.0, 0.05)) < 0.02
    assert loss_caught(0.05, 100, 0.1, 0.05) == (0, 0)
    assert loss_caught(0.9, 5, 0.9, 0.05)[0] == 0, "five pairs are never clear"


def test_discordance_stays_possible():
    rng = np.random.default_rng(0)
    for before, after in rng.uniform(0.01, 0.99, (50, 2)):
        unrelated, alike = (discordance(before, after, correlation) for correlation in (0, 1))
        assert abs(after - before) <= alike <= unrelated <= 1


def test_rates_that_cannot_be_planned_for():
    with pytest.raises(ConfigError, match="between 0 and 1"):
        layouts_needed(80, 90, 0.05)
    with pytest.raises(ConfigError, match="same rate"):
        layouts_needed(0.8, 0.8, 0.05)
