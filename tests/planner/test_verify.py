"""Draft then verify, gradient refinement inside MPC, and what is carried on from the last decision."""

import numpy as np
import pytest
import torch

from rehearse.errors import ConfigError
from rehearse.planner import (
    MPC,
    CEMConfig,
    Futures,
    Gradient,
    MPCConfig,
    PlanningError,
    TrustConfig,
    Verifier,
    evaluate,
)
from tests.planner.point_mass import AT_REST, OBJECTIVE, PERIOD_S, PointMass, Spoiled, config, generator
from tests.planner.rooms import Rooms


class Blind(PointMass):
    """A quick draft that does not know the hazard."""

    def imagine(self, belief, actions):
        futures = super().imagine(belief, actions)
        nothing = torch.zeros_like(futures.signals["hit"])
        return Futures(None, {**futures.signals, "hit": nothing}, futures.disagreement)


def mpc(dynamics, **given):
    changes = given.pop("config", {})
    return MPC(dynamics, OBJECTIVE, CEMConfig(futures=128, iterations=1), config(**changes), **given)


def true_cost(plan):
    actions = torch.from_numpy(plan.actions[None])
    dynamics = PointMass()
    return float(OBJECTIVE(dynamics.imagine(dynamics.observe(AT_REST), actions), actions))


def test_the_verifier_has_the_last_word():
    drafted = mpc(Blind()).plan(AT_REST, 0.0, generator())
    verified = mpc(Blind(), verifier=Verifier(PointMass(), best=32)).plan(AT_REST, 0.0, generator())
    assert verified.cost == pytest.approx(true_cost(verified))
    assert verified.cost < true_cost(drafted)
    assert verified.health["verified"] == 32
    assert verified.health["overturned"] == 1
    assert verified.futures == 128
    ranks = [candidate.rank for candidate in verified.kept]
    assert ranks == sorted(set(ranks))
    assert ranks[:8] == list(range(8))
    assert ranks[-1] == 127
    np.testing.assert_array_equal(verified.kept[0].actions, verified.actions)


def test_a_verifier_that_agrees_overturns_nothing():
    plan = mpc(PointMass(), verifier=Verifier(PointMass())).plan(AT_REST, 0.0, generator())
    alone = mpc(PointMass()).plan(AT_REST, 0.0, generator())
    assert plan.health["overturned"] == 0
    np.testing.assert_array_equal(plan.actions, alone.actions)
    assert plan.cost == pytest.approx(alone.cost)


def test_all_drafts_may_be_verified():
    plan = mpc(Blind(), verifier=Verifier(PointMass(), best=200)).plan(AT_REST, 0.0, generator())
    assert plan.health["verified"] == 128
    assert len(plan.kept) == 8


def test_a_short_draft_is_verified_over_the_whole_horizon():
    asked = []

    class Watched(PointMass):
        def imagine(self, belief, actions):
            asked.append(tuple(actions.shape[:2]))
            return super().imagine(belief, actions)

    dynamics = Watched()
    plan = mpc(dynamics, config={"draft_horizon": 3}, verifier=Verifier(dynamics, best=4)).plan(AT_REST, 0, generator())
    assert asked == [(128, 3), (4, 12)]
    assert plan.actions.shape == (12, 2)


def test_nothing_that_the_verifier_cannot_price_is_done():
    with pytest.raises(PlanningError, match="none of the best 8 drafts"):
        mpc(PointMass(), verifier=Verifier(Spoiled(each=1))).plan(AT_REST, 0.0, generator())


def test_settings_that_do_not_fit_are_named():
    with pytest.raises(ConfigError, match="needs a verifier"):
        mpc(PointMass(), config={"draft_horizon": 3})
    trusting = MPCConfig(action_low=(-1.0,) * 2, action_high=(1.0,) * 2, rest=(0.0,) * 2, trust=TrustConfig((1.0,)))
    with pytest.raises(ConfigError, match="a verifier imagines in its place"):
        MPC(Rooms(), OBJECTIVE, CEMConfig(), trusting, verifier=Verifier(Rooms(), best=1))
    with pytest.raises(ConfigError, match="draft_horizon must lie in 1"):
        config(draft_horizon=13)
    with pytest.raises(ConfigError, match="best must be at least 1"):
        Verifier(PointMass(), best=0)


def test_refinement_only_ever_helps():
    plain = mpc(PointMass()).plan(AT_REST, 0.0, generator())
    refined = mpc(PointMass(), refine=Gradient()).plan(AT_REST, 0.0, generator())
    assert refined.cost < plain.cost
    assert refined.cost == pytest.approx(true_cost(refined), rel=1e-5)
    assert refined.futures == 128 + 4
    assert np.abs(refined.actions).max() <= 1


def test_what_was_best_is_tried_again_a_step_later():
    carrying = mpc(PointMass(), config={"carry": 4})
    first = carrying.plan(AT_REST, 0.0, generator())
    carrying.optimizer = type(carrying.optimizer)(CEMConfig(futures=16, iterations=1))
    seen = []
    carrying.limits = lambda history, actions: seen.append(actions) or actions
    carrying.plan(AT_REST, PERIOD_S, generator())
    line, last = carrying.timeline, np.stack([candidate.actions for candidate in first.kept[:4]])
    for candidate, again in zip(last, seen[0][-4:].numpy(), strict=True):
        knots = evaluate(line.step_offsets_s, candidate, PERIOD_S + line.knot_offsets_s, "linear")
        np.testing.assert_allclose(
            again, evaluate(line.knot_offsets_s, knots, line.step_offsets_s, "linear"), atol=1e-5
        )
