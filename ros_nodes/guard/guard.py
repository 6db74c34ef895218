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
STAND_S = 0.5  # in which a controller gets to where the arm is, when it is told to stand; longer where that is far
# An arm stands that is sensed within so little for so long, in ROS time; less is an encoder's noise.
STANDS_RAD, STANDS_S = 0.01, 0.2
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
        self._waited, self._waited_s = PASS, -np.inf  # and with one that was sent long ago, and when it came
        self._sensed_s = self._enabled_s = self._commanded_s = -np.inf  # steady time of the last good ones
        self._late_s = 0.0  # how long the last true of the deadman's switch was on its way
        self._untimely, self._untimely_s = PASS, -np.inf  # what was wrong with a true that does not count, and when
        self._lost_s: float | None = None  # steady time since when it is not known what the controller does, and why
        self._lost = PASS
        self._jumped = False  # ROS time did, and the arm has not been sensed to stand since
        self._stood: tuple[float, np.ndarray] | None = None  # since then: from when on it was about there, ROS time
        self._stood_s = 0.0  # and for how long
        self._braked = False

    # -- what comes in -------------------------------------------------------------------------------------------

    def sense(
        self, joints: tuple[str, ...], q_rad: np.ndarray, now: Now, stamp_s: float = 0.0, age_s: float = 0.0
    ) -> None:
        """A joint state: any order, other joints may be among them; ``stamp_s`` 0 carries no stamp.

        It was sent ``age_s`` ago by the wall's clock.
        """
        most_s = self.settings.joint_timeout_s
        if (late := checks.fresh(stamp_s, now.ros_s, most_s)) is not PASS:
            self._damaged = Verdict(Action.HOLD, Reason.STALE_JOINTS, f"joint_states are {late.detail}")
            return
        if (late := checks.timely("a joint state", Reason.STALE_JOINTS, age_s, most_s)) is not PASS:
            self._waited, self._waited_s = late, now.steady_s
            return
        if said := _ill_formed(joints, len(q_rad), self.limits.joints):
            self._damaged = Verdict(Action.HOLD, Reason.JOINT_SET, f"joint_states {said}")
            return
        measured = np.array([q_rad[joints.index(name)] for name in self.limits.joints], float)
        if not np.isfinite(measured).all():
            self._damaged = Verdict(Action.HOLD, Reason.NOT_FINITE, "joint_states are not finite")
            return
        self._measured, self._damaged, self._sensed_s = measured, PASS, now.steady_s
        if self._stood is None or np.abs(measured - self._stood[1]).max() > STANDS_RAD:
            self._stood = now.ros_s, measured
        self._stood_s = now.ros_s - self._stood[0]
        if self.reference is None:
            self.reference = Reference(measured)

    def enable(self, on: bool, now: Now, age_s: float = 0.0) -> None:
        """The deadman's switch says that it is held, or that it is not; sent ``age_s`` ago by the wall's clock.

        It was held when that was sent, not when it came: a true lasts from then on, and an old one counts for nothing.
        """
        if not on:
            self._enabled_s = self._untimely_s = -np.inf
            return
        found = checks.timely("the deadman's true", Reason.STALE_ENABLE, age_s, self.settings.deadman_timeout_s)
        if found is not PASS:
            self._untimely, self._untimely_s = found, now.steady_s
            return
        self._late_s, self._untimely_s = max(age_s, 0.0), -np.inf
        self._enabled_s = max(self._enabled_s, now.steady_s - self._late_s)

    def stop(self, now: Now) -> Trajectory | None:
        """The operator's: brake, and let nothing pass until `reset`."""
        self.latched = self.latched or Verdict(Action.STOP, Reason.OPERATOR, "stopped by ~/stop")
        return None if self._time_jumped(now) else self._brake(now)

    def reset(self, now: Now, controllers: int) -> tuple[bool, str, Trajectory | None]:
        """Begin anew where the arm is, which it is told to hold; refused while what is wrong goes on."""
        wrong = severest([self._alive(now), self._followed(controllers)])
        if wrong.action >= Action.HOLD:
            return False, f"not reset, {wrong.reason}: {wrong.detail}", None
        if not self.reference.rests(now.ros_s):
            return False, "not reset: the arm is still braking", None
        self.latched = None
        if self._jumped:
            return True, "reset; goes on once the arm stands", None
        self._lost_s = None
        return True, "reset; the next good command is carried out", self._stand(now)

    # -- what goes out -------------------------------------------------------------------------------------------

    def judge(self, command: Command, now: Now, controllers: int, age_s: float = 0.0) -> Answer:
        """What becomes of a command that was sent ``age_s`` ago by the wall's clock."""
        self._commanded_s = now.steady_s
        if self._time_jumped(now):
            return self._lost, None
        verdict, trajectory = self._examine(command, now, controllers, age_s)
        if verdict.action >= Action.HOLD:
            return self._refuse(verdict, now)
        self._braked = False
        self.reference.begin(trajectory, now.ros_s)
        return verdict, trajectory

    def watch(self, now: Now, controllers: int) -> Answer:
        """What is wrong now, whether or not anybody commands; brakes where something is and the arm moves."""
        if self._time_jumped(now):
            return self._lost, None
        if self._jumped:
            if self._stood_s < STANDS_S:
                return self._lost, None  # what it was told last ends at rest, and what it makes of that is not known
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

    def _examine(self, command: Command, now: Now, controllers: int, age_s: float) -> tuple[Verdict, Trajectory | None]:
        """The verdict on a command, and what of it may go on."""
        limits, settings = self.limits, self.settings
        early = [
            checks.finite(command),
            checks.fresh(command.stamp_s, now.ros_s, settings.command_age_s),
            checks.timely("the command", Reason.STALE_COMMAND, age_s, settings.command_age_s),
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

    def unsaid(self, now: Now, late_s: float) -> Verdict:
        """What the arm was to be told was not: it was thought out ``late_s`` ago, by a guard that stood still since."""
        self.reference.forget()
        return self._lose_track(f"the guard stood still for {late_s:.3f} s while it judged", now)

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
        if age_s > (most_s := self.settings.joint_timeout_s):
            if now.steady_s - self._waited_s <= most_s:
                return self._waited
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
        most_s = self.settings.deadman_timeout_s
        if (found := checks.enabled(now.steady_s - self._enabled_s, most_s, self._late_s)) is PASS:
            return PASS
        return self._untimely if now.steady_s - self._untimely_s <= most_s else found

    def _workspace(self, trajectory: Trajectory) -> Verdict:
        if self._chain is None:
            return PASS
        return checks.workspace(self._chain.forward(trajectory.samples()[0]), self.limits)

    def _time_jumped(self, now: Now) -> bool:
        """Notice a jump of ROS time. Where the arm is on its way is then unknown, until it is sensed to stand.

        Where ROS time comes by messages, a guard that stood still reads an old one: that jump is still to come.
        """
        last, self._last = self._last, now
        if last is None or self.reference is None:
            return False
        step_s, steady_s = now.ros_s - last.ros_s, now.steady_s - last.steady_s
        slept = steady_s > self.settings.joint_timeout_s and step_s < steady_s / 2
        if -_BACK_S <= step_s <= steady_s + self.settings.clock_jump_s and not slept:
            return False
        why = (
            f"the guard stood still for {steady_s:.3f} s, ROS time too"
            if slept
            else f"ROS time jumped by {step_s - steady_s:.3f} s"
        )
        self._lose_track(why, now)
        return True

    def _lose_track(self, why: str, now: Now) -> Verdict:
        """How far on its way the arm is, is not known until it stands; what it was told last brings it to rest."""
        self._lose(Verdict(Action.HOLD, Reason.CLOCK, why), now)
        self._jumped, self._stood, self._stood_s = True, None, 0.0
        self.reference = Reference(self.reference.end)
        return self._lost

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
        away = np.abs(self._measured - self.reference.end)
        speedily = max((1.5 * away / self.limits.velocity).max(), ((6 * away / self.limits.acceleration) ** 0.5).max())
        told = standing(self._measured, within_s=max(STAND_S, float(speedily)))
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
