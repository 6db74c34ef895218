"""The guard's trajectories: splines that are what a controller makes of them, and that end at rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.trajectory import (
    Command,
    Reference,
    Trajectory,
    arranged,
    braking,
    cut,
    smooth_velocities,
    standing,
    starting_from,
    stretched,
    with_tail,
)

LIMIT = np.array([3.0, 8.0])


def some(seed: int, points: int = 4) -> Trajectory:
    """A trajectory of two joints that moves."""
    rng = np.random.default_rng(seed)
    times = np.append(0.0, np.cumsum(rng.uniform(0.05, 0.4, points - 1)))
    return Trajectory(times, rng.normal(0, 0.5, (points, 2)), rng.normal(0, 1, (points, 2)))


def dense(trajectory: Trajectory) -> np.ndarray:
    return np.linspace(0, trajectory.duration_s, 4001)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_cubic_hermite_spline(seed: int) -> None:
    trajectory = some(seed)
    spline = CubicHermiteSpline(trajectory.times_s, trajectory.q_rad, trajectory.qd_radps)
    q, qd = trajectory.at(dense(trajectory))
    np.testing.assert_allclose(q, spline(dense(trajectory)), atol=1e-9)
    np.testing.assert_allclose(qd, spline(dense(trajectory), 1), atol=1e-9)
    speed, acceleration = trajectory.peaks()
    np.testing.assert_allclose(speed, np.abs(spline(dense(trajectory), 1)).max(0), rtol=5e-3)
    np.testing.assert_allclose(acceleration, np.abs(spline(dense(trajectory), 2)).max(0), rtol=1e-2)
    assert (speed >= np.abs(spline(dense(trajectory), 1)).max(0) - 1e-12).all(), "peaks are never underestimated"


def test_after_its_end_it_holds() -> None:
    trajectory = some(0)
    q, qd = trajectory.at(trajectory.duration_s + 0.5)
    np.testing.assert_allclose(q, trajectory.q_rad[-1])
    assert not qd.any()
    q, qd = standing(np.array([0.5, 1.0])).at(np.array([0.0, 2.0]))
    np.testing.assert_array_equal(q, [[0.5, 1.0]] * 2)
    assert not qd.any()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6))
def test_a_tail_brakes_all_joints_together_within_the_limit(seed: int) -> None:
    trajectory = some(seed)
    tailed = with_tail(trajectory, LIMIT)
    assert not tailed.qd_radps[-1].any()
    last = Trajectory(tailed.times_s[-2:] - tailed.times_s[-2], tailed.q_rad[-2:], tailed.qd_radps[-2:])
    assert (last.peaks()[1] <= LIMIT * 1.0001).all()
    assert np.isclose(last.peaks()[1] / LIMIT, 1).any() or last.duration_s == pytest.approx(0.01), "as hard as it may"
    q, qd = last.at(np.linspace(0, last.duration_s, 20))
    direction = trajectory.qd_radps[-1]
    assert np.abs(qd[:, 0] * direction[1] - qd[:, 1] * direction[0]).max() < 1e-9, "straight on"
    assert (np.diff(q, axis=0) * np.sign(direction) >= -1e-12).all(), "never back"


def test_what_rests_already_needs_no_tail() -> None:
    trajectory = braking(np.zeros(2), np.array([1.0, -1.0]), LIMIT)
    assert trajectory.duration_s == pytest.approx(1 / 3)
    assert with_tail(trajectory, LIMIT) is trajectory
    assert not braking(np.zeros(2), np.array([1e-9, 0.0]), LIMIT).qd_radps[-1].any(), "almost is not at rest"
    assert len(braking(np.ones(2), np.zeros(2), LIMIT).times_s) == 1


def test_stretching_keeps_the_path_and_cutting_the_beginning() -> None:
    trajectory = some(1)
    trajectory.qd_radps[0] = 0
    slow = stretched(trajectory, 2.0)
    np.testing.assert_allclose(slow.at(2 * dense(trajectory))[0], trajectory.at(dense(trajectory))[0], atol=1e-9)
    np.testing.assert_allclose(slow.peaks()[0], trajectory.peaks()[0] / 2)
    np.testing.assert_allclose(slow.peaks()[1], trajectory.peaks()[1] / 4)
    short = cut(trajectory, 0.3)
    assert short.duration_s == pytest.approx(0.3)
    within = np.linspace(0, 0.3, 50)
    np.testing.assert_allclose(short.at(within)[0], trajectory.at(within)[0], atol=1e-9)
    assert cut(trajectory, 99.0) is trajectory


def test_smooth_velocities_do_not_overshoot() -> None:
    times, q = np.array([0, 0.2, 0.4, 0.6]), np.array([[0.0, 0], [0.1, 0.1], [0.3, 0.0], [0.3, 0.4]])
    qd = smooth_velocities(times, q, np.zeros(2))
    assert qd[0].tolist() == [0, 0]
    assert qd[1, 1] == qd[2, 1] == 0, "the second joint turns round"
    path = Trajectory(times, q, qd).at(np.linspace(0, 0.6, 500))[0]
    assert (np.diff(path[:, 0]) >= -1e-12).all()
    np.testing.assert_allclose(qd[-1], [0, 2])


def test_a_reference_remembers_what_was_told_when() -> None:
    reference = Reference(np.zeros(2))
    assert reference.rests(0.0)
    first = with_tail(starting_from((np.zeros(2), np.zeros(2)), some(2)), LIMIT)
    reference.begin(first, 10.0)
    middle = first.duration_s / 2
    before = reference.at(10 + middle)
    np.testing.assert_allclose(before[0], first.at(middle)[0])
    reference.begin(braking(*before, LIMIT), 10 + middle)
    np.testing.assert_allclose(reference.at(10 + middle / 2)[0], first.at(middle / 2)[0], err_msg="the past stays")
    np.testing.assert_allclose(reference.at(10 + middle)[1], before[1], err_msg="the seam is smooth")
    assert not reference.rests(10 + middle)
    assert reference.rests(10 + middle + 5)
    assert not reference.at(10 + middle + 5)[1].any()
    assert reference.at(0.0)[0].tolist() == [0, 0], "before anything was told"


def command(**changes: object) -> Command:
    """Of two joints, three points."""
    q = np.array([[0.0, 1.0], [0.1, 1.1], [0.2, 1.2]])
    whole = {"joints": ("a", "b"), "times_s": np.array([0.0, 0.2, 0.4]), "q_rad": q, "qd_radps": q * 0 + 0.5}
    return Command(**{**whole, **changes})


def test_joints_may_come_in_any_order() -> None:
    assert arranged(command(), ("b", "a")).q_rad[0].tolist() == [1.0, 0.0]
    late = arranged(command(times_s=np.array([0.1, 0.2, 0.4])), ("a", "b"))
    assert late.times_s.tolist() == [0, 0.1, 0.2, 0.4]
    assert late.q_rad[0].tolist() == late.q_rad[1].tolist()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"joints": ("a", "c")}, r"missing: b; unknown: c"),
        ({"joints": ("a",)}, "missing: b"),
        ({"joints": ("a", "a", "b")}, "a name stands twice"),
        ({"joints": ("a", "b", *(f"{i}" * 100 for i in range(9)))}, r"unknown: 0{40}…, .*4{40}…, and 4 more\)$"),
        ({"times_s": np.zeros(0), "q_rad": np.zeros((0, 2)), "qd_radps": np.zeros((0, 2))}, "every one of 0 points"),
        ({"times_s": np.arange(1001.0)}, "more than 1000 points"),
        ({"qd_radps": np.zeros((3, 0))}, "needs 2 positions and velocities"),
        ({"times_s": np.array([0.0, 0.2, 0.2])}, "in time order"),
        ({"times_s": np.array([-0.1, 0.2, 0.4])}, "in time order"),
    ],
)
def test_what_is_no_trajectory_of_this_arm_says_why(changes: dict, said: str) -> None:
    with pytest.raises(DataError, match=said):
        arranged(command(**changes), ("a", "b"))
