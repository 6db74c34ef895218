"""Candidates of other origin: they join the first population, within bounds, and leave room for the search."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearse.errors import DataError
from rehearse.planner import CEM, MPC, CEMConfig, Reach, basis, evaluate, knot_times
from rehearse.planner.proposals import as_knots, carried, gather, mix, tempos
from rehearse.planner.spline import KINDS
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
    full_speed = 9 * torch.eye(2)[:1].expand(1, 12, 2)
    proposer = lambda history, belief, times_s: full_speed  # noqa: E731
    mpc = MPC(PointMass(), Reach("progress"), CEMConfig(futures=8), config(), [proposer])
    plan = mpc.plan(AT_REST, 0.0, generator())
    np.testing.assert_array_equal(plan.actions, np.tile([1.0, 0.0], (12, 1)))
    assert len({candidate.cost for candidate in plan.kept}) == 8


def test_many_proposals_leave_half_to_the_search_and_reach_it_within_bounds():
    optimizer = Watched(CEMConfig(futures=8))
    mpc = planner(optimizer=optimizer)
    mpc.proposers = [lambda history, belief, times_s: torch.full((20, 12, 2), 5.0)]
    mpc.plan(AT_REST, 0.0, generator())
    assert (optimizer.seen[0][0] == 0).all()
    assert (optimizer.seen[0][1:4] != 1).any()
    assert (optimizer.seen[0][4:] == 1).all()


def test_the_plan_so_far_is_tried_at_other_tempos():
    optimizer = Watched(CEMConfig(futures=32, iterations=2))
    mpc = MPC(PointMass(), OBJECTIVE, optimizer, config(tempos=(0.0, 0.5, 2.0)))
    mpc.plan(AT_REST, 0.0, generator())
    mpc.plan(AT_REST, 0.2, generator())
    nominal, others = optimizer.seen[2][0], optimizer.seen[2][-3:]
    assert nominal.abs().max() > 0.1
    played = tempos(mpc.timeline.knot_offsets_s, (0.0, 0.5, 2.0), "linear") @ nominal
    torch.testing.assert_close(others, played.clamp(-1, 1))
    later = optimizer.seen[3]
    assert not (later[1:] == 0).all((1, 2)).any()  # only the first population of a decision has them


OFFSETS_S, STEPS_S = np.linspace(0.0, 1.1, 4), 0.1 * np.arange(12)


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(1, 12), st.integers(1, 14), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_actions_that_are_a_spline_become_its_knots(kind, horizon, knots, seed):
    times_s = knot_times(5.0, horizon, 0.1, knots, kind)
    steps_s = 5.0 + 0.1 * np.arange(horizon)
    wanted = torch.randn(3, len(times_s), 2, generator=generator(seed))
    actions = torch.tensor(basis(times_s, steps_s, kind), dtype=torch.float32) @ wanted
    torch.testing.assert_close(as_knots(actions, times_s, steps_s, kind), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_other_actions_become_the_nearest_spline(kind):
    actions = torch.randn(1, 12, 2, generator=generator())
    times_s = knot_times(0.0, 12, 0.1, 4, kind)
    weights = torch.tensor(basis(times_s, STEPS_S, kind), dtype=torch.float32)
    knots = as_knots(actions, times_s, STEPS_S, kind)
    misses = lambda knots: (weights @ knots - actions).square().sum()  # noqa: E731
    for nudge in 0.05 * torch.randn(20, *knots.shape, generator=generator(1)):
        assert misses(knots) < misses(knots + nudge)


def test_short_sequences_are_held_and_long_ones_cut():
    ramp = torch.arange(20.0).reshape(1, 20, 1)
    cut = as_knots(ramp, OFFSETS_S, STEPS_S, "linear")
    torch.testing.assert_close(cut, torch.tensor([0.0, 11 / 3, 22 / 3, 11.0]).reshape(1, 4, 1), atol=1e-4, rtol=0)
    held = as_knots(torch.full((1, 1, 1), 3.0), OFFSETS_S, STEPS_S, "linear")
    torch.testing.assert_close(held, torch.full((1, 4, 1), 3.0))


def test_the_best_of_the_last_decision_go_on_by_time():
    knots = torch.randn(5, 4, 2, generator=generator())
    later = carried(knots, OFFSETS_S, OFFSETS_S + 0.25, "linear")
    for one, moved in zip(knots, later, strict=True):
        expected = evaluate(OFFSETS_S, one.numpy(), OFFSETS_S + 0.25, "linear")
        np.testing.assert_allclose(moved, expected, atol=1e-5)
    torch.testing.assert_close(later[:, -1], knots[:, -1])


@pytest.mark.parametrize("kind", ["zero", "linear"])
def test_another_tempo_travels_the_same_path(kind):
    offsets_s = knot_times(0.0, 12, 0.1, 12, kind)
    velocity = torch.zeros(12, 1)
    velocity[:6] = torch.rand(6, 1, generator=generator())  # all of the way lies in the first half
    still, slow, same, fast = tempos(offsets_s, (0.0, 0.5, 1.0, 2.0), kind) @ velocity
    assert (still == 0).all()
    torch.testing.assert_close(same, velocity)
    way = lambda v: v.cumsum(0)  # noqa: E731
    torch.testing.assert_close(fast[:3, 0], 2 * velocity[:6:2, 0])
    torch.testing.assert_close(slow[::2], 0.5 * velocity[:6])
    if kind == "zero":
        torch.testing.assert_close(way(slow)[1::2], way(velocity)[:6], msg="half as fast, the same places")
    assert tempos(offsets_s, (), kind).shape == (0, 12, 12)


@given(st.integers(1, 40), st.integers(0, 60), st.floats(0, 1))
@settings(deadline=None)
def test_proposals_take_no_more_than_their_share_and_never_the_first_place(n, count, share):
    population = torch.arange(float(n)).reshape(n, 1, 1) / n
    proposed = 5.0 + torch.arange(float(count)).reshape(count, 1, 1)
    mixed = mix(population, proposed, torch.zeros(1), torch.ones(1) * 20, share)
    taken = int((mixed >= 5).sum())
    assert mixed.shape == population.shape
    assert taken == min(count, int(share * n), n - 1)
    assert torch.equal(mixed[: n - taken], population[: n - taken])
    assert torch.equal(mixed[n - taken :].clamp(5, 20), proposed[:taken].clamp(5, 20)), "the first ones of them"
    assert mix(population, proposed, torch.zeros(1), torch.ones(1), share).max() <= 1


def test_proposers_are_asked_with_what_is_known_and_named_when_wrong():
    asked = []

    def policy(history, belief, times_s):
        asked.append((history, belief, times_s))
        return np.ones((2, 3, 2))

    def script(history, belief, times_s):
        return torch.zeros(1, len(times_s), 2)

    def broken(history, belief, times_s):
        return torch.zeros(1, 3)

    def lost(history, belief, times_s):
        return torch.full((1, 3, 2), torch.nan)

    ask = lambda *proposers: gather(proposers, "seen", "known", OFFSETS_S, STEPS_S, "linear", size=2)  # noqa: E731
    knots = ask(policy, script)
    assert knots.shape == (3, 4, 2)
    assert knots[:2].mean() == pytest.approx(1)
    assert knots[2].abs().max() == 0
    assert asked[0][:2] == ("seen", "known")
    assert ask().shape == (0, 4, 2)
    with pytest.raises(DataError, match=r"proposals of broken are \(1, 3\), expected \(M, T, 2\)"):
        ask(script, broken)
    with pytest.raises(DataError, match="proposals of lost contain nan"):
        ask(lost)
