"""The fault table: what is broken, what must happen then, and how that is seen to have happened.

for fault in FAULTS: took_s = fault.happen(rig)     # AssertionError where the fault was not held

Every fault is tried on processes in motion. ``took_s`` is robot time from the fault to rest; None where the arm is not
to rest, for what is damaged is mended (joints in another order) or slowed down (too fast).
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rehearse.ros_nodes.guard import Action, Reason
from tests.faults.rig import LIMITS, SURE_S, URDF, Rig, Setup, seconds


@dataclass(frozen=True)
class Fault:
    """``required`` in words, for the table; ``happen`` breaks a running rig and holds it to that."""

    name: str
    required: str
    happen: Callable[[Rig], float | None]
    setup: Setup


FAULTS: list[Fault] = []


def fault(name: str, required: str, **setup: Any) -> Callable:
    """Enter a function into the table."""
    return lambda happen: FAULTS.append(Fault(name, required, happen, Setup(**setup))) or happen


# -- what the planner sends ----------------------------------------------------------------------------------------


def changed(rig: Rig, tamper: Callable, action: Action, reason: Reason, latched: bool = False) -> float:
    """Commands are damaged from now on: the arm rests, and, unless latched, goes on with the next good one."""
    rig.break_it()
    good, rig.tamper = rig.tamper, tamper
    rig.said(action, reason)
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
    others = np.array([message.velocity[1:] for message in rig.since("joints")])
    assert np.abs(others).max() < 0.25, "only the first joint is to swing"


@fault("a plan stamped two seconds ago", "hold `stale_command`")
def stale_command(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.header.stamp = rig.joints[-1].header.stamp
        message.header.stamp.sec -= 2
        return message

    rig.wait(2.5)  # a stamp is not negative
    return changed(rig, tamper, Action.HOLD, Reason.STALE_COMMAND)


@fault("one plan over and over again", "hold `jump`")
def replayed_command(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        return first.append(message) or message if not first else first[0]

    first: list = []
    return changed(rig, tamper, Action.HOLD, Reason.JUMP)


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

    rig.break_it()
    rig.tamper = tamper
    rig.said(Action.HOLD, Reason.WORKSPACE)
    return rig.rests(sure_s=np.inf)


# -- what the arm says ---------------------------------------------------------------------------------------------

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


# -- clocks, and who is there --------------------------------------------------------------------------------------


@fault("the robot is reset in mid-motion, its clock back at 0", "hold `clock`, then go on from where it is")
def clock_back(rig: Rig) -> None:
    rig.wait(1.0)
    rig.break_it()
    assert rig.probe.call("/sim/reset").success
    rig.said(Action.HOLD, Reason.CLOCK)
    rig.probe.until(lambda: rig.moves() and 0.5 < seconds(rig.joints[-1]) < 60, "the arm to move again")
    rig.goes_on()


@fault(
    "the guard's clock jumps 30 s ahead", "hold `clock` as long as it is not the robot's", relayed={"/clock": "guard"}
)
def clock_ahead(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.clock.sec += 30
        return message

    rig.break_it()
    rig.relay["/clock"] = tamper
    rig.said(Action.HOLD, Reason.CLOCK)
    took_s = rig.rests()
    rig.stays_at_rest()
    return took_s


@fault("the controller is gone", "hold `controller_gone`", guard={"controller": "stub"}, stub=True)
def controller_gone(rig: Rig) -> float:
    rig.break_it()
    rig.stub.destroy_node()
    rig.said(Action.HOLD, Reason.CONTROLLER_GONE)
    return rig.rests()


@fault("the planner falls silent", "hold `silent`")
def planner_silent(rig: Rig) -> float:
    rig.break_it()
    rig.tamper = lambda message: None
    rig.said(Action.HOLD, Reason.SILENT)
    return rig.rests()


@fault("the planner is killed (-9) in mid-motion", "rest", planner="node")
def planner_killed(rig: Rig) -> float:
    rig.break_it()
    rig.kill("planner")
    took_s = rig.rests()
    rig.stays_at_rest()
    return took_s


@fault("the planner hangs, and comes to", "rest, then go on without a jump", planner="node")
def planner_hangs(rig: Rig) -> float:
    rig.break_it()
    rig.processes["planner"].send_signal(signal.SIGSTOP)
    took_s = rig.rests()
    rig.stays_at_rest()
    rig.processes["planner"].send_signal(signal.SIGCONT)
    rig.wait(1.0)
    jumps = [v.message for v in rig.since("verdicts") if v.message.startswith(str(Reason.JUMP))]
    assert not jumps, jumps[0]
    return took_s


@fault("a planner too slow for its plans", "never move", planner="node", futures=100_000, moves=False)
def planner_slow(rig: Rig) -> None:
    rig.break_it()
    rig.stays_at_rest(robot_s=3.0)


@fault("the guard is killed (-9) in mid-motion", "rest")
def guard_killed(rig: Rig) -> float:
    rig.break_it()
    rig.kill("guard")
    took_s = rig.rests()
    rig.stays_at_rest()
    return took_s


@fault("the guard is told to end (SIGTERM) in mid-motion", "brake, as its last word")
def guard_ended(rig: Rig) -> float:
    rig.break_it()
    assert rig.nodes.end(rig.processes["guard"], signal.SIGTERM) == 0
    return rig.rests()


# -- who holds the switch ------------------------------------------------------------------------------------------


@fault("the operator lets go of the deadman's switch", "hold `disabled`")
def released(rig: Rig) -> float:
    rig.break_it()
    rig.held = False
    rig.said(Action.HOLD, Reason.DISABLED)
    took_s = rig.rests()
    rig.stays_at_rest()
    rig.held = True
    rig.probe.until(rig.moves, "the arm to move again")
    return took_s


@fault("the deadman's switch falls silent", "hold `disabled`")
def switch_silent(rig: Rig) -> float:
    rig.break_it()
    rig.held = None
    rig.said(Action.HOLD, Reason.DISABLED)
    return rig.rests(sure_s=SURE_S + LIMITS.deadman_timeout_s)


@fault("the operator calls ~/stop", "stop `operator`, until reset")
def stopped(rig: Rig) -> float:
    rig.break_it()
    assert rig.probe.call("/guard/stop").success
    rig.said(Action.STOP, Reason.OPERATOR)
    took_s = rig.rests(sure_s=SURE_S + 1.0)  # a service's first reply may take a while
    rig.stays_at_rest()
    assert rig.probe.call("/guard/reset").success
    rig.probe.until(rig.moves, "the arm to move again")
    return took_s


# -- what the planner sees -----------------------------------------------------------------------------------------

SEEN = {"planner": "node", "relayed": {"/camera/image_raw": "planner"}}


def blinded(rig: Rig, tamper: Callable, words: str) -> float:
    """Pictures are damaged from now on; the robot time until the arm rests."""
    rig.break_it()
    rig.relay["/camera/image_raw"] = tamper
    rig.complained(words)
    took_s = rig.rests(sure_s=SURE_S + 1.0)  # a camera is not called silent, or frozen, at once
    rig.stays_at_rest()
    return took_s


@fault("the camera freezes, with new stamps", "planner error, rest", **SEEN)
def camera_frozen(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        last.append(message.data)
        message.data = last[0]
        return message

    last: list = []
    return blinded(rig, tamper, "frozen")


@fault("the camera falls silent", "planner error, rest", **SEEN)
def camera_silent(rig: Rig) -> float:
    return blinded(rig, lambda message: None, "stale")


@fault("a picture of the wrong encoding", "planner error, rest", **SEEN)
def image_encoding(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.encoding = "bgr8"
        return message

    return blinded(rig, tamper, "rgb8")


@fault("a picture cut short", "planner error, rest", **SEEN)
def image_truncated(rig: Rig) -> float:
    def tamper(message: Any) -> Any:
        message.data = message.data[:1000]
        return message

    return blinded(rig, tamper, "1000 bytes")
