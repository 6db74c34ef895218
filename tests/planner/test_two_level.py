"""Scout and two-level planning where greed ends at a wall."""

import numpy as np
import pytest
import torch

from rehearse.errors import ConfigError, DataError
from rehearse.planner import MPC, CEMConfig, MPCConfig, Scout, ScoutConfig, Toward, TwoLevel, TwoLevelConfig
from rehearse.planner.scout import spread
from tests.planner.point_mass import OBJECTIVE, PointMass, generator
from tests.planner.rooms import Rooms, moved

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


def test_an_old_path_is_renewed():
    planner, dice = two_level(renew=2), generator()
    scouted = [planner.plan(START, 0.2 * t, dice).health["scouted"] > 0 for t in range(5)]
    assert scouted == [True, False, True, False, True]


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="no `moment"):
        TwoLevel(MPC(PointMass(), OBJECTIVE, CEMConfig(futures=4), CONFIG), two_level().scout)
    scout = Scout(PointMass(), OBJECTIVE, ScoutConfig(), (-1.0, -1.0), (1.0, 1.0))
    with pytest.raises(DataError, match="imagine no latents"):
        scout.search(PointMass().observe((np.zeros(2), np.zeros(2))), generator())
    with pytest.raises(ConfigError, match="legs"):
        ScoutConfig(legs=0)
