"""Faults of clocks, of processes that die or hang, and what the operator may do."""

import signal
from typing import Any

from rehearse.ros_nodes.guard import Action, Reason
from tests.faults.registry import fault
from tests.faults.rig import LIMITS, SURE_S, Rig, seconds


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


# Its last command ends at rest soon after the usual 0.5 s: on a busy machine before the guard has looked.
@fault("the planner falls silent, for 0.3 s", "hold `silent`", guard={"command_timeout_s": 0.3})
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


@fault("the planner is deactivated in mid-motion", "brake, as its last word; go on, activated again", planner="node")
def planner_deactivated(rig: Rig) -> float:
    from lifecycle_msgs.msg import Transition

    rig.probe.change_state("/planner", Transition.TRANSITION_CONFIGURE)  # refused, but now the two know each other
    rig.break_it()
    assert rig.probe.change_state("/planner", Transition.TRANSITION_DEACTIVATE)
    took_s = rig.rests()
    rig.stays_at_rest()
    assert rig.probe.change_state("/planner", Transition.TRANSITION_ACTIVATE)
    assert rig.probe.call("/planner/start").success
    rig.probe.until(rig.moves, "the arm to move again")
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


@fault("the guard is suspended, and goes on after the switch fell silent", "rest, then hold `disabled`")
def guard_suspended(rig: Rig) -> float:
    rig.break_it()
    rig.processes["guard"].send_signal(signal.SIGSTOP)
    rig.wait(0.2)  # the last true waits for it
    rig.held = None
    took_s = rig.rests()
    rig.stays_at_rest(robot_s=1.0)
    rig.mark()
    rig.processes["guard"].send_signal(signal.SIGCONT)
    rig.stays_at_rest(robot_s=1.0)
    rig.said(Action.HOLD, Reason.DISABLED)
    rig.held = True
    rig.probe.until(rig.moves, "the arm to move again")
    return took_s


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
