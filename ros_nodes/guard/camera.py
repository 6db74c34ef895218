"""Whether a camera still sees: used by the planner's node, for the guard itself looks at no pictures.

    watch = CameraWatch(frozen_rad=0.05); complaint = watch.saw(pixels.tobytes(), q_rad)     # "" while all is well

A driver that hangs may go on sending its last picture with new stamps. A still scene sends equal pictures too, and
rightly; but while the arm moves, the picture must change. So the measure is not time but motion: a frozen camera is
noticed before any joint has moved further than ``frozen_rad`` (and one picture's worth of motion).
"""

import numpy as np


class CameraWatch:
    """Of one camera that sees an arm of J joints."""

    def __init__(self, frozen_rad: float) -> None:
        self._most_rad, self._picture, self._since = frozen_rad, 0, np.zeros(0)

    def saw(self, picture: bytes, q_rad: np.ndarray) -> str:
        """A new picture, taken while the joints (J,) were there; what is wrong, or "" ."""
        if (seen := hash(picture)) != self._picture or len(self._since) != len(q_rad):
            self._picture, self._since = seen, q_rad.copy()
            return ""
        moved = float(np.abs(q_rad - self._since).max())
        return f"frozen: same picture, though a joint moved {moved:.3f} rad" if moved > self._most_rad else ""
