"""What a goal may be and how it ends, and the way home; without ROS."""

import json
import re

import numpy as np
import pytest

from rehearse.errors import DataError
from rehearse.planner import Plan
from rehearse.planner.protocols import Candidate
from rehearse.ros_nodes.goals import LONGEST_TEXT, Errand, Goal, Kind, Outcome, Reachable, goal_of, reachable
from rehearse.ros_nodes.guard.trajectory import Command, Trajectory
from rehearse.ros_nodes.homing import ACCELERATION_RADPS2, NEAR_RAD, SPEED_RADPS, Homing, slow_way
from rehearse.ros_nodes.pilot import Pilot
from rehearse.sim.tasks import get_task

KNOWN = Reachable(("progress", "lifted"))
PLACES = reachable(get_task("reach"))
HOME = np.array([1.0, -0.5])
EVERY_S = 0.1  # the way home goes on


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("reach", Goal(Kind.REACH, "progress")),
        (" home\n", Goal(Kind.HOME)),
        ('{"kind": "stop"}', Goal(Kind.STOP)),
        ('{"kind": "reach", "signal": "lifted", "time_limit_s": 2}', Goal(Kind.REACH, "lifted", 2.0)),
    ],
)
def test_a_goal_is_a_name_or_a_little_json(text: str, goal: Goal) -> None:
    assert goal_of(text, KNOWN) == goal


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "unknown goal ''; send one of reach, home, stop"),
        ("fly", "unknown goal 'fly'"),
        ("{", "the goal is no JSON"),
        ('{"a":' + "[" * 990, "the goal is no JSON"),
        ('{"kind":' + "[" * 490 + "]" * 490 + "}", "unknown goal [["),
        ('{"kind": "home", "time_limit_s": ' + "9" * 900 + "}", "send a number of seconds"),
        ("[1]", "unknown goal '[1]'"),
        ('{"kind": ["home"]}', "unknown goal ['home']"),
        ('{"kind": "home", "speed": 3}', "unknown fields 'speed'"),
        ('{"kind": "home", "signal": "progress"}', "a goal of kind home has no signal"),
        ('{"kind": "reach", "signal": "world peace"}', "it can reach progress, lifted"),
        ('{"kind": "reach", "signal": 3}', "cannot reach the signal 3"),
        *(
            (f'{{"kind": "reach", "time_limit_s": {value}}}', "send a number of seconds from 0 to 3600")
            for value in ("-1", "1e9", "NaN", "true", '"ten"', "null")
        ),
        ("home" + " " * LONGEST_TEXT, "the goal has 1004 characters; send at most 1000"),
        (json.dumps({"kind": "x" * 900}), "unknown goal 'xxx"),
    ],
)
def test_what_is_wrong_with_a_goal_is_said_in_a_sentence(text: str, complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        goal_of(text, KNOWN)
    assert complaint in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_goal_may_be_numbers() -> None:
    goal = goal_of('{"kind": "reach", "goal_state": [-0.2, 0, 0.15]}', PLACES)
    assert goal == Goal(Kind.REACH, goal_state=(-0.2, 0.0, 0.15))
    assert goal.told == "state"
    np.testing.assert_array_equal(goal.observed["goal_state"], np.array([-0.2, 0, 0.15], np.float32))
    assert goal_of("reach", PLACES).told is None
    assert Errand(goal, 1, 0.0).report()["goal_state"] == [-0.2, 0.0, 0.15]
    assert reachable(get_task("dog-on-jacket")) == Reachable(("progress",))


@pytest.mark.parametrize(
    ("known", "rest", "complaint"),
    [
        (KNOWN, '"goal_state": [0, 0, 0]', "no goal in numbers; leave goal_state out"),
        (PLACES, '"signal": "progress"', "leave it out, and send a goal_state"),
        (PLACES, '"goal_state": [0, 0, 9]', "goal_state has grip_z 9; send one from 0.05 to 0.34"),
        *(
            (PLACES, f'"goal_state": {given}', "send a list of 3 finite numbers: grip_x, grip_y, grip_z")
            for given in (
                "[]",
                "[0, 0]",
                "[0, 0, NaN]",
                "[0, 0, 1e999]",
                f"[{'1' * 400}, 0, 0]",
                f"[0, 0, -{'1' * 400}]",
                "[" * 400 + "]" * 400,
                "[0, 0, true]",
                '"here"',
                "null",
                "[[0], 0, 0]",
            )
        ),
    ],
)
def test_numbers_that_are_no_goal_are_refused(known: Reachable, rest: str, complaint: str) -> None:
    with pytest.raises(DataError, match=re.escape(complaint)):
        goal_of(f'{{"kind": "reach", {rest}}}', known)
    with pytest.raises(DataError, match="a goal of kind home has no"):
        goal_of(f'{{"kind": "home", {rest}}}', known)


def test_home_is_given_up_sooner_or_later() -> None:
    assert goal_of("home", KNOWN).limit_s == 30.0
    assert goal_of('{"kind": "home", "time_limit_s": 5}', KNOWN).limit_s == 5.0
    assert goal_of("reach", KNOWN).limit_s == float("inf")


def test_an_errand_tells_what_was_foreseen_and_ends_once() -> None:
    errand = Errand(goal_of("reach", KNOWN), 7, 0.0)
    assert errand.report() == {"goal": "reach", "goal_number": 7, "outcome": "running", "outcome_message": ""}
    signals = {"progress": np.array([0.1, 0.75]), "woken": np.array([0.5, 0.25])}
    kept = (Candidate(0, 1.0, np.zeros((2, 4)), signals, {}),)
    errand.foresee(Plan(np.zeros((2, 4)), np.zeros(2), 1.0, 8, 1, 0.1, kept=kept), harm="woken")
    assert (errand.steps, errand.success, errand.risk) == (1, 0.75, 0.5)
    errand.end(Outcome.HARM, "the dog woke")
    errand.end(Outcome.REACHED, "all is well")
    said = errand.report()
    assert (said["outcome"], said["outcome_message"]) == ("harm", "the dog woke")
    assert (said["predicted_success"], said["predicted_risk"]) == (0.75, 0.5)


class TwoJoints:
    """All of an arm's motion that a pilot needs to be taken home."""

    joints, period_s = ("a", "b"), 0.2


class Walk:
    """An arm that does what it is told at once, and a guard that lets everything pass unless ``kept``."""

    def __init__(self, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s  # until the arm has been told
        self.pilot, self.now_s, self.kept = Pilot(TwoJoints(), braking_radps2=8.0), 10.0, False
        self.homing = Homing(self.pilot, HOME)
        self.pieces: list[Trajectory] = []
        self.pilot.sense(TwoJoints.joints, np.zeros(2), self.now_s)

    def tick(self) -> None:
        """Once more."""
        piece = self.homing.next(self.now_s)
        self.now_s += self.latency_s
        if piece is not None and not self.kept:
            self.pieces.append(piece)
            self.pilot.hear(Command(TwoJoints.joints, piece.times_s, piece.q_rad, piece.qd_radps), self.now_s)
        self.now_s += EVERY_S - self.latency_s
        self.pilot.sense(TwoJoints.joints, self.pilot.at(self.now_s), self.now_s)


def test_the_way_home_is_slow_and_may_end_anywhere() -> None:
    walk = Walk()
    assert not walk.homing.arrived(walk.now_s)
    began_s = walk.now_s
    while not walk.homing.arrived(walk.now_s):
        walk.tick()
        assert walk.now_s < began_s + 10
    assert np.abs(walk.pilot.measured - HOME).max() <= NEAR_RAD
    assert walk.now_s - began_s == pytest.approx(slow_way(np.zeros(2), HOME).duration_s, abs=1.0)
    for piece in walk.pieces:
        speed, acceleration = piece.peaks()
        assert speed.max() <= SPEED_RADPS * 1.01
        assert acceleration.max() <= ACCELERATION_RADPS2 * 1.5
        assert not piece.qd_radps[-1].any()


def test_an_arm_that_was_kept_from_going_home_begins_anew() -> None:
    walk = Walk()
    walk.tick()
    walk.kept = True
    for _ in range(30):
        walk.tick()
    stood = walk.pilot.at(walk.now_s)
    walk.kept = False
    walk.tick()
    np.testing.assert_allclose(walk.pieces[-1].q_rad[0], stood, atol=1e-9)
    assert np.abs(walk.pieces[-1].qd_radps).max() <= SPEED_RADPS
    while not walk.homing.arrived(walk.now_s):
        walk.tick()
        assert walk.now_s < 40


@pytest.mark.parametrize("late_s", [0.0, 0.45, 2.0])
@pytest.mark.parametrize("latency_s", [0.01, 0.03, 0.06, 0.09])
def test_who_is_late_does_not_hurry(latency_s: float, late_s: float) -> None:
    """Commands that take a while, and now and then none: the arm goes on slowly, from where it has come to by then."""
    walk = Walk(latency_s)
    for tick in range(200):
        walk.tick()
        if tick in (7, 15, 22):
            walk.now_s += late_s
            walk.pilot.sense(TwoJoints.joints, walk.pilot.at(walk.now_s), walk.now_s)
    assert walk.homing.arrived(walk.now_s)
    assert max(piece.peaks()[0].max() for piece in walk.pieces) <= SPEED_RADPS * 1.1


def test_nothing_is_sent_while_the_arm_still_comes_to_rest() -> None:
    walk = Walk()
    moving = Trajectory(np.array([0.0, 1.0]), np.array([[0, 0], [-0.4, 0]]), np.zeros((2, 2)))
    walk.pilot.hear(Command(TwoJoints.joints, moving.times_s, moving.q_rad, moving.qd_radps), walk.now_s)
    walk.now_s += 0.5
    assert walk.homing.next(walk.now_s) is None
    walk.now_s += 0.6
    assert walk.homing.next(walk.now_s) is not None
