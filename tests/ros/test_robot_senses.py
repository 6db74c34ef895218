"""planner_node names the sense that fails, and the arm rests: at a slow robot's pace, on real processes."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from rehearse.ros_nodes.codes import Code
from tests.faults.rig import Setup, running
from tests.faults.senses import PATIENT, THINKS, blinded, freezing, silent

pytestmark = [pytest.mark.ros, pytest.mark.gl]
LEFT = "camera/left/image_raw"


def longer(message: Any) -> Any:
    """A number too many."""
    message.position = [*message.position, 0.0]
    return message


@pytest.mark.parametrize(
    ("topic", "views", "tamper", "code"),
    [
        (LEFT, ("left",), silent, Code.CAMERA_STALE),
        (LEFT, ("left",), freezing(), Code.CAMERA_FROZEN),
        ("proprio", (), silent, Code.UNPAIRED),
        ("proprio", (), longer, Code.WRONG_SHAPE),
    ],
    ids=["second_camera_silent", "second_camera_frozen", "proprio_silent", "proprio_too_long"],
)
def test_what_fails_is_named_and_the_arm_rests(topic: str, views: tuple, tamper: Callable, code: Code) -> None:
    with running(Setup(**THINKS, views=views, relayed={f"/{topic}": "planner"})) as rig:
        blinded(rig, tamper, code, topic)
        rig.within_limits()


def test_the_planners_libraries_leave_the_guard_as_it_is() -> None:
    """In one process with them: they have not touched the root logger, or it would have ended; and it guards."""
    with running(Setup(burdened=True, pace=0.2, guard=PATIENT)) as rig:
        rig.break_it()
        rig.goes_on(robot_s=2.0)
        rig.within_limits()
