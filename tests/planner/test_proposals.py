"""Candidates of other origin: they join the first population, within bounds, and leave room for the search."""

import numpy as np
import torch

from rehearse.planner import CEM, MPC, CEMConfig, Reach
from tests.planner.point_mass import AT_REST, OBJECTIVE, PointMass, config, generator, planner


class Watched(CEM):
    """Remembers every population."""

    def __init__(self, config):
        super().__init__(config)
        self.seen = []

    def update(self, state, knots, costs):
        self.seen.append(knots)
        return super().update(state, knots, costs)


def test_a_good_proposal_is_taken_and_is_clamped():
    full_speed = 9 * torch.eye(2)[:1].expand(1, 4, 2)
    mpc = MPC(PointMass(), Reach("progress"), CEMConfig(futures=8), config(), lambda belief: full_speed)
    plan = mpc.plan(AT_REST, 0.0, generator())
    np.testing.assert_array_equal(plan.actions, np.tile([1.0, 0.0], (12, 1)))
    assert len({candidate.cost for candidate in plan.kept}) == 8


def test_many_proposals_leave_half_to_the_search_and_reach_it_within_bounds():
    optimizer = Watched(CEMConfig(futures=8))
    mpc = planner(optimizer=optimizer)
    mpc.proposals = lambda belief: torch.full((20, 4, 2), 5.0)
    mpc.plan(AT_REST, 0.0, generator())
    assert (optimizer.seen[0][0] == 0).all()
    assert (optimizer.seen[0][1:4] != 1).any()
    assert (optimizer.seen[0][4:] == 1).all()


def test_the_plan_so_far_is_tried_at_other_tempos():
    optimizer = Watched(CEMConfig(futures=32, iterations=2))
    mpc = MPC(PointMass(), OBJECTIVE, optimizer, config(tempos=(0.0, 0.5, 2.0)))
    mpc.plan(AT_REST, 0.0, generator())
    mpc.plan(AT_REST, 0.2, generator())
    nominal, tempos = optimizer.seen[2][0], optimizer.seen[2][-3:]
    assert nominal.abs().max() > 0.1
    torch.testing.assert_close(tempos, torch.stack([0 * nominal, 0.5 * nominal, (2 * nominal).clamp(-1, 1)]))
    later = optimizer.seen[3]
    assert not (later[1:] == 0).all((1, 2)).any()  # only the first population of a decision has them
