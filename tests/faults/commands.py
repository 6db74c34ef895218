"""Faults of what the planner sends: each a change made to every command from a moment on."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rehearse.ros_nodes.guard import Action, Reason
from tests.faults.registry import fault
from tests.faults.rig import LIMITS, URDF, Rig


def changed(
    rig: Rig, tamper: Callable, action: Action, reason: Reason, latched: bool = False, at_once: bool = True
) -> float:
    """Commands are damaged from now on: the arm rests, and, unless latched, goes on with the next good one.

    Not ``at_once``: the fault begins with the first refusal, for until then the commands were good.
    """
    rig.break_it()
    good, rig.tamper = rig.tamper, tamper
    rig.said(action, reason)
    if not at_once:
        rig.mark()
    took_s = rig.rests()
    rig.stays_at_rest()
    rig.tamper = good
    if latched:
        rig.stays_at_rest()
        rig.probe.until(lambda: rig.probe.call("/guard/reset").success, "a reset")
    rig.probe.until(rig.moves, "the arm to move again")
    return took_s


@fault("a plan with NaN", "hold `not_finite`")
def nan_plan(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.points[1].positions[2] = float("nan")
        return message

    return changed(rig, tamper, Action.HOLD, Reason.NOT_FINITE)


@fault("a plan that lacks a joint", "hold `joint_set`")
def missing_joint(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.joint_names = message.joint_names[:-1]
        return message

    return changed(rig, tamper, Action.HOLD, Reason.JOINT_SET)


@fault("a plan with its joints in another order", "go on, by name")
def reordered_joints(rig: Rig) -> None:
    def tamper(message: Any) -> Any:
        message.joint_names = message.joint_names[::-1]
        for point in message.points:
            point.positions, point.velocities = point.positions[::-1], point.velocities[::-1]
        return message

    rig.break_it()
    rig.tamper = tamper
    rig.goes_on()
    swung = np.ptp([message.position for message in rig.since("joints")], axis=0)
    assert swung[0] > 0.1, "the first joint is to swing"
    assert swung[1:].max() < 0.05, "and no other"


@fault("a plan stamped two seconds ago", "hold `stale_command`")
def stale_command(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        now = rig.joints[-1].header.stamp
        message.header.stamp.sec, message.header.stamp.nanosec = now.sec - 2, now.nanosec
        return message

    rig.wait(2.5)  # a stamp is not negative
    return changed(rig, tamper, Action.HOLD, Reason.STALE_COMMAND)


@fault("a plan of a while ago, over and over", "hold `jump`")
def replayed_command(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        kept.append(message)
        moved = abs(message.points[0].positions[0] - kept[0].points[0].positions[0])
        old.extend(kept[:1] if moved > 0.1 and not old else [])  # the arm is elsewhere by now
        return old[0] if old else message

    kept: list = []
    old: list = []
    return changed(rig, tamper, Action.HOLD, Reason.JUMP, at_once=False)


@fault("a plan re-anchored 0.2 rad away", "hold `jump`")
def jump(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        for point in message.points:
            point.positions[3] += 0.2
        return message

    return changed(rig, tamper, Action.HOLD, Reason.JUMP)


def scaled(message: Any, factor: float) -> Any:
    """A motion as many times as large and as fast."""
    start = np.array(message.points[0].positions)
    for point in message.points[1:]:
        point.positions = (start + factor * (np.array(point.positions) - start)).tolist()
        point.velocities = (factor * np.array(point.velocities)).tolist()
    return message


@fault("a plan beyond a joint's limit", "stop `position`, until reset")
def beyond_position(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.points[-1].positions[1] = LIMITS.position_high_rad[1] + 0.5
        return message

    return changed(rig, tamper, Action.STOP, Reason.POSITION, latched=True)


def slowed(rig: Rig, factor: float, reason: Reason) -> None:
    """Too fast or too hard: what the arm is told is within its limits all the same."""
    rig.break_it()
    rig.tamper = lambda message: scaled(message, factor)
    rig.said(Action.CLAMP, reason)
    rig.wait(1.0)
    rig.tamper = lambda message: None
    rig.rests(sure_s=np.inf)


@fault("a plan 1.4 times as fast as a joint may be", "clamp `velocity`")
def beyond_velocity(rig: Rig) -> None:
    slowed(rig, 9.0, Reason.VELOCITY)


@fault("a plan that accelerates too hard", "clamp `acceleration`")
def beyond_acceleration(rig: Rig) -> None:
    slowed(rig, 4.0, Reason.ACCELERATION)


@fault("a plan forty times too fast", "hold `velocity`")
def absurd_velocity(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        for point in message.points:
            point.time_from_start.nanosec //= 40
            point.velocities = [40 * speed for speed in point.velocities]
        return message

    return changed(rig, tamper, Action.HOLD, Reason.VELOCITY)


@fault("a plan that leaves the workspace", "hold `workspace`", guard={"urdf_file": URDF})
def beyond_workspace(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        for index, point in enumerate(message.points):
            point.positions[1] -= 0.15 * index  # leans back, and so lifts the hand
            point.velocities[1] -= 0.4 * (0 < index < len(message.points) - 1)
        return message

    return changed(rig, tamper, Action.HOLD, Reason.WORKSPACE, at_once=False)
