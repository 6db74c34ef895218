"""The guard's rules, one pure function each, in the order in which they are asked.

    finite(command) -> fresh -> timely -> enabled -> joint_set -> position -> velocity -> acceleration -> workspace
    -> continuity

Each returns a Verdict. Up to joint_set they look at the command as it came; from position on at a Trajectory that
starts from the state which the arm has been told to be in. What each does and why is tabulated in docs/safety.md.
They ask whether all is well, not whether something is wrong: what is no number passes nowhere.
"""

import numpy as np

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.limits import Limits
from rehearse.ros_nodes.guard.trajectory import Command, Trajectory, arranged, stretched
from rehearse.ros_nodes.guard.verdict import PASS, Action, Reason, Verdict

TOLERANCE = 1.001  # of speeds and accelerations: rounding is no offence
_SAME_RAD = 1e-6
_SAME_M = 1e-6
_SKEW = "its sender's clock differs from the guard's: set both by NTP"
_STEP = 1.05  # how finely a stretch is searched


def finite(command: Command) -> Verdict:
    """Every number is one."""
    for what, values in (("time", command.times_s), ("position", command.q_rad), ("velocity", command.qd_radps)):
        if not np.isfinite(values).all():
            point = int(np.argwhere(~np.isfinite(values))[0][0])
            return Verdict(Action.HOLD, Reason.NOT_FINITE, f"{what} at point {point} is not finite")
    return PASS


def fresh(stamp_s: float, now_s: float, most_s: float) -> Verdict:
    """A command that carries a stamp is of now; stamp 0 means now."""
    age_s = now_s - stamp_s
    if stamp_s and abs(age_s) > most_s:
        return Verdict(Action.HOLD, Reason.STALE_COMMAND, f"stamped {age_s:.3f} s ago, at most {most_s} s")
    return PASS


def timely(what: str, reason: Reason, age_s: float, most_s: float) -> Verdict:
    """It was sent not long ago, by the wall's clocks of whoever sent it and of the guard.

    What comes may have waited: the middleware keeps the last word for a guard that stood still, also of somebody who
    has died since. A sender whose clock differs looks like one that is late, or like one from the future.
    """
    if abs(age_s) <= most_s:
        return PASS
    when = f"{age_s:.3f} s ago" if age_s > 0 else f"{-age_s:.3f} s ahead"
    return Verdict(Action.HOLD, reason, f"{what} was sent {when}, at most {most_s} s: it waited, or {_SKEW}")


def enabled(age_s: float, most_s: float, late_s: float = 0.0) -> Verdict:
    """Somebody holds the deadman's switch: it said true not long ago. ``age_s`` is inf where it said false.

    ``late_s``: by how much its last word came late.
    """
    if age_s <= most_s:
        return PASS
    if np.isinf(age_s):
        return Verdict(Action.HOLD, Reason.DISABLED, "the deadman's switch is released, or never held")
    why = f"; what it says comes {late_s:.2f} s late, or {_SKEW}" if late_s > most_s / 2 else ""
    return Verdict(Action.HOLD, Reason.DISABLED, f"the deadman's switch is silent for {age_s:.2f} s{why}")


def joint_set(command: Command, joints: tuple[str, ...]) -> Verdict:
    """The arm's joints, each once, in any order; whole points in time order."""
    try:
        arranged(command, joints)
    except DataError as error:
        return Verdict(Action.HOLD, Reason.JOINT_SET, str(error))
    return PASS


def position(trajectory: Trajectory, limits: Limits) -> Verdict:
    """No joint goes beyond its limit, nor into the margin before it.

    A joint that is out there already may come back, but go no further out.
    """
    path = trajectory.samples()[0]
    for verdict, (low, high) in (
        (Verdict(Action.STOP, Reason.POSITION, "beyond its limit"), (limits.low, limits.high)),
        (Verdict(Action.HOLD, Reason.MARGIN, "into the margin before its limit"), limits.soft()),
    ):
        further = _beyond(path, low, high) - _beyond(path[:1], low, high)
        if not further.max() <= _SAME_RAD:
            joint = limits.joints[int(np.argmax(further.max(0)))]
            return Verdict(verdict.action, verdict.reason, f"leads {joint} {verdict.detail} by {further.max():.3f} rad")
    return PASS


def room_to_brake(trajectory: Trajectory, limits: Limits) -> Verdict:
    """Wherever on its way it is told to brake, it comes to rest before any limit. Asked of what is about to leave."""
    q, qd = trajectory.samples()
    braking_s = np.max(np.abs(qd) / limits.acceleration, axis=1, keepdims=True)
    further = _beyond(q + qd * braking_s / 2, limits.low, limits.high) - _beyond(q[:1], limits.low, limits.high)
    if not further.max() <= _SAME_RAD:
        joint = limits.joints[int(np.argmax(further.max(0)))]
        return Verdict(Action.HOLD, Reason.POSITION, f"is too fast for {joint} to brake before its limit")
    return PASS


def velocity(trajectory: Trajectory, limits: Limits, most: float) -> Verdict:
    """No joint is faster than its limit; the whole trajectory is slowed down until none is."""
    share = trajectory.peaks()[0] / limits.velocity
    if share.max() <= TOLERANCE:
        return PASS
    said = f"{limits.joints[int(share.argmax())]} at {share.max():.2f} times its greatest speed"
    return Verdict(Action.CLAMP, Reason.VELOCITY, said, stretch=fitting_stretch(trajectory, limits, most))


def acceleration(trajectory: Trajectory, limits: Limits, most: float) -> Verdict:
    """No joint accelerates harder than its limit; the whole trajectory is slowed down until none does."""
    share = trajectory.peaks()[1] / limits.acceleration
    if share.max() <= TOLERANCE:
        return PASS
    said = f"{limits.joints[int(share.argmax())]} at {share.max():.2f} times its greatest acceleration"
    return Verdict(Action.CLAMP, Reason.ACCELERATION, said, stretch=fitting_stretch(trajectory, limits, most))


def workspace(path_m: np.ndarray, limits: Limits) -> Verdict:
    """The tool's path (m,3) stays within its box; a tool that is outside may come back, but go no further out."""
    low, high = limits.workspace_low, limits.workspace_high
    further = _beyond(path_m, low, high) - _beyond(path_m[:1], low, high)
    if not further.max() <= _SAME_M:
        axis = "xyz"[int(np.argmax(further.max(0)))]
        return Verdict(Action.HOLD, Reason.WORKSPACE, f"the tool leaves its box by {further.max():.3f} m along {axis}")
    return PASS


def continuity(
    trajectory: Trajectory, first_s: float, state: tuple[np.ndarray, np.ndarray], jump_rad: float
) -> Verdict:
    """The command goes on from where the arm has been told to be: position (J,) and velocity (J,) of ``state``.

    ``first_s``: when its first point is due. One at time 0 must be that place; a later one may be further, by as much
    as the arm gets there anyhow.
    """
    wanted = state[0] + state[1] * first_s
    reach = np.maximum(np.abs(trajectory.qd_radps[0]), np.abs(state[1])) * first_s
    gap = np.abs(trajectory.q_rad[0] - wanted) - reach
    if not gap.max() <= jump_rad:
        said = f"begins {gap.max():.3f} rad from where the arm has been told to be, at most {jump_rad} rad"
        return Verdict(Action.HOLD, Reason.JUMP, said)
    return PASS


def fitting_stretch(trajectory: Trajectory, limits: Limits, most: float) -> float:
    """How many times slower it fits the limits of speed and acceleration; inf where ``most`` is not enough.

    A search, not a formula: it begins at the speed that the arm has, and that cannot be slowed.
    """
    factors = _STEP ** np.arange(1, 2 + int(np.log(most) / np.log(_STEP)))
    return float(next((f for f in factors if within_dynamics(stretched(trajectory, float(f)), limits)), np.inf))


def within_dynamics(trajectory: Trajectory, limits: Limits) -> bool:
    """Whether speed and acceleration are within their limits everywhere."""
    speed, hardest = trajectory.peaks()
    return bool((speed <= TOLERANCE * limits.velocity).all() and (hardest <= TOLERANCE * limits.acceleration).all())


def _beyond(path: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """By how much each value (m,D) lies outside."""
    return np.maximum(np.maximum(low - path, path - high), 0)
