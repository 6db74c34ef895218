"""Errors and their codes, without ROS."""

import pytest

from rehearse.errors import CheckpointError, DataError
from rehearse.planner import PlanningError
from rehearse.ros_nodes.codes import AT_EASE, PASSING, Code, Fault, Said, told_by


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Fault(Code.CAMERA_STALE, "why"), Code.CAMERA_STALE),
        (DataError("why"), Code.WRONG_SHAPE),
        (PlanningError("why"), Code.NO_FINITE_PLAN),
        (CheckpointError("why"), Code.NO_MODEL),
        (ValueError("why"), Code.FAILED),
    ],
)
def test_an_error_has_a_code_and_keeps_its_sentence(error: Exception, code: Code) -> None:
    assert told_by(error) == Said(code, "why")


def test_an_error_without_a_sentence_is_named() -> None:
    assert told_by(ValueError()) == Said(Code.FAILED, "ValueError()")


def test_whatever_an_error_may_be_told_by_is_an_error() -> None:
    told = {told_by(kind("why")).code for kind in (DataError, PlanningError, CheckpointError, ValueError)}
    assert not told & (AT_EASE | PASSING)
    assert not AT_EASE & PASSING
