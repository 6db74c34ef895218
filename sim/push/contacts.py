"""Where a block can be pushed, what a push there does to it, and how to get there without touching it.

    contacts = Contacts(SHAPES["T"])
    ways_m, first = contacts.ways(pusher, on_table)     # how far it is to each of R places, and by way of which
    contacts.shift, contacts.turn                       # what a metre of pushing at each contact does

The quasi-static pushing model is of Lynch and Mason, "Stable pushing" (IJRR 1996), with an ellipsoidal limit surface
(Howe and Cutkosky 1996) and a pusher that does not slip.
"""

import numpy as np

from rehearse.sim.push.scene import PUSHER_RADIUS_M, TABLE_HALF_M
from rehearse.sim.push.shapes import Shape

SPACING_M = 0.008
STANDOFF_M = PUSHER_RADIUS_M + 0.008  # of the pusher's middle from the outline, while it goes round
# Greatest friction torque over greatest friction force, as measured in this world: 0.075 m for the square, 0.09 m for
# the T. The table alone would give the square 0.056 m (it rests on its corners); the pusher's side holds it too.
SPIN_RADIUS_M = 0.08
REACH_M = TABLE_HALF_M - PUSHER_RADIUS_M - 0.002
TOUCHING_M = PUSHER_RADIUS_M + 0.002


class Contacts:
    """Contacts on one outline, in the block's frame, and the ring of places round it from which they are reached.

    ring (R, 2): places in order round the block. point, inward (R, 2): the contact that each serves and the direction
    to push in. usable (R,): false for places that only lead round a corner. shift (R, 2), turn (R,): metres and radians
    that the block moves per metre of pushing.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        points, inwards, usable = [], [], []
        corners = np.array(shape.corners)
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            length = np.linalg.norm(end - start)
            along = (end - start) / length
            inward = np.array([-along[1], along[0]])
            for at in np.linspace(0.004, length - 0.004, max(2, round(length / SPACING_M))):
                points.append(start + at * along)
                inwards.append(inward)
                usable.append(True)
            points.append(end)
            inwards.append(np.zeros(2))
            usable.append(False)
        self.point, self.inward, self.usable = np.array(points), np.array(inwards), np.array(usable)
        # A corner is passed along the bisector of its edges.
        for i in np.flatnonzero(~self.usable):
            both = self.inward[i - 1] + self.inward[(i + 1) % len(points)]
            self.inward[i] = both / np.linalg.norm(both)
        self.ring = self.point - self.inward * STANDOFF_M
        clear = shape.distance(self.ring) > 0.9 * STANDOFF_M  # false in a hollow, where the pusher does not fit
        self.ring, self.point, self.inward, self.usable = (
            values[clear] for values in (self.ring, self.point, self.inward, self.usable)
        )
        arm = self.point[:, 0] * self.inward[:, 1] - self.point[:, 1] * self.inward[:, 0]
        give = 1 + (arm / SPIN_RADIUS_M) ** 2
        self.shift, self.turn = self.inward / give[:, None], arm / SPIN_RADIUS_M**2 / give
        self._steps_m = np.linalg.norm(np.roll(self.ring, -1, axis=0) - self.ring, axis=1)

    def ways(self, pusher: np.ndarray, on_table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Length (R,) of the way from ``pusher`` (2,), in the block's frame, to every place, and where it begins (R,).

        The way is straight to some place of the ring and then along the ring. Places where ``on_table`` (R,) is false
        cannot be passed; what cannot be reached is infinitely far.
        """
        straight = np.where(on_table, np.linalg.norm(self.ring - pusher, axis=1), np.inf)
        seen = on_table & self._seen_from(pusher)
        if not seen.any():  # it touches the block: step back to the nearest place first
            seen[straight.argmin()] = True
        straight[~seen] = np.inf
        best, first = straight.copy(), np.arange(len(straight))
        for step in (1, -1):
            order = np.arange(len(straight))[::step]
            length, begin = np.inf, 0
            for i in [*order, *order]:  # twice round, for the ring has no end
                length += self._steps_m[i - 1] if step == 1 else self._steps_m[i]
                if not on_table[i]:
                    length = np.inf
                elif straight[i] <= length:
                    length, begin = straight[i], i
                if length < best[i]:
                    best[i], first[i] = length, begin
        return best, first

    def _seen_from(self, pusher: np.ndarray) -> np.ndarray:
        """Which places (R,) can be reached from ``pusher`` (2,) in a straight line that does not touch the block."""
        line = pusher + (self.ring - pusher)[:, None] * np.linspace(0.15, 1, 14)[:, None]
        return (self.shape.distance(line) > TOUCHING_M).all(1)
