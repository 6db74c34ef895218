"""Joint trajectories as a joint_trajectory_controller reads them: cubic Hermite splines, made to end at rest.

    trajectory = with_tail(cut(trajectory, 0.6), limits.acceleration)      # at rest when it is over
    reference = Reference(q_rad); reference.begin(trajectory, now_s); q_rad, qd_radps = reference.at(now_s + 0.1)

Letters: n points, J joints, m samples. Radians and seconds; a trajectory's first point is at time 0 and is the state
that it starts from. Positions and velocities at both ends of a segment give its cubic (ros2_controllers does the same).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rehearse.errors import DataError

MOST_POINTS = 1000  # more is a mistake, and would take long to look at
MOST_JOINTS = 256  # that a command or a joint state may name
SAMPLE_S = 0.01  # how finely paths are looked at
_SAME_S = 1e-6


@dataclass(frozen=True)
class Command:
    """What came in a JointTrajectory message, believed to be nothing yet: ``velocities`` (n,J) may be empty (0,J).

    ``stamp_s`` is 0 for "start now".
    """

    joints: tuple[str, ...]
    times_s: np.ndarray
    q_rad: np.ndarray
    qd_radps: np.ndarray
    stamp_s: float = 0.0


@dataclass(frozen=True)
class Trajectory:
    """times_s (n,) increasing from 0, q_rad and qd_radps (n,J)."""

    times_s: np.ndarray
    q_rad: np.ndarray
    qd_radps: np.ndarray

    @property
    def duration_s(self) -> float:
        """When it is over."""
        return float(self.times_s[-1])

    def at(self, time_s: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Position and velocity (..., J) at times (...); after the end the last position is held."""
        time = np.asarray(time_s, dtype=float)
        if len(self.times_s) == 1:
            return np.broadcast_to(self.q_rad[0], (*time.shape, self.q_rad.shape[1])).copy(), np.zeros(
                (*time.shape, self.q_rad.shape[1])
            )
        index = np.clip(np.searchsorted(self.times_s, time, side="right") - 1, 0, len(self.times_s) - 2)
        width = (self.times_s[index + 1] - self.times_s[index])[..., None]
        u = np.clip((time - self.times_s[index])[..., None] / width, 0, 1)
        c0, c1, c2, c3 = (c[index] for c in _cubics(self))
        q = c0 + u * (c1 + u * (c2 + u * c3))
        qd = (c1 + u * (2 * c2 + 3 * u * c3)) / width
        return q, np.where((time > self.duration_s)[..., None], 0.0, qd)

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (m,J) along it, both ends included."""
        return self.at(np.linspace(0, self.duration_s, 2 + int(self.duration_s / SAMPLE_S)))

    def peaks(self) -> tuple[np.ndarray, np.ndarray]:
        """Greatest speed and acceleration (J,) of each joint anywhere on it, exactly."""
        if len(self.times_s) == 1:
            return np.abs(self.qd_radps[0]), np.zeros_like(self.q_rad[0])
        width = np.diff(self.times_s)[:, None]
        _, c1, c2, c3 = _cubics(self)
        # Acceleration is linear in a segment, so greatest at an end; speed at an end or where acceleration is zero.
        acceleration = np.maximum(np.abs(2 * c2), np.abs(2 * c2 + 6 * c3)) / width**2
        turn = np.clip(np.divide(-c2, 3 * c3, out=np.zeros_like(c2), where=np.abs(c3) > 1e-12), 0, 1)
        speed = np.abs(c1 + turn * (2 * c2 + 3 * turn * c3)) / width
        return np.maximum(speed.max(0), np.abs(self.qd_radps).max(0)), acceleration.max(0)


def _cubics(trajectory: Trajectory) -> tuple[np.ndarray, ...]:
    """Coefficients (n-1,J) of each segment in u in [0, 1]: q = c0 + c1 u + c2 u^2 + c3 u^3."""
    width = np.diff(trajectory.times_s)[:, None]
    step = np.diff(trajectory.q_rad, axis=0)
    leave, arrive = trajectory.qd_radps[:-1] * width, trajectory.qd_radps[1:] * width
    return trajectory.q_rad[:-1], leave, 3 * step - 2 * leave - arrive, leave + arrive - 2 * step


def standing(q_rad: np.ndarray, within_s: float = 0.0) -> Trajectory:
    """Stay at q_rad (J,); a controller that is elsewhere has ``within_s`` to get there."""
    times = np.array([0.0, within_s] if within_s else [0.0])
    return Trajectory(times, np.tile(np.asarray(q_rad, float), (len(times), 1)), np.zeros((len(times), len(q_rad))))


def starting_from(state: tuple[np.ndarray, np.ndarray], trajectory: Trajectory) -> Trajectory:
    """The same points, but for the first at time 0: it begins at ``state``, position and velocity (J,) each."""
    q, qd = trajectory.q_rad.copy(), trajectory.qd_radps.copy()
    q[0], qd[0] = state
    return Trajectory(trajectory.times_s, q, qd)


def stretched(trajectory: Trajectory, factor: float) -> Trajectory:
    """``factor`` times slower along the same path; the state that it starts from is a fact and stays."""
    qd = trajectory.qd_radps / factor
    qd[0] = trajectory.qd_radps[0]
    return Trajectory(trajectory.times_s * factor, trajectory.q_rad, qd)


def cut(trajectory: Trajectory, duration_s: float) -> Trajectory:
    """What of it lies within ``duration_s``."""
    if trajectory.duration_s <= duration_s:
        return trajectory
    keep = trajectory.times_s < duration_s - _SAME_S
    q, qd = trajectory.at(duration_s)
    return Trajectory(
        np.append(trajectory.times_s[keep], duration_s),
        np.concatenate([trajectory.q_rad[keep], q[None]]),
        np.concatenate([trajectory.qd_radps[keep], qd[None]]),
    )


def with_tail(trajectory: Trajectory, acceleration: np.ndarray) -> Trajectory:
    """It, and a last point at which it has come to rest.

    All joints decelerate evenly and stop together, so that the direction is kept; the one that takes longest sets the
    time. Between these two states the Hermite cubic is that parabola. acceleration (J,).
    """
    qd = trajectory.qd_radps[-1]
    if not qd.any():
        return trajectory
    duration_s = max(float(np.max(np.abs(qd) / acceleration)), SAMPLE_S)
    return Trajectory(
        np.append(trajectory.times_s, trajectory.duration_s + duration_s),
        np.concatenate([trajectory.q_rad, (trajectory.q_rad[-1] + qd * duration_s / 2)[None]]),
        np.concatenate([trajectory.qd_radps, np.zeros_like(qd)[None]]),
    )


def braking(q_rad: np.ndarray, qd_radps: np.ndarray, acceleration: np.ndarray) -> Trajectory:
    """From this state to rest; all (J,)."""
    return with_tail(Trajectory(np.zeros(1), q_rad[None].copy(), qd_radps[None].copy()), acceleration)


def smooth_velocities(times_s: np.ndarray, q_rad: np.ndarray, start_radps: np.ndarray) -> np.ndarray:
    """Velocities (n,J) at points (n,J) that begin with ``start_radps`` (J,): no joint overshoots where it turns round.

    The harmonic mean of the slopes on either side (Fritsch and Butland 1984), zero where they differ in sign; the last
    point keeps the last slope, and what follows brakes.
    """
    slopes = np.diff(q_rad, axis=0) / np.diff(times_s)[:, None]
    left, right = slopes[:-1], slopes[1:]
    same = left * right > 0
    middle = np.where(same, 2 * left * right / np.where(same, left + right, 1.0), 0.0)
    return np.concatenate([start_radps[None], middle, slopes[-1:]])


class Reference:
    """What the arm has been told, as its controller understands it: at any time, past ones included."""

    def __init__(self, q_rad: np.ndarray, remembered: int = 32) -> None:
        self._told: deque[tuple[float, Trajectory]] = deque([(-np.inf, standing(q_rad))], maxlen=remembered)

    def begin(self, trajectory: Trajectory, now_s: float) -> None:
        """It is told this from ``now_s`` on, starting from wherever it has been told to be by then."""
        self._told.append((now_s, starting_from(self.at(now_s), trajectory)))

    def at(self, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Position and velocity (J,)."""
        began_s, trajectory = next((item for item in reversed(self._told) if item[0] <= time_s), self._told[0])
        return trajectory.at(max(0.0, time_s - began_s) if np.isfinite(began_s) else 0.0)

    def forget(self) -> None:
        """What it was told last was never said."""
        self._told.pop()

    @property
    def end(self) -> np.ndarray:
        """Where it comes to rest (J,)."""
        return self._told[-1][1].q_rad[-1]

    def rests(self, now_s: float) -> bool:
        """Whether it has come to its end."""
        began_s, trajectory = self._told[-1]
        return now_s - began_s >= trajectory.duration_s


def listed(names: Sequence[str], most: int = 5, letters: int = 40) -> str:
    """Some of the names that a stranger sent, none longer than a line has room for."""
    shown = [name if len(name) <= letters else f"{name[:letters]}…" for name in names[:most]]
    return ", ".join([*shown, f"and {len(names) - most} more"] if len(names) > most else shown)


def arranged(command: Command, joints: tuple[str, ...]) -> Trajectory:
    """The command's points in the order of ``joints``; DataError names what is missing, unknown or out of order.

    A first point at time 0 is kept. Without one, the trajectory starts at time 0 with the first point's position and
    velocity; whoever follows it replaces that by the state that it is in (``starting_from``).
    """
    missing = [name for name in joints if name not in command.joints]
    strange = [name for name in command.joints if name not in joints]
    if missing or strange or len(command.joints) != len(joints):
        parts = (("missing", missing), ("unknown", strange))
        said = "; ".join(f"{what}: {listed(names)}" for what, names in parts if names) or "a name stands twice"
        raise DataError(f"joints do not match ({said})")
    count = len(command.times_s)
    if count > MOST_POINTS:
        raise DataError(f"more than {MOST_POINTS} points")
    if count == 0 or command.q_rad.shape != (count, len(joints)) or command.qd_radps.shape != command.q_rad.shape:
        raise DataError(f"every one of {count} points needs {len(joints)} positions and velocities")
    if command.times_s[0] < 0 or (np.diff(command.times_s) < _SAME_S).any():
        raise DataError("points must lie in time order, from 0 on")
    order = [command.joints.index(name) for name in joints]
    times, q, qd = command.times_s, command.q_rad[:, order], command.qd_radps[:, order]
    if times[0] > _SAME_S:
        times, q, qd = np.append(0.0, times), np.concatenate([q[:1], q]), np.concatenate([qd[:1], qd])
    return Trajectory(times, q, qd)
