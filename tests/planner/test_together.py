"""Many robots' decisions at once are the decisions that each would have made alone."""

import numpy as np
import pytest
import torch

from rehearse.planner import PlanningError, Turn, plan_together
from tests.planner.point_mass import PERIOD_S, PointMass, Spoiled, generator, planner


class Many(PointMass):
    """Imagines for several beliefs by imagining for each, and counts how often it was asked."""

    asked = 0

    def imagine_many(self, beliefs, actions):
        self.asked += 1
        return [self.imagine(belief, each) for belief, each in zip(beliefs, actions, strict=True)]


def turns(dynamics, count, time_s=0.0, planners=None):
    planners = planners or [planner(32 * (1 + b % 2), dynamics) for b in range(count)]
    states = [(np.array([-1.0, 0.1 * b]), np.zeros(2)) for b in range(count)]
    return [Turn(mpc, state, time_s, generator(b)) for b, (mpc, state) in enumerate(zip(planners, states, strict=True))]


def test_together_as_alone_over_several_decisions():
    dynamics, planners, alone = Many(), None, None
    for time_s in (0.0, PERIOD_S):
        batch = turns(dynamics, 5, time_s, planners)
        planners = [turn.mpc for turn in batch]
        plans = plan_together(dynamics, batch)
        singly = turns(PointMass(), 5, time_s, alone)
        alone = [turn.mpc for turn in singly]
        for plan, turn in zip(plans, singly, strict=True):
            expected = turn.mpc.plan(turn.history, turn.time_s, turn.generator)
            np.testing.assert_array_equal(plan.actions, expected.actions)
            assert (plan.cost, plan.futures) == (expected.cost, expected.futures)


def test_the_dynamics_is_asked_once_per_iteration_and_not_per_robot():
    dynamics = Many()
    plans = plan_together(dynamics, turns(dynamics, 8))
    assert dynamics.asked == max(plan.iterations for plan in plans)


def test_robots_that_look_differently_far_are_served_too():
    dynamics = Many()
    planners = [planner(16, dynamics, horizon=horizon) for horizon in (4, 12, 4)]
    plans = plan_together(dynamics, turns(dynamics, 3, planners=planners))
    assert [len(plan.actions) for plan in plans] == [4, 12, 4]


def test_one_robots_trouble_is_its_own():
    class Uneven(Many):
        def imagine_many(self, beliefs, actions):
            spoiled = Spoiled(each=1)
            answers = super().imagine_many(beliefs, actions)
            return [
                spoiled.imagine(b, a) if b[0][1] > 0.15 else f
                for b, a, f in zip(beliefs, actions, answers, strict=True)
            ]

    dynamics = Uneven()
    plans = plan_together(dynamics, turns(dynamics, 3))
    assert isinstance(plans[2], PlanningError)
    assert plans[0].cost < torch.inf
    assert plans[1].cost < torch.inf


def test_nobody_to_plan_for():
    assert plan_together(Many(), []) == []


def test_other_errors_are_not_swallowed():
    dynamics = Many()
    batch = turns(dynamics, 2)
    batch[1].mpc.objective = lambda futures, actions: actions.sum(-1)
    with pytest.raises(Exception, match="objective gave costs"):
        plan_together(dynamics, batch)
