"""The guard over time, without ROS: every fault on a clock of the test's own, at no waiting."""

import numpy as np
import pytest

from rehearse.ros_nodes.guard import Action, Chain, Guard, Now, Reason
from rehearse.ros_nodes.guard.trajectory import Command, Reference
from rehearse.ros_nodes.parameters import GuardParameters
from tests.house.tree import ROOT
from tests.ros.guarded import BRAKING_S, HOME, JOINTS, PASSED, PERIOD_S, Arm


@pytest.fixture
def arm() -> Arm:
    return Arm()


def test_a_good_command_passes_shortened_and_with_a_tail(arm: Arm) -> None:
    assert arm.command(period_s=0.4, step_rad=0.2) == PASSED
    [told] = arm.told
    assert told.duration_s == pytest.approx(0.6 + 0.5 / 12, abs=0.03)
    assert not told.qd_radps[-1].any()
    arm.run(0.2)
    assert arm.command() == PASSED
    arm.run(0.2)
    assert arm.moving
    assert arm.verdict.action == Action.PASS


def test_whatever_is_accepted_leaves_within_the_limits() -> None:
    """Commands at random, many of them wild: what the arm is told is always within limits, smooth, and ends at rest."""
    arm = Arm(most_stretch=8.0)
    rng, limits, passed = np.random.default_rng(0), arm.guard.limits, 0
    for _ in range(300):
        before = len(arm.told)
        action, _ = arm.command(step_rad=rng.normal(0, 0.15), period_s=rng.uniform(0.05, 0.3))
        passed += action <= Action.CLAMP
        arm.guard.latched = None  # the next command is judged anew whatever this one did
        for told in arm.told[before:]:
            speed, acceleration = told.peaks()
            assert (speed <= 1.002 * limits.velocity).all()
            assert (acceleration <= 1.002 * limits.acceleration).all()
            assert not told.qd_radps[-1].any()
            q = told.samples()[0]
            assert (q >= limits.low).all()
            assert (q <= limits.high).all()
        arm.run(rng.uniform(0.02, 0.4))
    assert 50 < passed < 300


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"q_rad": np.full((4, 7), np.nan)}, (Action.HOLD, Reason.NOT_FINITE)),
        ({"stamp_s": 99.0}, (Action.HOLD, Reason.STALE_COMMAND)),
        ({"age_s": 0.31}, (Action.HOLD, Reason.STALE_COMMAND)),
        ({"age_s": -0.31}, (Action.HOLD, Reason.STALE_COMMAND)),
        ({"joints": (*JOINTS[:-1], "wrist")}, (Action.HOLD, Reason.JOINT_SET)),
        ({"qd_radps": np.zeros((4, 0))}, (Action.HOLD, Reason.JOINT_SET)),
        ({"step_rad": 1.0}, (Action.STOP, Reason.POSITION)),
        ({"step_rad": 0.15, "period_s": 0.02}, (Action.HOLD, Reason.VELOCITY)),
        ({"step_rad": 0.15, "period_s": 0.1}, (Action.CLAMP, Reason.ACCELERATION)),
        ({"q_rad": np.tile(HOME + 0.2, (4, 1)), "qd_radps": np.zeros((4, 7))}, (Action.HOLD, Reason.JUMP)),
    ],
)
def test_what_is_wrong_with_a_command_brakes_the_arm(arm: Arm, changes: dict, expected: tuple) -> None:
    assert arm.command() == PASSED
    arm.run(0.3)
    assert arm.moving
    assert arm.command(**changes) == expected
    if expected[0] == Action.CLAMP:
        assert arm.told[-1].peaks()[1].max() <= 12.02
        return
    assert arm.rests_within(BRAKING_S) > 0
    assert arm.command() == (PASSED if expected[0] == Action.HOLD else expected), "only a stop is latched"


def test_slowing_down_keeps_the_path(arm: Arm) -> None:
    """All joints ask for too much; what goes on is the same line through joint space, walked more slowly."""
    assert arm.command(step_rad=0.1, period_s=0.05)[0] == Action.CLAMP
    q = arm.told[-1].samples()[0]
    assert np.ptp(q - HOME, axis=1).max() < 1e-9, "all joints moved alike, as asked"
    assert q.max() > HOME.max()


def test_a_planner_that_falls_silent_is_braked_before_its_last_word_ends(arm: Arm) -> None:
    arm = Arm(command_timeout_s=0.3)
    arm.command()
    arm.run(0.3)
    assert arm.moving
    arm.run(PERIOD_S)
    assert (arm.verdict.action, arm.verdict.reason) == (Action.HOLD, Reason.SILENT)
    arm.rests_within(BRAKING_S)
    assert len(arm.told) == 2, "told to brake once"
    arm.run(0.1)
    assert arm.verdict.action == Action.PASS, "an arm that rests may be silent about it"


def test_a_guard_that_dies_leaves_an_arm_that_comes_to_rest(arm: Arm) -> None:
    arm.command()
    arm.ros_s += arm.told[-1].duration_s
    assert not arm.moving


@pytest.mark.parametrize("release", [False, None], ids=["let go", "fell silent"])
def test_the_deadmans_switch(arm: Arm, release: bool | None) -> None:
    arm.command()
    arm.run(0.1)
    arm.held = release
    arm.rests_within(0.3 + BRAKING_S)
    assert arm.command() == (Action.HOLD, Reason.DISABLED)
    arm.held = True
    arm.run(0.1)
    assert arm.command() == PASSED, "held again, it goes on"
    assert Arm(deadman=False).command() == PASSED


def test_never_enabled_never_moves() -> None:
    arm = Arm()
    arm.held = None
    arm.guard._enabled_s = -np.inf
    assert arm.command() == (Action.HOLD, Reason.DISABLED)
    assert not arm.told


def test_a_stop_lasts_until_reset(arm: Arm) -> None:
    arm.command()
    arm.run(0.1)
    arm.tell(arm.guard.stop(arm.now))
    done, said, _ = arm.guard.reset(arm.now, 1)
    assert (done, said) == (False, "not reset: the arm is still braking")
    arm.rests_within(BRAKING_S)
    assert arm.command() == (Action.STOP, Reason.OPERATOR)
    done, _, told = arm.guard.reset(arm.now, 1)
    assert done
    np.testing.assert_allclose(told.q_rad[-1], arm.truth.at(arm.ros_s)[0], err_msg="told to hold where it is")
    arm.tell(told)
    arm.run(0.6)
    assert arm.command() == PASSED


@pytest.mark.parametrize(
    ("names", "reason"), [(JOINTS[:-1], Reason.JOINT_SET), ((), Reason.JOINT_SET), (JOINTS, Reason.NOT_FINITE)]
)
def test_joint_states_that_lack_a_joint_or_a_number(arm: Arm, names: tuple, reason: Reason) -> None:
    arm.command()
    arm.run(0.1)
    arm.names = names
    if reason == Reason.NOT_FINITE:
        arm.bias = np.full(7, np.nan)
    arm.run(PERIOD_S)
    assert (arm.verdict.action, arm.verdict.reason) == (Action.HOLD, reason)
    arm.rests_within(BRAKING_S)
    arm.names, arm.bias = ("finger", *reversed(JOINTS)), np.zeros(7)
    arm.run(0.1)
    assert arm.command() == PASSED, "any order, more joints than are guarded"


def test_joint_states_that_stay_away(arm: Arm) -> None:
    arm.command()
    arm.run(0.1)
    arm.senses = False
    arm.rests_within(0.2 + BRAKING_S)
    assert arm.command() == (Action.HOLD, Reason.STALE_JOINTS)
    assert arm.guard.reset(arm.now, 1)[0] is False


def test_nothing_passes_before_the_arm_is_known() -> None:
    guard = Guard(GuardParameters(deadman=False))
    verdict, told = guard.judge(Command(JOINTS, np.zeros(1), HOME[None], np.zeros((1, 7))), Now(1, 1), 1)
    assert (verdict.action, verdict.reason, told) == (Action.HOLD, Reason.STALE_JOINTS, None)
    assert guard.stop(Now(1, 1)) is None


def test_an_arm_that_does_not_do_as_it_is_told(arm: Arm) -> None:
    arm.command()
    arm.run(0.1)
    arm.bias[3] = 0.3
    arm.run(PERIOD_S)
    assert (arm.verdict.action, arm.verdict.reason) == (Action.STOP, Reason.TRACKING)
    assert "joint4" in arm.verdict.detail
    arm.rests_within(BRAKING_S)
    assert arm.guard.reset(arm.now, 1)[0]
    np.testing.assert_allclose(arm.guard.reference.at(arm.ros_s)[0], arm.truth.at(arm.ros_s)[0] + arm.bias)


def test_a_controller_that_is_gone_and_comes_back(arm: Arm) -> None:
    arm.command()
    arm.run(0.1)
    arm.controllers = 0
    arm.run(PERIOD_S)
    assert (arm.verdict.action, arm.verdict.reason) == (Action.HOLD, Reason.CONTROLLER_GONE)
    assert arm.command() == (Action.HOLD, Reason.CONTROLLER_GONE)
    arm.truth, arm.controllers = Reference(HOME + 0.4), 1  # meanwhile it has been moved by hand
    arm.run(0.5)
    assert arm.verdict.action == Action.PASS
    assert arm.command(step_rad=0.02) == PASSED, "goes on from where it is found"


def test_the_tool_keeps_to_its_box() -> None:
    urdf = ROOT / "config" / "arm7.urdf"
    height_m = Chain.of(urdf.read_text(), "tool0", JOINTS).forward(HOME[None])[0, 2]
    arm = Arm(urdf_file=str(urdf), workspace_low_m=(-1.0, -1.0, height_m - 0.02), workspace_high_m=(1.0, 1.0, 1.0))
    shoulder = np.eye(7)[1]
    lean = {
        "q_rad": HOME + np.outer(0.03 * np.arange(4), shoulder),
        "qd_radps": np.outer([0, 1, 1, 1], 0.15 * shoulder),
    }
    assert arm.command(**lean) == (Action.HOLD, Reason.WORKSPACE)
    lean["q_rad"] = 2 * HOME - lean["q_rad"]
    lean["qd_radps"] = -lean["qd_radps"]
    assert arm.command(**lean) == PASSED, "the other way, up"


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("what", ["q_rad", "qd_radps", "times_s"])
@pytest.mark.parametrize("number", [1e308, -1e308, 1e18, 5e-324])
def test_numbers_at_the_ends_of_their_range_move_nothing(arm: Arm, what: str, number: float) -> None:
    """Sums of them overflow, and what compares with infinity or with no number must not pass for good."""
    q = np.tile(arm.truth.at(arm.ros_s)[0], (4, 1))
    given = {"q_rad": q, "qd_radps": np.zeros((4, 7)), "times_s": 0.2 * np.arange(4)}
    given[what] = given[what].copy()
    given[what][2:] = number
    arm.command(**given)
    for told in arm.told:
        assert np.isfinite(told.q_rad).all()
        assert np.abs(told.q_rad - q[0]).max() < 1e-6
    arm.run(0.5)
    assert np.abs(arm.truth.at(arm.ros_s)[0] - q[0]).max() < 1e-6
