"""A Clip: T frames and whatever else this source sensed at the same moments.

    clip = Clip(frames, actions, proprio, {"disturbance": peak, "woken": woken > 0})     # bool -> event

Shapes: frames (T,h,w,3) uint8; actions (T,A), proprio (T,P), signals {name: (T,)} float32. Action t is taken
at frame t, so the last one is padding; a signal at t was measured on arrival at frame t. ``views`` {name:
(T,h,w,3)} uint8 are what other cameras saw at the same moments, each of its own size. What a source lacks is
None or not in ``signals`` or ``views``, never filled in. Clips are picklable: worker processes can return them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rehearse.errors import DataError


@dataclass(frozen=True, eq=False)
class Clip:
    """One episode or a piece of one; ``events`` names the signals that are 0 or 1 (bool arrays join it)."""

    frames: np.ndarray
    actions: np.ndarray | None = None
    proprio: np.ndarray | None = None
    signals: Mapping[str, np.ndarray] = field(default_factory=dict)
    task: str = ""
    events: frozenset[str] = frozenset()
    views: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frames = _pixels("frames", self.frames)
        length, events = len(frames), set(self.events)
        views = {name: _pixels(f"views[{name!r}]", view) for name, view in self.views.items()}
        for name, view in views.items():
            if not isinstance(name, str) or not name or "/" in name:
                raise DataError(f"Clip.views: {name!r} is not a camera's name; use a word without '/'")
            if len(view) != length:
                raise DataError(f"Clip.views[{name!r}]: {len(view)} frames beside {length}; give one per moment")
        signals = {}
        for name, values in self.signals.items():
            if not isinstance(name, str) or not name or "/" in name:
                raise DataError(f"Clip.signals: {name!r} is not a signal name; use a word without '/'")
            if np.asarray(values).dtype == bool:
                events.add(name)
            signals[name] = _checked(f"signals[{name!r}]", values, length, 1)
        for name in events:
            if name not in signals:
                raise DataError(f"Clip.events: {name!r} is not among the signals {sorted(signals)}")
            if not np.isin(signals[name], (0.0, 1.0)).all():
                raise DataError(f"Clip.signals[{name!r}]: an event is 0 or 1 at every frame")
        if not isinstance(self.task, str):
            raise DataError(f"Clip.task: {type(self.task).__name__} is not text; give the instruction or ''")
        values = {"frames": frames, "signals": signals, "events": frozenset(events), "views": views}
        for name in ("actions", "proprio"):
            given = getattr(self, name)
            values[name] = None if given is None else _checked(name, given, length, 2)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def signal_kinds(self) -> dict[str, str]:
        """{name: "regression" or "event"}, in the order of ``signals``."""
        return {name: "event" if name in self.events else "regression" for name in self.signals}


def _pixels(name: str, values: object) -> np.ndarray:
    frames = np.asarray(values)
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise DataError(f"Clip.{name}: shape {frames.shape} is not (T,h,w,3); give at least one RGB frame")
    if frames.dtype != np.uint8:
        raise DataError(f"Clip.{name}: dtype {frames.dtype} is not uint8; give pixels in 0..255")
    return frames


def _checked(name: str, values: object, length: int, ndim: int) -> np.ndarray:
    """``values`` as float32 of ``ndim`` dimensions with ``length`` finite rows; DataError names the field."""
    try:
        array = np.asarray(values).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"Clip.{name}: not an array of numbers ({error})") from error
    if array.ndim != ndim or (ndim == 2 and array.shape[1] == 0):
        raise DataError(f"Clip.{name}: shape {array.shape} is not ({'T' if ndim == 1 else 'T,n'})")
    if len(array) != length:
        raise DataError(f"Clip.{name}: {len(array)} rows for {length} frames; give one row per frame")
    if not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array).reshape(length, -1).all(1)))
        raise DataError(f"Clip.{name}: not finite at frame {row}; drop the episode or repair its source")
    return array
