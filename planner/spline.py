"""Splines whose knots carry their times: a few numbers per action dimension describe a whole control
sequence.

Every kind is linear in its knots, so N candidates are evaluated by one matmul with a (H,Q) basis:

    actions = basis(knot_times_s, query_times_s, "linear") @ knots     # (H,Q) @ (N,Q,A) -> (N,H,A)

Outside the knots the first and the last value are held. "cubic" is the Hermite spline with finite-difference
tangents (Catmull-Rom when the knots are evenly spaced); it may overshoot its knots, so clamp what comes out.
Times are float64 seconds of any epoch; they are made relative before anything is rounded.
"""

import numpy as np

from rehearse.errors import ConfigError

KINDS = ("zero", "linear", "cubic")
_TOLERANCE_S = 1e-6  # a float64 of seconds since 1970 is good to 0.2 microseconds


def knot_times(start_s: float, horizon: int, period_s: float, knots: int, kind: str) -> np.ndarray:
    """Times (Q,) of evenly spaced knots over H steps; Q = min(knots, H), more could not be told apart.

    Zero-order knots each begin an equal share of the horizon; the others reach from the first step to the
    last.
    """
    count = min(knots, horizon)
    span_s = horizon * period_s * (count - 1) / count if kind == "zero" else (horizon - 1) * period_s
    return start_s + np.linspace(0.0, span_s, count)


def basis(knot_times_s: np.ndarray, query_times_s: np.ndarray, kind: str) -> np.ndarray:
    """Weights (H,Q) float64, rows sum to 1: controls at the query times (H,) are `basis @ knots (Q,A)`."""
    times = np.asarray(knot_times_s, dtype=np.float64)
    if kind not in KINDS:
        raise ConfigError(f"spline '{kind}' is unknown; use one of {', '.join(KINDS)}")
    if times.ndim != 1 or len(times) == 0 or (np.diff(times) <= 0).any():
        raise ConfigError("knot times must be a non-empty, strictly increasing vector")
    query = np.clip(np.asarray(query_times_s, dtype=np.float64), times[0], times[-1]) - times[0]
    times = times - times[0]
    eye = np.eye(len(times))
    if len(times) == 1:
        return np.ones((len(query), 1))
    if kind == "zero":
        return eye[np.searchsorted(times, query + _TOLERANCE_S, side="right") - 1]
    left = np.clip(np.searchsorted(times, query, side="right") - 1, 0, len(times) - 2)
    width = (times[left + 1] - times[left])[:, None]
    u = (query - times[left])[:, None] / width
    if kind == "linear":
        return (1 - u) * eye[left] + u * eye[left + 1]
    slopes = np.diff(eye, axis=0) / np.diff(times)[:, None]
    tangents = np.concatenate([slopes[:1], (slopes[:-1] + slopes[1:]) / 2, slopes[-1:]])
    return (
        (2 * u**3 - 3 * u**2 + 1) * eye[left]
        + (3 * u**2 - 2 * u**3) * eye[left + 1]
        + (u**3 - 2 * u**2 + u) * width * tangents[left]
        + (u**3 - u**2) * width * tangents[left + 1]
    )


def evaluate(knot_times_s: np.ndarray, knots: np.ndarray, query_times_s: np.ndarray, kind: str) -> np.ndarray:
    """Controls (H,A) of one spline with knots (Q,A) at the query times (H,)."""
    return basis(knot_times_s, query_times_s, kind) @ knots


def warm_start(knot_times_s: np.ndarray, knots: np.ndarray, new_times_s: np.ndarray, kind: str) -> np.ndarray:
    """The old spline read off at the new knot times: knots (Q,A) at times (Q,) -> knots (Q',A).

    By time and not by index, so that a late or early decision continues the same motion; the last value is
    held.
    """
    return evaluate(knot_times_s, knots, new_times_s, kind)
