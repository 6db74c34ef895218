"""The way home, piece by piece: slow, straight in joint space, and always ready to end. Knows no ROS.

    homing = Homing(pilot, home_rad)
    trajectory = homing.next(now_s)      # several times a second; None: nothing to send now
    homing.arrived(now_s)

Each piece is a command like a plan's: it begins in what the arm has been told, lasts a little longer than until the
next one, and ends at rest. An arm that was kept from moving (by a guard, a deadman's switch) begins anew from where it
stands.
"""

import numpy as np

from rehearse.ros_nodes.guard.trajectory import Trajectory, standing, starting_from, stretched, with_tail
from rehearse.ros_nodes.pilot import Pilot

SPEED_RADPS, ACCELERATION_RADPS2 = 0.3, 0.6  # of the fastest joint; a hand that carries something shall keep it
AHEAD_S = 0.5  # a piece reaches so far
POINTS = 4  # of a piece
NEAR_RAD = 0.05  # a joint so near is there
STANDS_RADPS = 0.01
# Told to be further from the way than that, or to go otherwise, it was not let go on.
ASTRAY_RAD, ASTRAY_RADPS = 0.01, 0.06


class Homing:
    """Towards ``home_rad`` (J,), through a pilot that knows what the arm has been told."""

    def __init__(self, pilot: Pilot, home_rad: np.ndarray) -> None:
        self._pilot, self._home_rad = pilot, np.asarray(home_rad, float)
        self._way, self._began_s = standing(self._home_rad), 0.0

    def arrived(self, now_s: float) -> bool:
        """Whether the arm is told to stand at home, and is there."""
        if not self._pilot.ready:
            return False
        told, speed = self._pilot.state(now_s)
        far = max(np.abs(place - self._home_rad).max() for place in (told, self._pilot.measured))
        return bool(far <= NEAR_RAD and np.abs(speed).max() < STANDS_RADPS)

    def next(self, now_s: float) -> Trajectory | None:
        """The next piece; None while the arm still comes to rest from something else, or where it is is not known."""
        pilot = self._pilot
        if not pilot.ready:
            return None
        told = pilot.state(now_s)
        if self._astray(told, now_s):
            if not pilot.rests(now_s):
                return None
            self._way, self._began_s = slow_way(told[0], self._home_rad), now_s
        times = np.linspace(0, AHEAD_S, POINTS)
        piece = Trajectory(times, *self._way.at(times + now_s - self._began_s))
        return with_tail(starting_from(told, piece), np.full(len(self._home_rad), ACCELERATION_RADPS2))

    def _astray(self, told: tuple[np.ndarray, np.ndarray], now_s: float) -> bool:
        """Whether what the arm has been told leads elsewhere. Who is a little late is not hurried: the way waits."""
        place, speed = self._way.at(now_s - self._began_s)
        if (squared := speed @ speed) > STANDS_RADPS**2:
            self._began_s += max(0.0, float((place - told[0]) @ speed / squared))
            place, speed = self._way.at(now_s - self._began_s)
        off_rad, off_radps = (np.abs(a - b).max() for a, b in zip((place, speed), told, strict=True))
        return bool(off_rad > ASTRAY_RAD or off_radps > ASTRAY_RADPS)


def slow_way(from_rad: np.ndarray, to_rad: np.ndarray) -> Trajectory:
    """From rest to rest, both (J,), one smooth cubic that is nowhere faster than it may be."""
    way = Trajectory(np.array([0.0, 1.0]), np.stack([from_rad, to_rad]), np.zeros((2, len(to_rad))))
    speed, acceleration = (peak.max() for peak in way.peaks())
    return stretched(way, max(speed / SPEED_RADPS, (acceleration / ACCELERATION_RADPS2) ** 0.5, AHEAD_S))
