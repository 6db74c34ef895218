"""MPC on a point mass whose dynamics, hazard and goal are known exactly."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from rehearse.errors import ConfigError, DataError
from rehearse.planner import MPC, OPTIMIZERS, CEMConfig, Dynamics, PlanningError, Reach, basis, make_optimizer
from tests.planner.point_mass import (
    AT_REST,
    GOAL,
    HAZARD_RADIUS,
    OBJECTIVE,
    PERIOD_S,
    PointMass,
    Spoiled,
    config,
    drive,
    generator,
    planner,
)


@pytest.mark.parametrize("kind", ["zero", "linear", "cubic"])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("futures", [1, 2, 64])
@pytest.mark.parametrize("horizon", [1, 2, 12])
def test_shapes_times_bounds_and_budget(horizon, futures, size, kind):
    mpc = MPC(PointMass(size), OBJECTIVE, CEMConfig(futures=futures), config(size, horizon=horizon, spline=kind))
    for time_s in (1.7e9, 1.7e9 + PERIOD_S):
        plan = mpc.plan((np.ones(size), np.zeros(size)), time_s, generator())
        assert plan.actions.shape == (horizon, size)
        assert plan.actions.dtype == np.float32
        assert np.abs(plan.actions).max() <= 1
        np.testing.assert_allclose(plan.times_s - time_s, np.arange(horizon) * PERIOD_S, atol=1e-6)
        assert plan.futures == futures
        assert len(plan.kept) == min(futures, 16)
        assert all(np.isfinite(list(plan.health.values())))


@pytest.mark.parametrize("futures", [1, 8, 64, 512])
def test_plan_is_the_cheapest_of_all_that_was_imagined(futures):
    seen = []

    class Watched(PointMass):
        def imagine(self, belief, actions):
            out = super().imagine(belief, actions)
            seen.append(OBJECTIVE(out, actions))
            return out

    plan = planner(futures, Watched()).plan(AT_REST, 0.0, generator())
    assert plan.cost == pytest.approx(torch.cat(seen).min().item())
    assert len(torch.cat(seen)) == plan.futures == futures
    assert plan.cost <= plan.health["nominal_cost"]


def test_same_seed_same_plan_other_seed_other_plan():
    plans = [planner().plan(AT_REST, 0.0, generator(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(plans[0].actions, plans[1].actions)
    assert plans[0].cost == plans[1].cost
    assert not np.array_equal(plans[0].actions, plans[2].actions)


def test_one_future_is_the_nominal():
    plan = planner(1, initial_mean=(0.25, -0.5)).plan(AT_REST, 0.0, generator())
    np.testing.assert_allclose(plan.actions, np.tile([0.25, -0.5], (12, 1)))


def test_goes_round_the_hazard_and_arrives():
    track = drive(planner(256), 30)
    assert np.linalg.norm(track, axis=-1).min() > HAZARD_RADIUS
    assert np.linalg.norm(track[-1] - GOAL.numpy()) < 0.1


def test_without_the_hazard_term_it_goes_straight_through():
    mpc = MPC(PointMass(), Reach("progress"), CEMConfig(futures=256), config())
    assert np.linalg.norm(drive(mpc, 30), axis=-1).min() < HAZARD_RADIUS


def test_more_futures_are_better_on_average():
    costs = [
        np.mean([planner(futures).plan(AT_REST, 0.0, generator(seed)).cost for seed in range(20)])
        for futures in (1, 8, 64, 512)
    ]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == 4


@pytest.mark.parametrize("kind", ["zero", "linear"])
def test_next_decision_starts_from_the_previous_plan_by_time(kind):
    mpc = planner(64, knots=12, spline=kind)
    first = mpc.plan(AT_REST, 10.0, generator())
    mpc.optimizer = type(mpc.optimizer)(CEMConfig(futures=1))
    second = mpc.plan(AT_REST, 10.0 + 3 * PERIOD_S, generator())
    np.testing.assert_allclose(second.actions[:9], first.actions[3:], atol=1e-5)
    np.testing.assert_allclose(second.actions[9:], np.tile(first.actions[-1], (3, 1)), atol=1e-5)


@pytest.mark.parametrize("later_s", [-1.0, 12 * PERIOD_S])
def test_a_clock_set_back_or_a_plan_run_out_starts_afresh(later_s):
    mpc = planner()
    mpc.plan(AT_REST, 10.0, generator())
    again = mpc.plan(AT_REST, 10.0 + later_s, generator())
    np.testing.assert_array_equal(again.actions, planner().plan(AT_REST, 0.0, generator()).actions)


def test_reset_forgets():
    mpc = planner()
    first = mpc.plan(AT_REST, 0.0, generator())
    mpc.reset()
    np.testing.assert_array_equal(mpc.plan(AT_REST, PERIOD_S, generator()).actions, first.actions)


def test_candidates_that_are_nan_are_counted_and_never_chosen():
    plan = planner(64, Spoiled(each=2)).plan(AT_REST, 0.0, generator())
    assert plan.health["nonfinite"] == 32
    assert plan.health["nominal_cost"] == np.inf
    assert np.isfinite(plan.cost)
    assert np.isfinite(plan.actions).all()
    assert all(np.isfinite(candidate.cost) for candidate in plan.kept)
    assert json.loads(json.dumps(plan.to_dict(), allow_nan=False))["health"]["nominal_cost"] is None


def test_a_last_population_that_is_all_nan_leaves_the_earlier_best():
    class Tires(PointMass):
        calls = 0

        def imagine(self, belief, actions):
            self.calls += 1
            futures = super().imagine(belief, actions)
            return (
                futures
                if self.calls < 4
                else dataclasses.replace(
                    futures,
                    signals=dict.fromkeys(futures.signals, torch.full((1, *actions.shape[:2]), torch.nan)),
                )
            )

    tired, fresh = (
        planner(64, Tires()).plan(AT_REST, 0.0, generator()),
        planner(64).plan(AT_REST, 0.0, generator()),
    )
    assert tired.health["nonfinite"] == 16
    assert tired.health["effective_samples"] == 0
    assert tired.cost == sorted(c.cost for c in tired.kept)[0] >= fresh.cost


def test_all_nan_raises_and_the_next_decision_is_fresh():
    mpc = planner(64)
    mpc.plan(AT_REST, 0.0, generator())
    healthy, mpc.dynamics = mpc.dynamics, Spoiled(each=1)
    with pytest.raises(PlanningError, match="all 64 imagined futures"):
        mpc.plan(AT_REST, PERIOD_S, generator())
    mpc.dynamics = healthy
    fresh = planner(64).plan(AT_REST, 0.0, generator())
    np.testing.assert_array_equal(mpc.plan(AT_REST, PERIOD_S, generator()).actions, fresh.actions)


def ticking(mpc, tick_s=1.0):
    """The same planner with a clock that moves on by tick_s each time it is read."""
    ticks = itertools.count()
    return MPC(mpc.dynamics, mpc.objective, mpc.optimizer, mpc.config, clock=lambda: tick_s * next(ticks))


def test_deadline_returns_the_best_so_far():
    full = ticking(planner(64)).plan(AT_REST, 0.0, generator())
    rushed = ticking(planner(64, deadline_s=0.001)).plan(AT_REST, 0.0, generator())
    between = ticking(planner(64, deadline_s=4.0)).plan(AT_REST, 0.0, generator())
    assert [rushed.iterations, between.iterations, full.iterations] == [1, 2, 4]
    assert rushed.futures < between.futures < full.futures == 64
    assert rushed.cost >= between.cost >= full.cost


def test_kept_candidates_tell_the_story():
    plan = planner(64).plan(AT_REST, 0.0, generator())
    ranks = [candidate.rank for candidate in plan.kept]
    assert ranks[:8] == list(range(8))
    assert ranks[-1] == 63
    assert ranks == sorted(set(ranks))
    costs = [candidate.cost for candidate in plan.kept]
    assert costs == sorted(costs)
    assert costs[0] == plan.cost
    np.testing.assert_array_equal(plan.kept[0].actions, plan.actions)
    for candidate in plan.kept:
        assert candidate.actions.shape == (12, 2)
        assert {name: signal.shape for name, signal in candidate.signals.items()} == {
            "hit": (12,),
            "progress": (12,),
        }
        assert sum(candidate.parts.values()) == pytest.approx(candidate.cost)
    assert set(plan.kept[0].parts) == {"reach progress", "hazard hit"}
    assert len(json.loads(json.dumps(plan.to_dict()))["kept"]) == 16


def test_cubic_overshoot_is_clamped():
    zigzag = torch.tensor([-1.0, 1.0, 1.0, -1.0])[:, None].expand(1, 4, 2)  # its spline bulges above 1
    seen = []

    def overshoot(futures, actions):
        seen.append(actions)
        return actions.abs().amax((1, 2))

    mpc = MPC(PointMass(), overshoot, CEMConfig(futures=8), config(spline="cubic"))
    unclamped = torch.from_numpy(basis(mpc.timeline.knot_offsets_s, mpc.timeline.step_offsets_s, "cubic")).float()
    mpc.proposers = [lambda history, belief, times_s: unclamped @ zigzag]
    mpc.plan(AT_REST, 0.0, generator())
    assert seen[0][-1].max() == 1
    assert seen[0].abs().max() <= 1


def test_only_what_the_robot_can_do_is_imagined_and_given_out():
    histories, imagined = [], []

    def half_speed(history, actions):
        histories.append(history)
        return actions.clamp(-0.5, 0.5)

    class Watched(PointMass):
        def imagine(self, belief, actions):
            imagined.append(actions)
            return super().imagine(belief, actions)

    mpc = MPC(Watched(), Reach("progress"), CEMConfig(futures=64), config(), limits=half_speed)
    plan = mpc.plan(AT_REST, 0.0, generator())
    drawn = mpc.draw(AT_REST, 0.0, 32, generator())
    assert all(history is AT_REST for history in histories)
    assert torch.cat(imagined).abs().max() == 0.5
    assert np.abs(plan.actions).max() == 0.5
    assert drawn.shape == (32, 12, 2)
    assert drawn.abs().max() == 0.5


def test_committed_actions_begin_every_future_and_the_plan_is_made_for_what_they_lead_to():
    imagined = []

    class Watched(PointMass):
        def imagine(self, belief, actions):
            imagined.append(actions)
            return super().imagine(belief, actions)

    committed = np.array([[1.0, 0.0], [1.0, 0.5]])
    mpc = MPC(Watched(), Reach("progress"), CEMConfig(futures=128), config())
    plan = mpc.plan(AT_REST, 0.4, generator(), committed)
    actions = torch.cat(imagined)
    assert actions.shape == (128, 14, 2)
    np.testing.assert_array_equal(actions[:, :2], np.broadcast_to(committed, (128, 2, 2)))
    assert plan.actions.shape == (12, 2)
    np.testing.assert_allclose(plan.times_s, 0.4 + 0.2 * np.arange(12))
    # Told that it is already moving towards the goal, it brakes earlier than when it believes itself at rest.
    unaware = MPC(PointMass(), Reach("progress"), CEMConfig(futures=128), config()).plan(AT_REST, 0.4, generator())
    assert plan.actions[:, 0].sum() < unaware.actions[:, 0].sum()


@pytest.mark.parametrize("committed", [np.zeros((2, 3)), np.zeros(2), np.full((1, 2), np.nan)])
def test_committed_actions_that_do_not_fit_are_refused(committed):
    with pytest.raises(DataError, match="committed actions are"):
        planner().plan(AT_REST, 0.0, generator(), committed)


def test_wrong_shapes_are_named():
    shapeless = lambda history, belief, times_s: torch.zeros(1, 3)  # noqa: E731
    with pytest.raises(DataError, match=r"proposals of <lambda> are \(1, 3\)"):
        MPC(PointMass(), OBJECTIVE, CEMConfig(), config(), [shapeless]).plan(AT_REST, 0.0, generator())
    with pytest.raises(DataError, match="objective gave costs"):
        MPC(PointMass(), lambda futures, actions: actions.sum(-1), CEMConfig(), config()).plan(
            AT_REST, 0.0, generator()
        )
    with pytest.raises(DataError, match="no signal 'wet'"):
        MPC(PointMass(), Reach("wet"), CEMConfig(), config()).plan(AT_REST, 0.0, generator())


@pytest.mark.parametrize(
    "changes",
    [
        {"action_high": (1.0,)},
        {"action_high": (1.0, -1.0)},
        {"horizon": 0},
        {"knots": 0},
        {"period_s": 0.0},
        {"spline": "quintic"},
        {"initial_mean": (0.0,)},
        {"initial_std": (-1.0, 1.0)},
        {"initial_mean": (0.0, float("nan"))},
        {"action_high": (1.0, float("inf"))},
        {"period_s": float("nan")},
        {"rest": (0.0, float("nan"))},
        {"rest": (0.0, 5.0)},
        {"keep_best": 0},
        {"keep_rejected": -1},
    ],
)
def test_impossible_settings_are_refused(changes):
    with pytest.raises(ConfigError, match="mpc: "):
        dataclasses.replace(config(), **changes)


def test_the_point_mass_is_a_dynamics():
    assert isinstance(PointMass(), Dynamics)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_the_search_waits_for_no_number_on_the_device(name):
    """A GPU's work is queued ahead of it until a number is asked for; tensors without contents cannot give one."""
    optimizer = make_optimizer(name, 64)
    asks: list[int] = []
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        mpc = MPC(PointMass(), OBJECTIVE, optimizer, config(tempos=(0.0, 2.0), carry=2))
        decision = mpc.decide(AT_REST, 0.0, generator())

        def decide():
            ask = next(decision)
            while True:
                asks.append(len(ask.actions))
                ask = decision.send(mpc.dynamics.imagine(*ask))

        with pytest.raises(DataDependentOutputException):
            decide()
    assert asks == optimizer.populations()
    assert len(asks) > 1
