"""The guard's rules one by one: what each lets pass, slows down, holds and stops."""

from dataclasses import fields

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.ros_nodes.guard import Action, Limits, Reason, Trajectory, Verdict, checks
from rehearse.ros_nodes.guard.trajectory import Command, braking
from rehearse.ros_nodes.guard.verdict import PASS, severest
from rehearse.ros_nodes.parameters import GuardParameters

TWO = {
    "joints": ("a", "b"),
    "position_low_rad": (-1.0, -2.0),
    "position_high_rad": (1.0, 2.0),
    "margin_rad": 0.1,
    "velocity_radps": (1.0, 2.0),
    "acceleration_radps2": (5.0, 10.0),
}
LIMITS = Limits.of(GuardParameters(**TWO))


def line(start: tuple, end: tuple, seconds: float = 1.0) -> Trajectory:
    """From rest to rest."""
    return Trajectory(np.array([0.0, seconds]), np.array([start, end], float), np.zeros((2, 2)))


def command(**changes: object) -> Command:
    whole = {
        "joints": ("a", "b"),
        "times_s": np.array([0.0, 0.2]),
        "q_rad": np.zeros((2, 2)),
        "qd_radps": np.zeros((2, 2)),
    }
    return Command(**{**whole, **changes})


def outcome(verdict: Verdict) -> tuple[Action, Reason]:
    return verdict.action, verdict.reason


def test_severity_is_monotone_and_the_first_of_equals_counts() -> None:
    slow, slower = (Verdict(Action.CLAMP, Reason.VELOCITY, stretch=factor) for factor in (2.0, 3.0))
    hold, other = Verdict(Action.HOLD, Reason.JUMP), Verdict(Action.HOLD, Reason.MARGIN)
    stop = Verdict(Action.STOP, Reason.TRACKING)
    assert severest([]) is PASS
    assert severest([PASS, slow, slower]) is slower
    assert severest([slower, hold, other]) is hold
    assert severest([hold, stop, slower]) is stop
    assert Action.PASS < Action.CLAMP < Action.HOLD < Action.STOP


@pytest.mark.parametrize("field", ["times_s", "q_rad", "qd_radps"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_finite(field: str, value: float) -> None:
    assert checks.finite(command()) is PASS
    array = getattr(command(), field).copy()
    array[-1] = value
    verdict = checks.finite(command(**{field: array}))
    assert outcome(verdict) == (Action.HOLD, Reason.NOT_FINITE)
    assert "point 1" in verdict.detail


def test_fresh() -> None:
    assert checks.fresh(0.0, 1e9, most_s=0.3) is PASS, "stamp 0 is now"
    assert checks.fresh(99.8, 100.0, most_s=0.3) is PASS
    assert outcome(checks.fresh(99.0, 100.0, most_s=0.3)) == (Action.HOLD, Reason.STALE_COMMAND)
    assert outcome(checks.fresh(101.0, 100.0, most_s=0.3)) == (Action.HOLD, Reason.STALE_COMMAND), "of the future"


def test_enabled() -> None:
    assert checks.enabled(0.2, most_s=0.3) is PASS
    assert "silent for 0.40 s" in checks.enabled(0.4, most_s=0.3).detail
    assert "released" in checks.enabled(np.inf, most_s=0.3).detail
    assert outcome(checks.enabled(np.inf, most_s=0.3)) == (Action.HOLD, Reason.DISABLED)


def test_timely() -> None:
    for age_s in (0.0, 0.29, -0.29):
        assert checks.timely("it", Reason.STALE_ENABLE, age_s, most_s=0.3) is PASS
    for age_s, said in ((4.0, "it was sent 4.000 s ago, at most 0.3 s"), (-4.0, "it was sent 4.000 s ahead")):
        verdict = checks.timely("it", Reason.STALE_ENABLE, age_s, most_s=0.3)
        assert outcome(verdict) == (Action.HOLD, Reason.STALE_ENABLE)
        assert said in verdict.detail
    assert checks.timely("it", Reason.STALE_ENABLE, float("nan"), most_s=0.3) is not PASS


def test_joint_set() -> None:
    assert checks.joint_set(command(joints=("b", "a")), ("a", "b")) is PASS
    verdict = checks.joint_set(command(joints=("b", "c")), ("a", "b"))
    assert outcome(verdict) == (Action.HOLD, Reason.JOINT_SET)
    assert "missing: a" in verdict.detail
    assert "unknown: c" in verdict.detail


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ((0, 0), (0.89, 1.89), (Action.PASS, Reason.OK)),
        ((0, 0), (-0.89, -1.89), (Action.PASS, Reason.OK)),
        ((0, 0), (0.91, 0), (Action.HOLD, Reason.MARGIN)),
        ((0, 0), (0, -1.95), (Action.HOLD, Reason.MARGIN)),
        ((0, 0), (1.01, 0), (Action.STOP, Reason.POSITION)),
        ((0, 0), (0, -2.2), (Action.STOP, Reason.POSITION)),
        ((0.95, 0), (0.5, 0), (Action.PASS, Reason.OK)),  # out there already, coming back
        ((0.95, 0), (0.97, 0), (Action.HOLD, Reason.MARGIN)),  # going further
        ((1.05, 0), (0.9, 1.0), (Action.PASS, Reason.OK)),
        ((1.05, 0), (1.06, 0), (Action.STOP, Reason.POSITION)),
    ],
)
def test_position(start: tuple, end: tuple, expected: tuple) -> None:
    assert outcome(checks.position(line(start, end), LIMITS)) == expected


def test_position_looks_between_the_points_and_at_the_room_to_brake() -> None:
    bulging = Trajectory(np.array([0, 1.0]), np.array([[0.8, 0], [0.8, 0]]), np.array([[1.0, 0], [-1.0, 0]]))
    assert outcome(checks.position(bulging, LIMITS)) == (Action.STOP, Reason.POSITION), "bulges to 1.05 between"
    # Turns back at 0.89, but at 0.88 is so fast that it could not be braken there before 1.0.
    fast = Trajectory(np.array([0, 0.02]), np.array([[0.88, 0], [0.88, 0]]), np.array([[2.0, 0], [-2.0, 0]]))
    assert checks.position(fast, LIMITS) is PASS
    verdict = checks.room_to_brake(fast, LIMITS)
    assert outcome(verdict) == (Action.HOLD, Reason.POSITION)
    assert "too fast for a to brake" in verdict.detail
    assert checks.room_to_brake(line((0, 0), (0.89, 0)), LIMITS) is PASS


def test_velocity_and_acceleration_slow_down_just_enough() -> None:
    assert checks.velocity(line((0, 0), (0.6, 0)), LIMITS, most=4) is PASS
    quick = checks.velocity(line((0, 0), (0.6, 0), 0.6), LIMITS, most=4)  # peaks at 1.5 times the mean
    assert outcome(quick) == (Action.CLAMP, Reason.VELOCITY)
    assert 1.5 <= quick.stretch < 1.6
    assert checks.acceleration(line((0, 0), (0.6, 0)), LIMITS, most=4) is PASS
    hard = checks.acceleration(line((0, 0), (0.1, 0), 0.2), LIMITS, most=4)  # 6 * 0.1 / 0.04 = 15 rad/s^2
    assert outcome(hard) == (Action.CLAMP, Reason.ACCELERATION)
    assert 3**0.5 <= hard.stretch < 1.06 * 3**0.5
    assert "a at 3.00 times" in hard.detail
    assert checks.acceleration(line((0, 0), (1.0, 0), 0.05), LIMITS, most=4).stretch == np.inf


def test_a_braking_tail_is_within_what_is_allowed() -> None:
    assert checks.within_dynamics(braking(np.zeros(2), np.array([1.0, -2.0]), LIMITS.acceleration), LIMITS)


def test_workspace() -> None:
    box = Limits.of(GuardParameters(workspace_low_m=(-1.0, -1.0, 0.0), workspace_high_m=(1.0, 1.0, 1.0)))
    inside, outside, beyond = [0.0, 0.0, 0.5], [0.0, 1.1, 0.5], [0.0, 1.2, 0.5]
    assert checks.workspace(np.array([inside, inside]), box) is PASS
    verdict = checks.workspace(np.array([inside, outside]), box)
    assert outcome(verdict) == (Action.HOLD, Reason.WORKSPACE)
    assert "0.100 m along y" in verdict.detail
    assert checks.workspace(np.array([outside, inside]), box) is PASS, "coming back"
    assert checks.workspace(np.array([outside, beyond]), box).action == Action.HOLD


def test_continuity() -> None:
    still = (np.zeros(2), np.zeros(2))
    assert checks.continuity(line((0.04, 0), (0, 0)), 0.0, still, jump_rad=0.05) is PASS
    verdict = checks.continuity(line((0, -0.06), (0, 0)), 0.0, still, jump_rad=0.05)
    assert outcome(verdict) == (Action.HOLD, Reason.JUMP)
    moving = (np.zeros(2), np.array([1.0, 0]))
    later = Trajectory(np.array([0, 0.2]), np.array([[0.2, 0.0]] * 2), np.array([[1.0, 0.0]] * 2))
    assert checks.continuity(later, 0.2, moving, jump_rad=0.05) is PASS, "where the arm gets anyhow"
    assert checks.continuity(later, 0.0, moving, jump_rad=0.05).action == Action.HOLD, "but not at once"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"joints": ()}, "name each of the arm's joints once"),
        ({"joints": ("a", "a")}, "name each of the arm's joints once"),
        ({"position_low_rad": (0.0,)}, "position_low_rad needs 2 finite numbers"),
        ({"velocity_radps": (1.0, float("nan"))}, "velocity_radps needs 2 finite numbers"),
        ({"margin_rad": 1.0}, "leave a joint no room"),
        ({"acceleration_radps2": (0.0, 1.0)}, "must be above 0"),
        ({"workspace_low_m": (9.0, 0.0, 0.0)}, "low below high"),
        ({"workspace_low_m": (float("nan"),) * 3}, "low below high"),
        ({"workspace_high_m": (1.0, float("nan"), 1.0)}, "low below high"),
    ],
)
def test_limits_that_make_no_sense_are_refused(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Limits.of(GuardParameters(**{**TWO, **changes}))


def test_what_is_no_number_passes_no_check() -> None:
    lost = Trajectory(np.array([0.0, 1.0]), np.array([[0.0, 0.0], [np.nan, 0.0]]), np.zeros((2, 2)))
    still = (np.zeros(2), np.array([np.nan, 0.0]))
    for verdict in (
        checks.position(lost, LIMITS),
        checks.room_to_brake(lost, LIMITS),
        checks.velocity(lost, LIMITS, most=4),
        checks.acceleration(lost, LIMITS, most=4),
        checks.workspace(np.array([[0.0, 0.0, 0.1], [np.nan, 0.0, 0.1]]), LIMITS),
        checks.continuity(line((0, 0), (0, 0)), 0.1, still, jump_rad=0.05),
    ):
        assert verdict.action >= Action.CLAMP


def test_a_box_may_be_open() -> None:
    box = Limits.of(GuardParameters(workspace_low_m=(-np.inf, -1.0, 0.0), workspace_high_m=(np.inf, 1.0, np.inf)))
    assert checks.workspace(np.array([[0.0, 0.0, 0.5], [99.0, 0.0, 99.0]]), box) is PASS
    assert checks.workspace(np.array([[0.0, 0.0, 0.5], [0.0, 0.0, -0.1]]), box).action == Action.HOLD


def test_the_defaults_make_sense() -> None:
    assert len(Limits.of(GuardParameters()).joints) == 7
    assert all(field.metadata["meaning"] for field in fields(GuardParameters))
