"""What the guard may say: an action, the reason for it, and a sentence for people.

    Verdict(Action.HOLD, Reason.NOT_FINITE, "joint2 at point 3 is nan")

Actions are ordered; of several verdicts the severest counts, and among equals the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Action(IntEnum):
    """What becomes of a command, by severity."""

    PASS = 0  # it goes on as it is, ended by a braking tail
    CLAMP = 1  # it goes on slower: the same path, stretched in time
    HOLD = 2  # it does not go on; all joints brake; the next good command is carried out
    STOP = 3  # as HOLD, and nothing goes on until somebody resets the guard


class Reason(StrEnum):
    """Why. The codes are public: docs/safety.md lists them, and they never change their meaning."""

    OK = "ok"
    NOT_FINITE = "not_finite"
    STALE_COMMAND = "stale_command"
    STALE_JOINTS = "stale_joints"
    DISABLED = "disabled"
    STALE_ENABLE = "stale_enable"
    JOINT_SET = "joint_set"
    MARGIN = "margin"
    POSITION = "position"
    VELOCITY = "velocity"
    ACCELERATION = "acceleration"
    WORKSPACE = "workspace"
    JUMP = "jump"
    SILENT = "silent"
    CONTROLLER_GONE = "controller_gone"
    TRACKING = "tracking"
    CLOCK = "clock"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Verdict:
    """``stretch``: by how much a CLAMP slows the trajectory down; 1 for every other action."""

    action: Action
    reason: Reason
    detail: str = ""
    stretch: float = 1.0


PASS = Verdict(Action.PASS, Reason.OK)


def severest(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of the greatest severity; of several CLAMPs the one that slows down most."""
    return max(verdicts, key=lambda verdict: (verdict.action, verdict.stretch), default=PASS)
