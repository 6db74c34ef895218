"""What planner_node says of itself: a code that programs may act on, and a sentence for people. Knows no ROS.

raise Fault(Code.CAMERA_STALE, "camera/image_raw is stale: its picture is 0.61 s old")
said = Said(Code.WAITING, "waiting for joint_states"); said = told_by(error)
"""

from enum import StrEnum
from typing import NamedTuple

from rehearse.errors import CheckpointError, DataError
from rehearse.planner import PlanningError


class Code(StrEnum):
    """The value ``code`` of ~/status. Public: docs/ros.md lists them, and they never change their meaning."""

    OK = "ok"
    UNCONFIGURED = "unconfigured"
    INACTIVE = "inactive"
    STOPPED = "stopped"
    WAITING = "waiting"
    NO_LISTENER = "no_listener"
    LATE = "late"
    CAMERA_STALE = "camera_stale"
    CAMERA_FROZEN = "camera_frozen"
    JOINT_STATES = "joint_states"
    UNPAIRED = "unpaired"
    WRONG_SHAPE = "wrong_shape"
    NO_FINITE_PLAN = "no_finite_plan"
    TOO_SLOW = "too_slow"
    NO_MODEL = "no_model"
    FAILED = "failed"


AT_EASE = frozenset({Code.OK, Code.UNCONFIGURED, Code.INACTIVE, Code.STOPPED})
PASSING = frozenset({Code.WAITING, Code.NO_LISTENER, Code.LATE})  # warnings; all others are errors


class Fault(DataError):
    """What stands in the way of planning, with its code."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Said(NamedTuple):
    """How things are."""

    code: Code
    message: str


def told_by(error: Exception) -> Said:
    """An error with its code."""
    if isinstance(error, Fault):
        code = error.code
    else:
        codes = {
            PlanningError: Code.NO_FINITE_PLAN,
            DataError: Code.WRONG_SHAPE,
            CheckpointError: Code.NO_MODEL,
        }
        code = next((code for kind, code in codes.items() if isinstance(error, kind)), Code.FAILED)
    return Said(code, str(error) or repr(error))
