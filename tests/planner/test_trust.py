"""Self-evaluation: how surprise shortens the horizon, throws the plan away, and stops the robot; and braking."""

import numpy as np
import pytest
import torch

from rehearse.errors import ConfigError
from rehearse.planner import MPC, CEMConfig, MPCConfig, Reach, Toward, Trust, TrustConfig
from rehearse.planner.braking import come_to_rest
from rehearse.planner.trust import HOLD, REPLAN, SHORT, TRUST
from tests.planner.point_mass import OBJECTIVE, PERIOD_S, PointMass, generator
from tests.planner.rooms import Rooms, moved

CONFIG = TrustConfig(typical=(0.01, 0.04), calm=2.0, surprised=4.0, gross=100.0, memory=0.0, shortest=3)


def test_trust_goes_down_a_ladder_and_up_again():
    trust = Trust(CONFIG, 10, PERIOD_S)
    story = [None, 1.0, 5.0, 5.0, 3.0, 5.0, 5.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0, None]
    judged = [trust.judge(surprise) for surprise in story]
    down, up = [TRUST, TRUST, SHORT, SHORT, SHORT, REPLAN, HOLD, HOLD], [REPLAN, SHORT, SHORT, TRUST, TRUST, TRUST]
    assert [each.mode for each in judged] == down + up
    assert [each.horizon for each in judged] == [10, 10, 5, 3, 3, 3, 3, 3, 3, 3, 5, 10, 10, 10]


def test_a_gross_surprise_holds_at_once():
    trust = Trust(CONFIG, 10, PERIOD_S)
    assert trust.judge(100.0).mode == HOLD
    assert trust.judge(1.0).mode == REPLAN
    trust.reset()
    assert trust.judge(None) == (10, TRUST)


def test_a_gross_surprise_is_remembered_for_a_while():
    trust = Trust(TrustConfig(typical=(1.0,), memory=0.5), 10, PERIOD_S)
    modes = [trust.judge(surprise).mode for surprise in (1.0, 400.0, *[0.5] * 12)]
    assert modes[1:5] == [HOLD] * 4
    assert modes[-1] == TRUST
    assert modes.index(TRUST, 1) > 8


@pytest.mark.parametrize("surprise", [float("nan"), float("inf")])
def test_a_surprise_that_is_no_number_holds_and_passes(surprise):
    trust = Trust(CONFIG, 10, PERIOD_S)
    assert trust.judge(surprise).mode == HOLD
    assert [trust.judge(1.0).mode for _ in range(4)][-1] == TRUST


def test_a_horizon_that_is_short_already_is_not_made_longer():
    assert Trust(CONFIG, 2, PERIOD_S).judge(999.0).horizon == 2


def test_surprise_is_measured_in_what_is_typical_so_far_ahead():
    dynamics = Rooms()
    for step, expected in enumerate((100.0, 25.0, 25.0)):
        trust = Trust(CONFIG, 10, PERIOD_S)
        trust.expect(PERIOD_S * np.arange(1, 4), np.zeros((3, 2)))
        _, health = trust.look(dynamics, None, torch.ones(2), PERIOD_S * (step + 1))
        assert health["surprise"] == pytest.approx(expected)
    assert "surprise" not in trust.look(dynamics, None, torch.ones(2), PERIOD_S * 9)[1]


def test_who_cannot_make_sense_of_what_it_sees_holds_for_as_long_as_that_lasts():
    class Blinking(Rooms):
        def blindness(self, history, belief):
            return history

    trust, modes = Trust(CONFIG, 10, PERIOD_S), []
    for blindness in (0.02, 0.03, 0.3, 0.3, 0.3, 0.02, 0.02, 0.02, 0.02):
        trust.expect(np.zeros(1), np.zeros((1, 2)))
        judgement, health = trust.look(Blinking(), blindness, torch.zeros(2), 0.0)
        modes.append(judgement.mode)
    assert modes == [TRUST, TRUST, HOLD, HOLD, HOLD, REPLAN, SHORT, SHORT, TRUST]
    assert health["blindness"] == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", [{"typical": ()}, {"typical": (0.0,)}, {"calm": 11.0}, {"memory": 1.0}])
def test_settings_that_make_no_sense_are_named(wrong):
    with pytest.raises(ConfigError, match="trust: "):
        TrustConfig(**{"typical": (1.0,), **wrong})


def walker(**changes):
    config = MPCConfig((-1.0, -1.0), (1.0, 1.0), horizon=8, rest=(0.0, 0.0), trust=CONFIG, **changes)
    return MPC(Rooms(), Toward(torch.tensor([-0.2, 0.4])), CEMConfig(futures=64), config)


def walk(mpc, steps, carried_off=lambda t, position: position):
    """Plans of a closed loop; ``carried_off`` is what else happens to the robot."""
    position, dice, plans = torch.tensor([-0.9, -0.9]), generator(), []
    for t in range(steps):
        plans.append(mpc.plan(position.numpy(), PERIOD_S * t, dice))
        position = carried_off(t, moved(position[None], torch.from_numpy(plans[-1].actions[:1]))[0])
    return plans


def test_in_a_world_as_imagined_nothing_changes():
    plans = walk(walker(), 8)
    assert {plan.mode for plan in plans} == {TRUST}
    assert all(plan.health["surprise"] < 1e-6 for plan in plans[1:])
    assert "surprise" not in plans[0].health
    assert all(plan.actions.shape == (8, 2) for plan in plans)


def test_a_robot_that_is_carried_off_holds_and_then_goes_on():
    plans = walk(walker(), 10, lambda t, p: p + torch.tensor([1.4, 1.4]) if t == 2 else p)
    assert [plan.mode for plan in plans] == [*[TRUST] * 3, HOLD, REPLAN, SHORT, SHORT, *[TRUST] * 3]
    assert np.abs(plans[3].actions).max() == 0
    assert plans[3].futures == 1
    assert [len(plan.actions) for plan in plans] == [8, 8, 8, 3, 3, 3, 4, 8, 8, 8]
    assert [len(plan.times_s) for plan in plans] == [len(plan.actions) for plan in plans]


def test_committed_actions_count_as_imagined():
    mpc, dice = walker(), generator()
    position, committed = torch.tensor([-0.9, -0.9]), np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    mpc.plan(position.numpy(), 2 * PERIOD_S, dice, committed)
    position = moved(position[None], torch.from_numpy(committed[:1]))[0]
    plan = mpc.plan(position.numpy(), 3 * PERIOD_S, dice, committed)
    assert plan.health["surprise"] < 1e-6


def test_trust_needs_moments_and_a_way_to_stand_still():
    with pytest.raises(ConfigError, match="no `moment"):
        MPC(PointMass(), OBJECTIVE, CEMConfig(), MPCConfig((-1.0,), (1.0,), rest=(0.0,), trust=CONFIG))
    with pytest.raises(ConfigError, match="rest"):
        MPCConfig((-1.0,), (1.0,), trust=CONFIG)


def test_every_plan_can_be_sent_with_a_braking_tail():
    config = MPCConfig((-1.0, -1.0), (1.0, 1.0), rest=(0.0, 0.5), commit_steps=3, brake_steps=4)
    plan = MPC(PointMass(), Reach("progress"), CEMConfig(futures=16), config).plan((np.ones(2),) * 2, 0.0, generator())
    np.testing.assert_array_equal(plan.to_rest[:3], plan.actions[:3])
    np.testing.assert_allclose(plan.to_rest[-1], [0.0, 0.5], atol=1e-7)
    assert plan.to_rest.shape == (7, 2)
    steps = np.diff(plan.to_rest[2:], axis=0)
    np.testing.assert_allclose(steps, steps[:1].repeat(4, 0), atol=1e-6)


def test_braking_of_a_plan_that_is_shorter_than_what_is_committed():
    np.testing.assert_allclose(come_to_rest(np.ones((1, 1)), 5, (0.0,), 2)[:, 0], [1.0, 0.5, 0.0])
    with pytest.raises(ConfigError, match="braking"):
        come_to_rest(np.ones((1, 1)), 1, (0.0,), 0)


def test_without_a_way_to_stand_still_there_is_no_tail():
    config = MPCConfig((-1.0, -1.0), (1.0, 1.0))
    plan = MPC(PointMass(), OBJECTIVE, CEMConfig(futures=4), config).plan((np.ones(2),) * 2, 0.0, generator())
    assert plan.to_rest is None
