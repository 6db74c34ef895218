"""The guard and time: clocks that jump, stand still or differ, and words that waited; without ROS."""

import numpy as np
import pytest

from rehearse.ros_nodes.guard import Action, Reason, Trajectory
from rehearse.ros_nodes.guard.trajectory import Command, Reference
from tests.ros.guarded import BRAKING_S, HOME, JOINTS, PASSED, PERIOD_S, Arm


@pytest.fixture
def arm() -> Arm:
    return Arm()


def test_a_word_that_waited_while_the_guard_stood_still_enables_nothing(arm: Arm) -> None:
    """The switch was held when the guard fell asleep and let go since; what it said last is still in the middleware."""
    arm.ros_s, arm.steady_s = arm.ros_s + 4.3, arm.steady_s + 4.3
    arm.held = None
    arm.run(PERIOD_S)
    assert (arm.verdict.action, arm.verdict.reason) == (Action.HOLD, Reason.DISABLED)
    arm.guard.enable(True, arm.now, 4.0)
    assert arm.command() == (Action.HOLD, Reason.STALE_ENABLE)
    arm.run(0.4)
    assert (arm.verdict.action, arm.verdict.reason) == (Action.HOLD, Reason.DISABLED)
    assert not arm.told
    arm.held = True
    arm.run(PERIOD_S)
    assert arm.command() == PASSED


def test_a_true_lasts_from_when_it_was_sent(arm: Arm) -> None:
    arm.held, arm.late_s = True, 0.2
    arm.run(0.4)
    assert arm.verdict.action == Action.PASS, "it is refreshed"
    arm.held = None
    arm.run(0.1)
    assert arm.verdict.action == Action.PASS
    arm.run(PERIOD_S)
    assert (arm.verdict.action, arm.verdict.reason) == (Action.HOLD, Reason.DISABLED)
    assert "comes 0.20 s late, or its sender's clock differs from the guard's: set both by NTP" in arm.verdict.detail


@pytest.mark.parametrize(("late_s", "said"), [(1.2, "1.200 s ago"), (-1.2, "1.200 s ahead")])
def test_a_switch_whose_clock_differs_is_told_so_as_long_as_it_speaks(arm: Arm, late_s: float, said: str) -> None:
    arm.command()
    arm.run(0.1)
    arm.late_s = late_s
    arm.rests_within(0.3 + BRAKING_S)
    arm.run(2.0)
    assert (arm.verdict.action, arm.verdict.reason) == (Action.HOLD, Reason.STALE_ENABLE)
    assert said in arm.verdict.detail
    assert "set both by NTP" in arm.verdict.detail
    arm.held = False
    arm.run(PERIOD_S)
    assert arm.verdict.reason == Reason.DISABLED, "let go counts at once, whatever the time"


@pytest.mark.parametrize("jump_s", [-50.0, -0.1, 3.0])
def test_a_clock_that_jumps(arm: Arm, jump_s: float) -> None:
    arm.command()
    arm.run(0.3)
    state = arm.truth.at(arm.ros_s)
    arm.ros_s += jump_s
    arm.truth = Reference(state[0])
    told = len(arm.told)
    assert arm.command() == (Action.HOLD, Reason.CLOCK), "noticed even before the guard looks"
    assert len(arm.told) == told, "what the arm does is not known"
    arm.run(0.1)
    assert len(arm.told) == told, "nor whether it stands"
    arm.run(0.2)
    assert len(arm.told) == told + 1, "sensed to stand, and told to"
    np.testing.assert_allclose(arm.told[-1].q_rad[-1], state[0], atol=0.02)
    arm.run(0.6)
    assert arm.command() == PASSED


def test_a_robot_that_is_reset_is_left_where_it_is(arm: Arm) -> None:
    """Its clock begins anew and it stands elsewhere: to brake where it was would be to throw it there."""
    arm.command()
    arm.run(0.3)
    arm.ros_s, arm.truth = 0.0, Reference(HOME - 0.5)
    arm.run(0.3)
    np.testing.assert_allclose(arm.told[-1].q_rad, np.tile(HOME - 0.5, (2, 1)))
    assert arm.command() == (Action.HOLD, Reason.CLOCK), "not before it is surely there"
    arm.run(1.0)
    assert arm.command() == PASSED


def test_a_reset_in_the_middle_of_a_jump(arm: Arm) -> None:
    arm.ros_s += 30.0
    assert arm.guard.watch(arm.now, 1)[0].reason == Reason.CLOCK
    arm.guard.sense(JOINTS, HOME, arm.now)
    assert arm.guard.reset(arm.now, 1) == (True, "reset; goes on once the arm stands", None)
    arm.run(0.8)
    assert arm.command() == PASSED


@pytest.mark.parametrize("back_s", [0.05, 0.2, 5.0])
def test_a_clock_set_back_in_mid_motion_neither_hurries_nor_turns_the_arm(back_s: float) -> None:
    """A controller with a clock of its own goes on as it was told, and what it is told next is within its limits."""
    arm, own_s, path = Arm(), 0.0, []
    arm.truth = controller = Reference(HOME)
    arm.tell = lambda told: told is None or arm.told.append(told) or controller.begin(told, own_s)

    def period(jump_s: float = 0.0) -> None:
        nonlocal own_s
        own_s += PERIOD_S
        arm.ros_s, arm.steady_s = arm.ros_s + PERIOD_S + jump_s, arm.steady_s + PERIOD_S
        arm.guard.sense(JOINTS, controller.at(own_s - 0.04)[0], arm.now, arm.ros_s)  # an arm lags
        arm.guard.enable(True, arm.now)
        arm.tell(arm.guard.watch(arm.now, 1)[1])
        path.append(controller.at(own_s))

    for _ in range(4):  # up to 1.8 rad/s
        times, q, qd = 0.2 * np.arange(4), *arm.guard.reference.at(arm.ros_s)
        speeds = np.maximum(qd[0] - 0.6 * np.arange(4), -1.8)
        ways = q[0] + np.append(0, np.cumsum((speeds[1:] + speeds[:-1]) * 0.1))
        plan, paces = np.tile(q, (4, 1)), np.zeros((4, 7))
        plan[:, 0], paces[:, 0], paces[0] = ways, speeds, qd
        verdict, told = arm.guard.judge(Command(JOINTS, times, plan, paces), arm.now, 1)
        assert verdict.action == Action.PASS, verdict
        arm.tell(told)
        for _ in range(10):
            period()
    assert path[-1][1][0] < -1.5, "fast"
    path.clear()
    period(jump_s=-back_s)
    for _ in range(100):
        period()
    speed = np.array([qd[0] for _, qd in path])
    assert np.abs(np.diff(speed)).max() / PERIOD_S <= 12.1, "within its acceleration"
    assert speed.max() < 0.2, "it does not go back"
    assert np.abs(speed[-10:]).max() == 0
    assert arm.guard.watch(arm.now, 1)[0].reason != Reason.CLOCK, "known again"


def test_a_guard_that_stood_still_while_its_clock_did_tells_nothing_it_does_not_know(arm: Arm) -> None:
    """ROS time by messages: what came of the last trajectory is read off a clock that does not know it either."""
    arm.command()
    arm.run(0.1)
    told = len(arm.told)
    arm.steady_s += 1.5
    verdict, braked = arm.guard.watch(arm.now, 1)
    assert (verdict.action, verdict.reason, braked) == (Action.HOLD, Reason.CLOCK, None)
    assert "the guard stood still for 1.500 s" in verdict.detail
    arm.ros_s += 1.5
    arm.run(0.1)
    assert arm.verdict.reason == Reason.CLOCK
    assert len(arm.told) == told
    arm.run(1.0)
    assert arm.command() == PASSED


def test_what_was_judged_long_ago_is_not_said_any_more(arm: Arm) -> None:
    """Where the guard stood still between the two, the arm goes on to where it was told before."""
    arm.command()
    arm.run(0.1)
    q = arm.truth.at(arm.ros_s)[0]
    verdict, told = arm.guard.judge(
        Command(JOINTS, np.array([0.0, 0.5]), np.stack([q, q + 0.1]), np.zeros((2, 7))), arm.now, 1
    )
    assert told is not None, verdict
    arm.ros_s, arm.steady_s = arm.ros_s + 2.0, arm.steady_s + 2.0
    verdict = arm.guard.unsaid(arm.now, 2.0)
    assert (verdict.action, verdict.reason) == (Action.HOLD, Reason.CLOCK)
    np.testing.assert_array_equal(arm.guard.reference.at(arm.ros_s)[0], arm.truth.end)
    arm.run(PERIOD_S)
    assert arm.verdict.reason == Reason.CLOCK
    arm.run(1.0)
    assert arm.command() == PASSED


def test_a_stop_in_such_a_moment_tells_nothing_either(arm: Arm) -> None:
    arm.command()
    arm.run(0.1)
    arm.steady_s += 1.5
    assert arm.guard.stop(arm.now) is None
    arm.ros_s += 1.5
    arm.run(1.0)
    assert arm.command() == (Action.STOP, Reason.OPERATOR)


def test_the_way_to_where_the_arm_is_takes_as_long_as_its_limits_want(arm: Arm) -> None:
    arm.bias[0] = 1.5
    arm.run(PERIOD_S)
    assert arm.verdict.reason == Reason.TRACKING
    done, _, told = arm.guard.reset(arm.now, 1)
    assert done
    real = Trajectory(told.times_s, np.stack([HOME, told.q_rad[-1]]), np.zeros((2, 7)))
    speed, acceleration = real.peaks()
    assert speed[0] == pytest.approx(2.0)
    assert acceleration[0] <= 12.0


def test_joint_states_sent_long_ago_are_none(arm: Arm) -> None:
    """Those of a guard that stood still, or of an arm whose clock differs; a single one is no matter."""
    arm.senses = False
    for _ in range(10):
        arm.guard.sense(JOINTS, HOME + 0.1, arm.now, age_s=0.5)
        arm.run(PERIOD_S)
        assert arm.verdict.action == Action.PASS
    arm.run(PERIOD_S)
    assert (arm.verdict.action, arm.verdict.reason) == (Action.HOLD, Reason.STALE_JOINTS)
    assert "a joint state was sent 0.500 s ago" in arm.verdict.detail
    arm.run(0.4)
    assert "no joint_states for" in arm.verdict.detail


def test_joint_states_of_another_time_are_none(arm: Arm) -> None:
    arm.guard.sense(JOINTS, HOME, arm.now, stamp_s=arm.ros_s - 0.1)
    assert arm.guard.watch(arm.now, 1)[0].action == Action.PASS
    arm.guard.sense(JOINTS, HOME, arm.now, stamp_s=arm.ros_s - 1.0)
    verdict, _ = arm.guard.watch(arm.now, 1)
    assert (verdict.action, verdict.reason) == (Action.HOLD, Reason.STALE_JOINTS)
    assert "stamped 1.000 s ago" in verdict.detail


def test_a_clock_that_stands_still_or_runs_slowly_is_no_jump(arm: Arm) -> None:
    arm = Arm(command_timeout_s=10.0)
    arm.command()
    arm.run(0.1)
    arm.pace = 0.0
    arm.run(2.0)
    assert arm.verdict.action == Action.PASS
    assert arm.moving, "time stands still"
    arm.pace = 0.25
    arm.run(1.0)
    assert arm.verdict.action == Action.PASS
    arm.pace = 4.0
    arm.rests_within(0.3)
