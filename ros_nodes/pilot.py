"""From a planner's actions to joint trajectories, at the pace of a robot that does not wait. Knows no ROS.

    pilot = Pilot(TASK.motion(), braking_radps2=8.0)
    pilot.sense(joints, q_rad, now_s)                     # joint_states
    pilot.hear(command, now_s)                            # joint_trajectory: what the guard let through
    action = pilot.between(stamp_s, stamp_s + 0.2)        # what the arm did, or is going to do, as an action (A,)
    trajectory = pilot.command(actions, begins_s, now_s)  # None: too late for all of them

Deciding takes time. An observation of time t is answered by actions that begin at t + period: until then the arm does
what it has been told already, and the planner is told that. The pilot never assumes that the arm did as the planner
wished; it reckons from what passed the guard.
"""

from typing import Protocol

import numpy as np

from rehearse.errors import DataError
from rehearse.ros_nodes.guard.checks import finite
from rehearse.ros_nodes.guard.trajectory import (
    Command,
    Reference,
    Trajectory,
    arranged,
    braking,
    smooth_velocities,
    with_tail,
)
from rehearse.ros_nodes.guard.verdict import PASS

PERIODS = 2  # how many actions of a plan are sent: the next, and one more in case the next decision is late
REANCHOR_RAD = 0.03  # an arm at rest that is further from where it was told to be has been moved by other means
_BACK_S = 1e-3  # a clock read twice may be a little behind itself
_NEAR = 0.5  # of a period: points nearer than that are left out, for a moment's delay would make them a jerk


class Motion(Protocol):
    """What the arm can tell: ``rehearse.sim.arm_motion.ArmMotion``, or that of another arm of J joints."""

    joints: tuple[str, ...]
    period_s: float

    def joint_targets(self, q_rad: np.ndarray, actions: np.ndarray) -> np.ndarray: ...
    def action_between(self, before_rad: np.ndarray, after_rad: np.ndarray) -> np.ndarray: ...


class Pilot:
    """Remembers what the arm has been told. All times are ROS time, seconds."""

    def __init__(self, motion: Motion, braking_radps2: float) -> None:
        self.motion = motion
        self._braking = np.full(len(motion.joints), braking_radps2)
        self._told: Reference | None = None
        self._last_s = -np.inf
        self.measured: np.ndarray | None = None

    @property
    def ready(self) -> bool:
        """Whether it is known where the arm is."""
        return self._told is not None

    def forget(self) -> None:
        """The arm may have been put elsewhere: where it is next sensed is where it is."""
        self._told = None

    def sense(self, joints: tuple[str, ...], q_rad: np.ndarray, now_s: float) -> None:
        """A joint state, any order; DataError names what is missing or not finite."""
        missing = [name for name in self.motion.joints if name not in joints]
        if missing or len(q_rad) != len(joints):
            raise DataError(f"joint_states lack {', '.join(missing) or 'positions'}")
        measured = np.array([q_rad[joints.index(name)] for name in self.motion.joints])
        if not np.isfinite(measured).all():
            raise DataError("joint_states are not finite")
        self.measured = measured
        if now_s < self._last_s - _BACK_S:
            self.forget()  # of a time that is still to come nothing is known
        self._last_s = now_s
        elsewhere = self._told is not None and np.abs(measured - self._told.at(now_s)[0]).max() > REANCHOR_RAD
        if self._told is None or (elsewhere and self._told.rests(now_s)):
            self._told = Reference(measured)

    def hear(self, command: Command, now_s: float) -> None:
        """What the arm has just been told; what no controller would take is no news."""
        if self._told is None or finite(command) is not PASS:
            return
        try:
            self._told.begin(arranged(command, self.motion.joints), now_s)
        except DataError:
            return

    def between(self, before_s: float, after_s: float) -> np.ndarray:
        """What the arm has been told to do between two times, past or to come, as an action (A,)."""
        return self.motion.action_between(self._told.at(before_s)[0], self._told.at(after_s)[0])

    def at(self, time_s: float) -> np.ndarray:
        """Where the joints (J,) have been told to be."""
        return self._told.at(time_s)[0]

    def state(self, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Position and velocity (J,) that the joints have been told."""
        return self._told.at(time_s)

    def rests(self, now_s: float) -> bool:
        """Whether nothing that the arm has been told is left to do, as far as is known."""
        return self._told is None or self._told.rests(now_s)

    def command(self, actions: np.ndarray, begins_s: float, now_s: float) -> Trajectory | None:
        """Actions (H,A), the first to begin at begins_s -> what to tell the arm now: it ends at rest.

        Its first point is the state that it continues, its next where the arm will be at begins_s.
        """
        period_s = self.motion.period_s
        start = self._told.at(begins_s)[0]
        targets = np.concatenate([start[None], self.motion.joint_targets(start, actions[:PERIODS])])
        times = begins_s - now_s + period_s * np.arange(len(targets))
        if not (kept := times > _NEAR * period_s).any():
            return None
        q, qd = self._told.at(now_s)
        times, path = np.append(0.0, times[kept]), np.concatenate([q[None], targets[kept]])
        return with_tail(Trajectory(times, path, smooth_velocities(times, path, qd)), self._braking)

    def halt(self, now_s: float) -> Trajectory | None:
        """To rest from here; None where it is not known where the arm is."""
        return None if self._told is None else braking(*self._told.at(now_s), self._braking)
