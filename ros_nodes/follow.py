"""FollowJointTrajectory without ROS: whether a goal may begin, whether it is kept to, and how it ended.

    goal = Goal(command, path, at_end, goal_time_s); code, said = refusal(goal, joints, now_s)
    way = Way(goal, joints, now_s); ended = way.ended(now_s, desired, actual)          # every period; None: on its way

The rules are joint_trajectory_controller's: while the trajectory lasts every joint keeps within its path tolerance; at
its end all must be within their goal tolerance, and rest, at once or within ``goal_time_s`` (0: however long it takes).
A tolerance that is not given, or 0, is the default; a negative one is none at all. Radians, seconds; J joints.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.checks import finite
from rehearse.ros_nodes.guard.trajectory import Command, arranged, listed
from rehearse.ros_nodes.guard.verdict import PASS

STOPPED_RADPS = 0.05  # slower is at rest
State = tuple[np.ndarray, np.ndarray]  # positions and velocities (J,)


class Code(IntEnum):
    """As in control_msgs/action/FollowJointTrajectory."""

    SUCCESSFUL = 0
    INVALID_GOAL = -1
    INVALID_JOINTS = -2
    OLD_HEADER_TIMESTAMP = -3
    PATH_TOLERANCE_VIOLATED = -4
    GOAL_TOLERANCE_VIOLATED = -5


class Ended(NamedTuple):
    """How a goal ended, in a number and in a sentence."""

    code: Code
    said: str


class Tolerance(NamedTuple):
    """How far one joint may be from where it should be: rad, rad/s."""

    joint: str
    position: float
    velocity: float


@dataclass(frozen=True)
class Goal:
    """What was asked for. ``path`` and ``at_end`` name joints, in any order, not all."""

    command: Command
    path: tuple[Tolerance, ...] = ()
    at_end: tuple[Tolerance, ...] = ()
    goal_time_s: float = 0.0


def refusal(goal: Goal, joints: tuple[str, ...], now_s: float) -> Ended | None:
    """Why this goal cannot begin, or None."""
    command = goal.command
    named = {tolerance.joint for tolerance in (*goal.path, *goal.at_end)}
    if strange := sorted((set(command.joints) ^ set(joints)) | (named - set(joints))):
        return Ended(Code.INVALID_JOINTS, f"joints do not match: {listed(strange)}")
    numbers = [number for tolerance in (*goal.path, *goal.at_end) for number in tolerance[1:]]
    if not np.isfinite([*numbers, goal.goal_time_s]).all() or goal.goal_time_s < 0:
        return Ended(Code.INVALID_GOAL, "a tolerance is no number, or goal_time_tolerance is negative")
    if (verdict := finite(command)) is not PASS:
        return Ended(Code.INVALID_GOAL, verdict.detail)
    if command.stamp_s and command.stamp_s < now_s:
        return Ended(Code.OLD_HEADER_TIMESTAMP, f"its stamp is {now_s - command.stamp_s:.3f} s old; stamp 0 is now")
    try:
        arranged(command, joints)
    except DataError as error:
        return Ended(Code.INVALID_GOAL, str(error))
    return None


class Way:
    """One goal from its beginning at ``began_s`` on."""

    def __init__(self, goal: Goal, joints: tuple[str, ...], began_s: float) -> None:
        self._joints, self._goal_time_s = joints, goal.goal_time_s
        self.end_s = began_s + float(goal.command.times_s[-1])
        self._path = _each(goal.path, joints, Tolerance("", np.inf, np.inf))
        self._at_end = _each(goal.at_end, joints, Tolerance("", np.inf, STOPPED_RADPS))

    def ended(self, now_s: float, desired: State, actual: State) -> Ended | None:
        """Whether it is over, given where all joints should be and are."""
        if now_s < self.end_s:
            off = self._off(self._path, desired, actual)
            return Ended(Code.PATH_TOLERANCE_VIOLATED, off) if off else None
        if not (off := self._off(self._at_end, desired, actual)):
            return Ended(Code.SUCCESSFUL, "there, and at rest")
        if self._goal_time_s and now_s > self.end_s + self._goal_time_s:
            return Ended(Code.GOAL_TOLERANCE_VIOLATED, f"{now_s - self.end_s:.2f} s after the end, {off}")
        return None

    def _off(self, tolerances: State, desired: State, actual: State) -> str:
        """The joint that is furthest out, in words, or ""."""
        for what, unit, most, wanted, found in zip(
            ("", " in speed"), ("rad", "rad/s"), tolerances, desired, actual, strict=True
        ):
            error = np.abs(found - wanted)
            if (excess := error - most).max() > 0:
                i = int(excess.argmax())
                return f"{self._joints[i]} is off{what} by {error[i]:.3f} {unit}, at most {most[i]:.3f}"
        return ""


def _each(given: Iterable[Tolerance], joints: tuple[str, ...], usual: Tolerance) -> State:
    """Tolerances (J,) of position and velocity: what was given for a joint, else what is usual."""
    asked = {tolerance.joint: tolerance for tolerance in given}
    meant = lambda number, default: default if number == 0 else np.inf if number < 0 else number  # noqa: E731
    pairs = [
        (meant(said.position, usual.position), meant(said.velocity, usual.velocity))
        for said in (asked.get(joint, Tolerance(joint, 0.0, 0.0)) for joint in joints)
    ]
    position, velocity = np.array(pairs, float).T
    return position, velocity
