"""Faults of what the arm and the camera say: messages changed or swallowed on their way to the one who reads them."""

from collections.abc import Callable
from typing import Any

from rehearse.ros_nodes.codes import Code
from rehearse.ros_nodes.guard import Action, Reason
from tests.faults.registry import fault
from tests.faults.rig import SURE_S, Rig

SENSED = {"/joint_states": "guard"}


def sensed(rig: Rig, tamper: Callable, action: Action, reason: Reason) -> float:
    """Joint states are damaged from now on."""
    rig.break_it()
    good, rig.relay["/joint_states"] = rig.relay["/joint_states"], tamper
    rig.said(action, reason)
    took_s = rig.rests()
    rig.relay["/joint_states"] = good
    return took_s


@fault("joint states that lack a joint", "hold `joint_set`", relayed=SENSED)
def joint_states_missing(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.name = message.name[1:]
        return message

    return sensed(rig, tamper, Action.HOLD, Reason.JOINT_SET)


@fault("joint states with NaN", "hold `not_finite`", relayed=SENSED)
def joint_states_nan(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.position[0] = float("nan")
        return message

    return sensed(rig, tamper, Action.HOLD, Reason.NOT_FINITE)


@fault("joint states in another order", "go on, by name", relayed=SENSED)
def joint_states_reordered(rig: Rig) -> None:
    def tamper(message: Any) -> Any:
        message.name, message.position = ["finger", *message.name[::-1]], [0.02, *message.position[::-1]]
        return message

    rig.break_it()
    rig.relay["/joint_states"] = tamper
    rig.goes_on()


@fault("joint states that stay away", "hold `stale_joints`", relayed=SENSED)
def joint_states_silent(rig: Rig) -> float:
    return sensed(rig, lambda message: None, Action.HOLD, Reason.STALE_JOINTS)


@fault("an arm that does not follow", "stop `tracking`, until reset", relayed=SENSED)
def not_following(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.position[4] += 0.4
        return message

    return sensed(rig, tamper, Action.STOP, Reason.TRACKING)


FIRST = "camera/image_raw"
# Slowly, so that the planner is in time on any machine; the guard, which goes by the wall's clock, waits longer.
PATIENT = {"joint_timeout_s": 10.0, "command_age_s": 10.0, "command_timeout_s": 10.0, "deadman_timeout_s": 10.0}
THINKS = {"planner": "node", "pace": 0.1, "deaf": True, "guard": PATIENT}
SEEN = {**THINKS, "relayed": {f"/{FIRST}": "planner"}}


def blinded(rig: Rig, tamper: Callable, code: Code, of: str = FIRST) -> float:
    """Pictures, or what is felt, are damaged from now on; the robot time until the arm rests."""
    rig.break_it()
    rig.relay[f"/{of}"] = tamper
    rig.complained(code, of)
    took_s = rig.rests(sure_s=SURE_S + 1.0)  # a camera is not called silent, or frozen, at once
    rig.stays_at_rest()
    return took_s


def freezing() -> Callable:
    """The first picture over and over."""

    def tamper(message: Any) -> Any:
        last.append(message.data)
        message.data = last[0]
        return message

    last: list = []
    return tamper


def silent(message: Any) -> None:
    """Nothing comes."""


@fault("the camera freezes, with new stamps", "planner error, rest", **SEEN)
def camera_frozen(rig: Rig) -> float:
    return blinded(rig, freezing(), Code.CAMERA_FROZEN)


@fault("the camera falls silent", "planner error, rest", **SEEN)
def camera_silent(rig: Rig) -> float:
    return blinded(rig, silent, Code.CAMERA_STALE)


@fault("a picture of the wrong encoding", "planner error, rest", **SEEN)
def image_encoding(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.encoding = "bgr8"
        return message

    return blinded(rig, tamper, Code.WRONG_SHAPE)


@fault("a picture cut short", "planner error, rest", **SEEN)
def image_truncated(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.data = message.data[:1000]
        return message

    return blinded(rig, tamper, Code.WRONG_SHAPE)
