"""Risks over the members of an ensemble, per term and over a whole objective; chance constraints."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearse.errors import ConfigError
from rehearse.planner import (
    CEM,
    MPC,
    CEMConfig,
    Chance,
    Disagreement,
    Effort,
    Futures,
    Hazard,
    Over,
    Reach,
    cvar,
    mean_plus_std,
)
from rehearse.planner.objectives import RISKS, mean, risk_of, worst
from tests.planner.point_mass import AT_REST, PointMass, config, generator

costs_of_members = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=9)


def rockafellar_uryasev(costs, alpha):
    """min over z of z + Σ max(c - z, 0) / (α K); the minimum lies at one of the costs."""
    return min(z + sum(max(c - z, 0) for c in costs) / (alpha * len(costs)) for z in costs)


@given(costs_of_members, st.floats(0.01, 1.0))
@settings(deadline=None)
def test_cvar_is_the_minimum_that_defines_it(costs, alpha):
    found = cvar(alpha)(torch.tensor(costs, dtype=torch.float64)).item()
    assert found == pytest.approx(rockafellar_uryasev(costs, max(alpha, 1 / len(costs))), abs=1e-6)


def test_cvar_weighs_the_member_on_the_border_by_its_share():
    costs = torch.tensor([1.0, 2.0, 3.0, 6.0, 10.0])[:, None]
    assert cvar(0.5)(costs).item() == pytest.approx((10 + 6 + 0.5 * 3) / 2.5)
    assert cvar(0.3)(costs).item() == pytest.approx((10 + 0.5 * 6) / 1.5)
    assert cvar(0.6)(costs).item() == pytest.approx(19 / 3)
    assert cvar(0.01)(costs) == 10
    assert cvar(1.0)(costs).item() == pytest.approx(4.4)


@given(costs_of_members)
@settings(deadline=None)
def test_risks_lie_between_the_mean_and_the_worst(costs):
    costs = torch.tensor(costs)[:, None]
    assert mean(costs) <= worst(costs) + 1e-4
    for alpha in (0.1, 0.5, 0.9):
        assert mean(costs) - 1e-4 <= cvar(alpha)(costs) <= worst(costs) + 1e-4
    assert mean_plus_std(2.0)(costs).item() == pytest.approx(
        mean(costs).item() + 2 * costs.std(correction=0).item(), abs=1e-3
    )


def test_one_member_leaves_nothing_to_be_pessimistic_about():
    for risk in (mean, worst, cvar(0.3), mean_plus_std()):
        assert risk(torch.tensor([[7.0]])) == 7
        assert risk(torch.tensor([[1.0], [torch.nan]])).isnan()
    with pytest.raises(ConfigError, match="alpha"):
        cvar(0.0)


# Members 0, 1 and 2; futures 0 and 1; two steps. Member 0 thinks future 0 slow, member 1 thinks it dangerous.
PROGRESS = torch.tensor([[[0.0, 0.0], [0.5, 0.5]], [[1.0, 1.0], [0.5, 0.5]], [[1.0, 1.0], [0.5, 0.5]]])
WOKEN = torch.tensor([[[0.0, 0.0], [0.0, 0.2]], [[0.0, 0.5], [0.0, 0.2]], [[0.0, 0.0], [0.0, 0.2]]])
FUTURES = Futures(None, {"progress": PROGRESS, "woken": WOKEN}, torch.tensor([[0.2, 0.4], [0.0, 0.0]]))
ACTIONS = torch.zeros(2, 2, 1)
STORY = Reach("progress") + 2 * Hazard("woken")
BY_MEMBER = torch.tensor([[1.0, 0.9], [1.0, 0.9], [0.0, 0.9]])  # (K,N) prices of the whole story


@pytest.mark.parametrize("risk", [*RISKS, cvar(0.4), mean_plus_std(3.0)])
def test_risk_over_the_whole_objective_prices_each_members_story(risk):
    expected = risk_of(risk)(BY_MEMBER)
    over = Over(STORY, risk=risk)
    torch.testing.assert_close(over(FUTURES, ACTIONS), expected)
    torch.testing.assert_close(over.value(FUTURES, ACTIONS), expected)
    torch.testing.assert_close((3 * over + Effort())(FUTURES, ACTIONS), 3 * expected)


def test_the_worst_story_is_less_bad_than_the_worst_of_every_term():
    whole = Over(STORY, risk="worst")(FUTURES, ACTIONS)
    each = (Reach("progress", risk="worst") + 2 * Hazard("woken", risk="worst"))(FUTURES, ACTIONS)
    torch.testing.assert_close(whole, torch.tensor([1.0, 0.9]))
    torch.testing.assert_close(each, torch.tensor([2.0, 0.9]))


def test_its_parts_tell_the_average_and_what_caution_adds():
    parts = (0.5 * Over(STORY, risk="worst") + 2 * Disagreement()).parts(FUTURES, ACTIONS)
    assert list(parts) == ["reach progress", "hazard woken", "caution", "disagreement"]
    torch.testing.assert_close(parts["reach progress"], 0.5 * torch.tensor([1 / 3, 0.5]))
    torch.testing.assert_close(parts["hazard woken"], 0.5 * torch.tensor([1 / 3, 0.4]))
    torch.testing.assert_close(parts["caution"], 0.5 * torch.tensor([1 / 3, 0.0]))


def test_over_shares_what_has_one_view_and_works_without_signals():
    shared = Futures(None, {"progress": PROGRESS[:1], "woken": WOKEN}, torch.zeros(2, 2))
    expected = torch.tensor([[1.0, 0.9], [2.0, 0.9], [1.0, 0.9]])
    torch.testing.assert_close(Over(STORY, risk="mean")(shared, ACTIONS), expected.mean(0))
    nothing = Futures(None, {}, torch.zeros(2, 2))
    assert Over(Effort())(nothing, torch.ones(2, 2, 1)).tolist() == [1.0, 1.0]


def test_over_works_out_no_signal_that_nobody_asks_for():
    class Lazy(dict):
        def __getitem__(self, name):
            assert name == "progress"
            return super().__getitem__(name)

    lazy = Futures(None, Lazy(progress=PROGRESS, woken=WOKEN), torch.zeros(2, 2))
    torch.testing.assert_close(Over(Reach("progress"), "worst")(lazy, ACTIONS), torch.tensor([1.0, 0.5]))


def chances(*probabilities):
    """Futures (N) of one step, in each of which the event has this probability."""
    return Futures(None, {"woken": torch.tensor(probabilities)[None, :, None]}, torch.zeros(len(probabilities), 1))


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 5, width=32)), min_size=2, max_size=8),
    st.sampled_from([0.0, 0.02, 0.5]),
)
@settings(deadline=None)
def test_a_chance_constraint_comes_before_everything_else(candidates, at_most):
    probability, rest = (list(column) for column in zip(*candidates, strict=True))
    futures, actions = chances(*probability), torch.zeros(len(rest), 1, 1)
    costs = (Chance("woken", at_most) + (lambda futures, actions: torch.tensor(rest)))(futures, actions)
    assert costs.isfinite().all()
    limit = torch.tensor(at_most).item()
    for i in range(len(rest)):
        for j in range(len(rest)):
            holds = probability[i] <= limit, probability[j] <= limit
            if holds == (True, False):
                assert costs[i] < costs[j]
            if holds == (True, True) and rest[i] < rest[j]:
                assert costs[i] < costs[j], "where it holds, the rest decides, to the last digit"
            if holds == (False, False) and probability[j] - probability[i] > 0.0006:
                assert costs[i] < costs[j], "of violations the least, as far as the price resolves"


def test_a_chance_asks_the_ensemble_as_a_whole_or_each_member():
    assert Chance("woken", at_most=0.2)(FUTURES, ACTIONS).tolist() == [0.0, 0.0]
    each = Chance("woken", at_most=0.2, risk="worst")(FUTURES, ACTIONS)
    assert each[0].item() == pytest.approx(1e4 * 1.3)
    assert each[1] == 0
    steps = Futures(None, {"woken": torch.tensor([[[0.1, 0.1]]])}, torch.zeros(1, 2))
    assert Chance("woken", at_most=0.15)(steps, ACTIONS[:1]) == 0
    assert Chance("woken", at_most=0.15, latched=False)(steps, ACTIONS[:1]) > 0
    assert Chance("woken", at_most=0.0)(chances(math.nan), ACTIONS[:1]).isnan()
    with pytest.raises(ConfigError, match="at_most"):
        Chance("woken", at_most=1.0)


def test_a_planner_keeps_the_constraint_where_a_price_does_not():
    """The goal lies beyond the disc: for a low price of being hit the way through it is cheapest."""
    search = CEM(CEMConfig(futures=256))
    hit = {}
    for name, danger in (("price", 0.1 * Hazard("hit")), ("constraint", Chance("hit", at_most=0.02, risk="worst"))):
        plan = MPC(PointMass(), Reach("progress") + danger, search, config()).plan(AT_REST, 0.0, generator())
        hit[name] = plan.kept[0].signals["hit"].max()
    assert hit["price"] > 0.5
    assert hit["constraint"] <= 0.02
