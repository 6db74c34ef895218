"""The blocks that can be pushed, as outlines in their own frame, whose origin is the centre of mass.

shape = SHAPES["T"]
shape.distance(points)          # (..., 2) -> (...,), metres to the outline, negative inside
"""

from dataclasses import dataclass, replace
from math import inf, radians

import numpy as np

Box = tuple[float, float, float, float]  # centre x, y and half sizes along x, y, metres


@dataclass(frozen=True)
class Shape:
    """A union of boxes. ``corners`` go round it counterclockwise.

    ``painted``: the part of its top that has another colour, which shows its angle. ``angle_tolerance_rad``: infinite
    where the angle is not asked for. ``reach_m``: how far from the table's middle it may start and be wanted, so that
    the pusher fits between it and every wall, however it is turned.
    """

    boxes: tuple[Box, ...]
    corners: tuple[tuple[float, float], ...]
    painted: Box
    angle_tolerance_rad: float
    reach_m: float

    def scaled(self, scale: float) -> "Shape":
        """The same outline, ``scale`` times as large; it starts and is wanted where it was."""
        if scale == 1:
            return self
        larger = lambda rows: tuple(tuple(value * scale for value in row) for row in rows)  # noqa: E731
        painted = tuple(value * scale for value in self.painted)
        return replace(self, boxes=larger(self.boxes), corners=larger(self.corners), painted=painted)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Distance of points (..., 2) in the block's frame from its outline, negative inside."""
        boxes = np.array(self.boxes)
        gap = np.abs(points[..., None, :] - boxes[:, :2]) - boxes[:, 2:]
        outside = np.linalg.norm(np.maximum(gap, 0), axis=-1)
        return (outside + np.minimum(gap.max(-1), 0)).min(-1)


def _square(half_m: float) -> Shape:
    return Shape(
        boxes=((0.0, 0.0, half_m, half_m),),
        corners=((half_m, -half_m), (half_m, half_m), (-half_m, half_m), (-half_m, -half_m)),
        painted=(0.0, half_m / 2, half_m, half_m / 2),
        angle_tolerance_rad=inf,
        reach_m=0.16,
    )


def _tee(unit_m: float) -> Shape:
    """Four units wide, four high, one thick; 3/7 of it is stem, so that its bar's middle is 6/7 above the origin."""
    u, bar = unit_m, 6 / 7 * unit_m
    low, high, foot = bar - u / 2, bar + u / 2, bar - 3.5 * u
    stem = (0.0, bar - 2 * u, u / 2, 1.5 * u)
    return Shape(
        boxes=((0.0, bar, 2 * u, u / 2), stem),
        corners=(
            *((u / 2, foot), (u / 2, low), (2 * u, low), (2 * u, high)),
            *((-2 * u, high), (-2 * u, low), (-u / 2, low), (-u / 2, foot)),
        ),
        painted=stem,
        angle_tolerance_rad=radians(20),
        reach_m=0.14,
    )


SHAPES = {"square": _square(0.04), "T": _tee(0.03)}
