"""Scout and two-level planning where greed ends at a wall."""

import dataclasses

import numpy as np
import pytest
import torch

from rehearse.errors import ConfigError, DataError
from rehearse.planner import (
    MPC,
    CEMConfig,
    Futures,
    MPCConfig,
    PlanningError,
    Scout,
    ScoutConfig,
    Toward,
    TrustConfig,
    TwoLevel,
    TwoLevelConfig,
    Verifier,
)
from rehearse.planner.scout import spread
from rehearse.planner.trust import HOLD
from tests.planner.point_mass import OBJECTIVE, PointMass, generator
from tests.planner.rooms import STEP, Rooms, moved

START, GOAL = np.array([-0.7, -0.6]), torch.tensor([0.7, -0.6])
CONFIG = MPCConfig(action_low=(-1.0, -1.0), action_high=(1.0, 1.0), horizon=10)


def low_level() -> MPC:
    return MPC(Rooms(), Toward(GOAL), CEMConfig(futures=128), CONFIG)


def two_level(**changes) -> TwoLevel:
    scout = Scout(Rooms(), Toward(GOAL), ScoutConfig(), (-1.0, -1.0), (1.0, 1.0))
    return TwoLevel(low_level(), scout, TwoLevelConfig(**changes))


def walk(planner, steps=60, seed=0):
    position, dice = torch.tensor(START, dtype=torch.float32), generator(seed)
    for t in range(steps):
        plan = planner.plan(position.numpy(), 0.2 * t, dice)
        position = moved(position[None], torch.from_numpy(plan.actions[:1]))[0]
        if (position - GOAL).norm() < 0.1:
            return t + 1, plan
    return None, plan


@pytest.mark.parametrize("seed", range(3))
def test_one_level_ends_at_the_wall_and_two_levels_go_through_the_door(seed):
    assert walk(low_level(), seed=seed)[0] is None
    steps, plan = walk(two_level(), seed=seed)
    assert steps is not None
    assert steps < 55  # the way through the door is 36 steps long at full speed along both axes
    assert plan.health["path_step"] >= 0


def test_the_path_goes_where_its_actions_lead_and_ends_at_the_goal():
    dynamics = Rooms()
    belief = dynamics.observe(START)
    path = Scout(dynamics, Toward(GOAL), ScoutConfig(), (-1.0, -1.0), (1.0, 1.0)).search(belief, generator())
    replayed = dynamics.imagine(belief, path.actions[None]).latents[0]
    torch.testing.assert_close(replayed, path.moments)
    assert (path.moments[-1] - GOAL).norm() < 0.25
    assert path.futures == 8 * 24 * 12


class GoingOn(Rooms):
    """Rooms that go on from where a history ended."""

    def go_on(self, belief, rows, actions):
        futures = self.imagine(belief.reshape(-1, 2)[rows], actions)
        return futures, futures.latents[:, -1]


def test_dynamics_that_go_on_find_the_same_path_with_fewer_steps():
    at_once, leg_by_leg = (
        Scout(dynamics, Toward(GOAL), ScoutConfig(), (-1.0, -1.0), (1.0, 1.0)).search(
            dynamics.observe(START), generator()
        )
        for dynamics in (Rooms(), GoingOn())
    )
    assert torch.equal(at_once.actions, leg_by_leg.actions)
    torch.testing.assert_close(at_once.moments, leg_by_leg.moments)


def test_a_path_that_leads_on_is_kept_and_one_that_does_not_is_shut():
    planner, dice = two_level(renew=2), generator()
    planner.plan(START, 0.0, dice)
    path, stuck = planner._path, planner._path.moments[8].numpy()
    for t in range(5):
        assert planner.plan(path.moments[2 * t].numpy(), 0.2 * t, dice).health["scouted"] == 0
    assert not planner._shut
    scouted = [planner.plan(stuck, 1 + 0.2 * t, dice).health["scouted"] > 0 for t in range(4)]
    assert any(scouted)
    assert planner._path is not path
    assert planner._shut


class Leaky(Rooms):
    """A model that believes in a second door, which there is not."""

    def imagine(self, belief, actions):
        position, track = belief.expand(len(actions), -1), []
        for action in actions.unbind(1):
            reached = (position + STEP * action.clamp(-1, 1)).clamp(-1, 1)
            leak = (position[:, 1] + 0.5).abs() < 0.25
            position = torch.where(leak[:, None], reached, moved(position, action))
            track.append(position)
        track = torch.stack(track, 1)
        return Futures(latents=track, signals={}, disagreement=torch.zeros(track.shape[:2]))


@pytest.mark.parametrize("seed", range(3))
def test_where_the_model_was_wrong_no_path_leads_again(seed):
    scout = Scout(Leaky(), Toward(GOAL), ScoutConfig(legs=10), (-1.0, -1.0), (1.0, 1.0))
    planner = TwoLevel(MPC(Leaky(), Toward(GOAL), CEMConfig(futures=128), CONFIG), scout)
    assert walk(planner, steps=200, seed=seed)[0] is not None
    assert planner._shut


@pytest.mark.parametrize("seed", range(3))
def test_what_has_not_arrived_yet_is_no_reason_to_shut_a_way(seed):
    planner, dice = two_level(), generator(seed)
    position, under_way = torch.tensor(START, dtype=torch.float32), [np.zeros(2, np.float32)] * 4
    for t in range(12):
        plan = planner.plan(position.numpy(), 0.2 * (t + 4), dice, committed=np.stack(under_way))
        under_way.append(plan.actions[0])
        position = moved(position[None], torch.from_numpy(under_way.pop(0))[None])[0]
    assert not planner._shut


def test_a_robot_that_was_told_to_hold_still_is_not_one_that_does_not_come_on():
    careful = dataclasses.replace(CONFIG, rest=(0.0, 0.0), trust=TrustConfig((1e-9,)))
    scout = Scout(Rooms(), Toward(GOAL), ScoutConfig(), (-1.0, -1.0), (1.0, 1.0))
    planner, dice = TwoLevel(MPC(Rooms(), Toward(GOAL), CEMConfig(futures=32), careful), scout), generator()
    modes = [planner.plan(START, 0.2 * t, dice).mode for t in range(20)]  # the picture never changes
    assert modes[3:] == [HOLD] * 17
    assert not planner._shut


def test_bold_legs_are_as_fast_as_they_may_be():
    scout = Scout(Rooms(), Toward(GOAL), ScoutConfig(bold=True, legs=3), (-1.0, -0.5), (1.0, 0.5))
    actions = scout.search(torch.tensor(START).float(), generator()).actions
    share = actions / torch.tensor([1.0, 0.5])
    torch.testing.assert_close(share.abs().amax(-1), torch.ones(len(actions)))


def test_same_seed_same_path():
    paths = [two_level().scout.search(torch.tensor(START).float(), generator(seed)) for seed in (1, 1, 2)]
    assert torch.equal(paths[0].actions, paths[1].actions)
    assert paths[0].actions.shape != paths[2].actions.shape or not torch.equal(paths[0].actions, paths[2].actions)


def test_of_equal_ends_the_shorter_path_is_taken():
    scout = Scout(Rooms(), Toward(torch.tensor([-0.5, -0.6])), ScoutConfig(), (-1.0, -1.0), (1.0, 1.0))
    path = scout.search(torch.tensor(START).float(), generator())
    assert len(path.moments) <= 12  # two legs


def test_spread_takes_the_cheap_and_the_far():
    ends = torch.tensor([[0.0, 0.0], [0.1, 0.0], [0.2, 0.0], [5.0, 0.0], [0.0, 7.0], [9.0, 9.0]])
    costs = torch.tensor([0.0, 0.1, 0.2, 3.0, 4.0, torch.inf])
    assert sorted(spread(ends, costs, None, 4).tolist()) == [0, 1, 3, 4]  # the last is far, but not usable
    assert spread(ends, costs, torch.tensor([[0.0, 7.0]]), 3).tolist() == [0, 1, 3]
    assert len(spread(ends, costs, None, 99)) == 6


def test_a_robot_that_was_carried_away_looks_for_a_new_path():
    planner, dice = two_level(), generator()
    assert planner.plan(START, 0.0, dice).health["scouted"] > 0
    assert planner.plan(START, 0.2, dice).health["scouted"] == 0
    assert planner.plan(np.array([0.9, 0.9]), 0.4, dice).health["scouted"] > 0


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="no `moment"):
        TwoLevel(MPC(PointMass(), OBJECTIVE, CEMConfig(futures=4), CONFIG), two_level().scout)
    scout = Scout(PointMass(), OBJECTIVE, ScoutConfig(), (-1.0, -1.0), (1.0, 1.0))
    with pytest.raises(DataError, match="imagine no latents"):
        scout.search(PointMass().observe((np.zeros(2), np.zeros(2))), generator())
    with pytest.raises(ConfigError, match="legs"):
        ScoutConfig(legs=0)
    seen = dataclasses.replace(CONFIG, horizon=4)
    with pytest.raises(ConfigError, match="a verifier does not know"):
        TwoLevel(MPC(Rooms(), Toward(GOAL), CEMConfig(), seen, verifier=Verifier(Rooms(), 2)), two_level().scout)
    with pytest.raises(PlanningError, match="scout: all"):
        scout_of(lambda futures, actions: torch.full((len(actions),), torch.nan)).search(
            torch.tensor(START).float(), generator()
        )


def scout_of(objective) -> Scout:
    return Scout(Rooms(), objective, ScoutConfig(), (-1.0, -1.0), (1.0, 1.0))


def test_legs_that_cannot_be_priced_make_no_other_good():
    legs = []

    def until_the_third(futures, actions):
        legs.append(Toward(GOAL)(futures, actions))
        return legs[-1] if len(legs) <= 3 else torch.full_like(legs[-1], torch.nan)

    path = scout_of(until_the_third).search(torch.tensor(START).float(), generator())
    assert path.cost == pytest.approx(float(min(leg.min() for leg in legs[:3])), rel=0.1)
