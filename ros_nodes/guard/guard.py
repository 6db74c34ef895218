"""What the guard remembers between messages, and what it lets the arm be told.

    verdict, told = guard.judge(command, now, controllers)     # a command came in
    verdict, told = guard.watch(now, controllers)              # time went by

``told`` is a Trajectory for the controller or None: nothing new. Every one begins where the arm has been told to be and
ends at rest within the limits; before it leaves it is checked again as it leaves. Two clocks: ROS time for where along
its trajectory the arm is (it may run slow, stand still or jump), steady time for whether others are alive.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rehearse.errors import ConfigError
from rehearse.ros_nodes.guard import checks
from rehearse.ros_nodes.guard.chain import Chain
from rehearse.ros_nodes.guard.limits import Limits
from rehearse.ros_nodes.guard.trajectory import (
    MOST_JOINTS,
    Command,
    Reference,
    Trajectory,
    arranged,
    braking,
    cut,
    standing,
    starting_from,
    stretched,
    with_tail,
)
from rehearse.ros_nodes.guard.verdict import PASS, Action, Reason, Verdict, severest
from rehearse.ros_nodes.parameters import GuardParameters

Answer = tuple[Verdict, Trajectory | None]
STAND_S = 0.5  # in which a controller gets to where the arm is, when it is told to stand
_BACK_S = 1e-3  # a clock read twice may be a little behind itself


class Now(NamedTuple):
    """One moment on both clocks, seconds."""

    ros_s: float
    steady_s: float


class Guard:
    """One arm's guard. Raises ConfigError for limits or a robot description that make no sense."""

    def __init__(self, settings: GuardParameters) -> None:
        self.settings, self.limits = settings, Limits.of(settings)
        self._chain: Chain | None = None
        if settings.urdf_file:
            urdf = Path(settings.urdf_file)
            if not urdf.is_file():
                raise ConfigError(f"parameter urdf_file: there is no {urdf}")
            self._chain = Chain.of(urdf.read_text(encoding="utf-8"), settings.tip_link, settings.joints)
        self.reference: Reference | None = None  # what the arm has been told; None until it is known where it is
        self.latched: Verdict | None = None
        self._last: Now | None = None
        self._measured: np.ndarray | None = None
        self._damaged = PASS  # what was wrong with the last joint state
        self._sensed_s = self._enabled_s = self._commanded_s = -np.inf  # steady time of the last good ones
        self._lost_s: float | None = None  # steady time since when it is not known what the controller does, and why
        self._lost = PASS
        self._jumped = False  # ROS time did, and the arm has not been sensed since
        self._braked = False

    # -- what comes in -------------------------------------------------------------------------------------------

    def sense(self, joints: tuple[str, ...], q_rad: np.ndarray, now: Now, stamp_s: float = 0.0) -> None:
        """A joint state: any order, other joints may be among them; ``stamp_s`` 0 carries no stamp."""
        if (late := checks.fresh(stamp_s, now.ros_s, self.settings.joint_timeout_s)) is not PASS:
            self._damaged = Verdict(Action.HOLD, Reason.STALE_JOINTS, f"joint_states are {late.detail}")
            return
        if said := _ill_formed(joints, len(q_rad), self.limits.joints):
            self._damaged = Verdict(Action.HOLD, Reason.JOINT_SET, f"joint_states {said}")
            return
        measured = np.array([q_rad[joints.index(name)] for name in self.limits.joints], float)
        if not np.isfinite(measured).all():
            self._damaged = Verdict(Action.HOLD, Reason.NOT_FINITE, "joint_states are not finite")
            return
        self._measured, self._damaged, self._sensed_s = measured, PASS, now.steady_s
        if self.reference is None:
            self.reference = Reference(measured)

    def enable(self, on: bool, now: Now) -> None:
        """The deadman's switch says that it is held, or that it is not."""
        self._enabled_s = now.steady_s if on else -np.inf

    def stop(self, now: Now) -> Trajectory | None:
        """The operator's: brake, and let nothing pass until `reset`."""
        self.latched = self.latched or Verdict(Action.STOP, Reason.OPERATOR, "stopped by ~/stop")
        return self._brake(now)

    def reset(self, now: Now, controllers: int) -> tuple[bool, str, Trajectory | None]:
        """Begin anew where the arm is, which it is told to hold; refused while what is wrong goes on."""
        wrong = severest([self._alive(now), self._followed(controllers)])
        if wrong.action >= Action.HOLD:
            return False, f"not reset, {wrong.reason}: {wrong.detail}", None
        if not self.reference.rests(now.ros_s):
            return False, "not reset: the arm is still braking", None
        self.latched, self._lost_s, self._jumped = None, None, False
        return True, "reset; the next good command is carried out", self._stand(now)

    # -- what goes out -------------------------------------------------------------------------------------------

    def judge(self, command: Command, now: Now, controllers: int) -> Answer:
        """What becomes of a command."""
        self._commanded_s = now.steady_s
        if self._time_jumped(now):
            return self._lost, None
        verdict, trajectory = self._examine(command, now, controllers)
        if verdict.action >= Action.HOLD:
            return self._refuse(verdict, now)
        self._braked = False
        self.reference.begin(trajectory, now.ros_s)
        return verdict, trajectory

    def watch(self, now: Now, controllers: int) -> Answer:
        """What is wrong now, whether or not anybody commands; brakes where something is and the arm moves."""
        if self._time_jumped(now):
            return self._lost, None
        if self._jumped and self._sensed_s > self._lost_s:
            self._jumped = False
            return self._lost, self._stand(now)
        if (gone := self._followed(controllers)) is not PASS:
            self._lose(gone, now)
        elif self._lost_s is not None and self._sensed_s > self._lost_s and self.reference.rests(now.ros_s):
            self._lost_s, self.reference = None, Reference(self._measured)
        found = self._lasting(now, controllers)
        moving = self.reference is not None and not self.reference.rests(now.ros_s)
        silent_s = now.steady_s - self._commanded_s
        if found is PASS and moving and not self._braked and silent_s > self.settings.command_timeout_s:
            found = Verdict(Action.HOLD, Reason.SILENT, f"no command for {silent_s:.2f} s")
        return self._refuse(found, now) if found.action >= Action.HOLD else (found, None)

    def _examine(self, command: Command, now: Now, controllers: int) -> tuple[Verdict, Trajectory | None]:
        """The verdict on a command, and what of it may go on."""
        limits, settings = self.limits, self.settings
        early = [
            checks.finite(command),
            checks.fresh(command.stamp_s, now.ros_s, settings.command_age_s),
            self._lasting(now, controllers),
            checks.joint_set(command, limits.joints),
        ]
        if (verdict := severest(early)).action >= Action.HOLD:
            return verdict, None
        state, given = self.reference.at(now.ros_s), arranged(command, limits.joints)
        wished = cut(starting_from(state, given), settings.horizon_s)
        found = [
            checks.position(wished, limits),
            checks.velocity(wished, limits, settings.most_stretch),
            checks.acceleration(wished, limits, settings.most_stretch),
            self._workspace(wished),
            checks.continuity(given, float(command.times_s[0]), state, settings.jump_rad),
        ]
        if (verdict := severest(found)).action >= Action.HOLD:
            return verdict, None
        if np.isinf(verdict.stretch):
            return Verdict(Action.HOLD, verdict.reason, f"{verdict.detail}: too much to slow down"), None
        final = with_tail(cut(stretched(wished, verdict.stretch), settings.horizon_s), limits.acceleration)
        last = severest([checks.position(final, limits), checks.room_to_brake(final, limits), self._workspace(final)])
        return (last, None) if last.action >= Action.HOLD else (verdict, final)

    # -- what is wrong -------------------------------------------------------------------------------------------

    def _lasting(self, now: Now, controllers: int) -> Verdict:
        """What is wrong apart from any command; what has been latched or lost comes first."""
        if self.latched is not None:
            return self.latched
        if self._lost_s is not None:
            return self._lost
        if (found := severest([self._alive(now), self._followed(controllers)])) is not PASS:
            return found
        error = np.abs(self._measured - self.reference.at(now.ros_s)[0])
        if error.max() > self.settings.tracking_rad:
            name = self.limits.joints[int(error.argmax())]
            self.latched = Verdict(
                Action.STOP, Reason.TRACKING, f"{name} is {error.max():.3f} rad from where it should be"
            )
            return self.latched
        return self._enabled(now)

    def _alive(self, now: Now) -> Verdict:
        """Whether the arm says where it is."""
        if self._damaged is not PASS:
            return self._damaged
        age_s = now.steady_s - self._sensed_s
        if age_s > self.settings.joint_timeout_s:
            said = "no joint_states yet" if np.isinf(age_s) else f"no joint_states for {age_s:.2f} s"
            return Verdict(Action.HOLD, Reason.STALE_JOINTS, said)
        return PASS

    def _followed(self, controllers: int) -> Verdict:
        """Whether somebody carries out what the arm is told."""
        if controllers < 1:
            return Verdict(Action.HOLD, Reason.CONTROLLER_GONE, "nobody listens to joint_trajectory")
        return PASS

    def _enabled(self, now: Now) -> Verdict:
        if not self.settings.deadman:
            return PASS
        return checks.enabled(now.steady_s - self._enabled_s, self.settings.deadman_timeout_s)

    def _workspace(self, trajectory: Trajectory) -> Verdict:
        if self._chain is None:
            return PASS
        return checks.workspace(self._chain.forward(trajectory.samples()[0]), self.limits)

    def _time_jumped(self, now: Now) -> bool:
        """Notice a jump of ROS time. Where the arm is on its way is then unknown, until it is sensed."""
        last, self._last = self._last, now
        if last is None or self.reference is None:
            return False
        step_s, steady_s = now.ros_s - last.ros_s, now.steady_s - last.steady_s
        if -_BACK_S <= step_s <= steady_s + self.settings.clock_jump_s:
            return False
        self._lose(Verdict(Action.HOLD, Reason.CLOCK, f"ROS time jumped by {step_s - steady_s:.3f} s"), now)
        self._jumped, self.reference = True, Reference(self.reference.at(last.ros_s)[0])
        return True

    def _lose(self, why: Verdict, now: Now) -> None:
        """From now on it is not known what the controller does; known again once at rest and sensed anew."""
        self._lost_s, self._lost = now.steady_s, why

    # -- what the arm is told ------------------------------------------------------------------------------------

    def _refuse(self, verdict: Verdict, now: Now) -> Answer:
        if verdict.action == Action.STOP:
            self.latched = self.latched or verdict
        return verdict, self._brake(now)

    def _stand(self, now: Now) -> Trajectory:
        """To where the arm is measured to be, gently: not to where it should be, for it may have been put elsewhere."""
        told = standing(self._measured, within_s=STAND_S)
        self.reference, self._braked = Reference(self._measured), True
        self.reference.begin(told, now.ros_s)
        return told

    def _brake(self, now: Now) -> Trajectory | None:
        """To rest, once; None where the arm rests or brakes already."""
        if self.reference is None or self._braked or self.reference.rests(now.ros_s):
            return None
        told = braking(*self.reference.at(now.ros_s), self.limits.acceleration)
        self._braked = True
        self.reference.begin(told, now.ros_s)
        return told


def _ill_formed(joints: tuple[str, ...], positions: int, wanted: tuple[str, ...]) -> str:
    """What is wrong with the names of a joint state, or ""."""
    if len(joints) > MOST_JOINTS:
        return f"name more than {MOST_JOINTS} joints"
    if missing := [name for name in wanted if name not in joints]:
        return f"lack {', '.join(missing)}"
    if len(set(joints)) < len(joints):
        return "name a joint twice"
    return "" if positions == len(joints) else "have names without positions"
