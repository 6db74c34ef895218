"""Messages to bags in a thread of its own: everything, or the last seconds before something happened. Knows no ROS.

recording = Recording(RecorderParameters(folder="bags")); recording.start()
recording.offer(raw)                  # never waits: what does not fit into the queue is dropped and counted
recording.save("stop", after_s=1.0)   # the last seconds as a bag of their own, and one second more
recording.close()
"""

import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from rehearse.errors import RehearseError
from rehearse.ros_nodes.bag.writer import PARTIAL, BagWriter, Raw
from rehearse.ros_nodes.parameters import RecorderParameters

MB = 1_000_000
ALWAYS = "always"
_TICK_S = 0.1
_OVERHEAD = 200  # bytes that a message takes in memory besides its own


class Ring:
    """The last seconds of messages, at most so many bytes."""

    def __init__(self, span_s: float, most_bytes: int) -> None:
        self.span_s, self.most_bytes = span_s, most_bytes
        self._kept: deque[Raw] = deque()
        self.bytes = 0

    def add(self, raw: Raw, extra_s: float = 0.0) -> None:
        """Remember it, and forget what is older than the span and ``extra_s``."""
        self._kept.append(raw)
        self.bytes += _size(raw)
        while self.bytes > self.most_bytes or self._kept[0].heard_s < raw.heard_s - self.span_s - extra_s:
            self.bytes -= _size(self._kept.popleft())
            if not self._kept:
                return

    def all(self) -> list[Raw]:
        """What is remembered, the oldest first."""
        return list(self._kept)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.bytes = 0

    @property
    def spans_s(self) -> float:
        """How far back it goes."""
        return self._kept[-1].heard_s - self._kept[0].heard_s if self._kept else 0.0


class Recording:
    """All methods but ``_work`` and what it calls belong to the caller's thread, and none of them waits for a disk."""

    def __init__(self, settings: RecorderParameters) -> None:
        self._settings, self._folder = settings, Path(settings.folder)
        self._ring = Ring(settings.ring_s, int(settings.ring_mb * MB))
        self._changed = threading.Condition()
        self._waiting: deque[Raw | Callable[[], None]] = deque()
        self._queued, self._closed = 0, False
        self._bag: BagWriter | None = None
        self._due: tuple[float, float, Path] | None = None  # a save: when, after how much more, and where
        self._flushed_s = 0.0
        self.on, self.error, self.written, self.bags = False, "", 0, 0
        self.dropped, self.too_big = Counter(), Counter()
        self.latest: Path | None = None
        self._thread = threading.Thread(target=self._work, name="recording", daemon=True)
        self._thread.start()

    # -- the caller's thread -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Record from now on."""
        self.on, self.error = True, ""

    def offer(self, raw: Raw) -> None:
        """Record this message if there is room for it; returns at once."""
        if not self.on:
            return
        if len(raw.data) > self._settings.message_mb * MB:
            self.too_big[raw.topic] += 1
            return
        with self._changed:
            if self._queued + _size(raw) > self._settings.queue_mb * MB:
                self.dropped[raw.topic] += 1
                return
            self._queued += _size(raw)
            self._waiting.append(raw)
            self._changed.notify()

    def save(self, why: str, after_s: float = 0.0) -> Path | None:
        """Write the last seconds, and ``after_s`` more, as a bag of this name; None while another is being saved."""
        if self._due is not None:
            return None
        path = fresh(self._folder, why)
        due = (time.monotonic() + after_s, after_s, path)
        self._due = due
        with self._changed:
            self._changed.notify()
        return path

    def stop(self) -> None:
        """End the bag."""
        self.on = False
        self._order(self._end)

    def close(self) -> None:
        """Write what waits, end the bag and the thread."""
        self.stop()
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def facts(self) -> dict[str, object]:
        """For people."""
        where = self._bag.partial if self._bag is not None else self.latest
        return {
            "mode": self._settings.mode,
            "recording": self.on,
            "bag": where or "",
            "bags": self.bags,
            "messages": self.written,
            "queued_mb": round(self._queued / MB, 3),
            "dropped": self.dropped.total(),
            "too_big": self.too_big.total(),
            "lost": ", ".join(f"{topic} {count}" for topic, count in sorted((self.dropped + self.too_big).items())),
            "ring_s": round(self._ring.spans_s, 2),
            "ring_mb": round(self._ring.bytes / MB, 3),
        }

    def _order(self, what: Callable[[], None]) -> None:
        """Have the thread do it after what waits already."""
        with self._changed:
            self._waiting.append(what)
            self._changed.notify()

    # -- the thread ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed, timeout=_TICK_S)
                item = self._waiting.popleft() if self._waiting else None
                ended = self._closed and item is None
            try:
                self._do(item, ended)
            except (OSError, RehearseError) as error:
                self._fail(str(error))
            except Exception as error:  # whatever it was, the node must hear of it and go on
                self._fail(repr(error))
            if isinstance(item, Raw):
                with self._changed:
                    self._queued -= _size(item)
            if ended:
                return

    def _do(self, item: Raw | Callable[[], None] | None, ended: bool) -> None:
        if isinstance(item, Raw):
            self._keep(item)
        elif item is not None:
            item()
        now_s = time.monotonic()
        if self._due is not None and (ended or (now_s >= self._due[0] and self._caught_up(item))):
            self._save()
        if self._bag is not None and now_s - self._flushed_s > self._settings.flush_s:
            self._flushed_s = now_s
            self._bag.flush()
            self._check_room()

    def _caught_up(self, item: object) -> bool:
        """Whether all that came before the save was due is in the ring."""
        return not isinstance(item, Raw) or item.heard_s >= self._due[0]

    def _keep(self, raw: Raw) -> None:
        self._ring.add(raw, extra_s=self._due[1] if self._due is not None else 0.0)
        if self._settings.mode != ALWAYS or self.error:
            return
        if self._bag is None:
            self._check_room()
            self._bag = BagWriter(fresh(self._folder, "record"), self._settings.compression)
        self._bag.write(raw)
        self.written += 1

    def _save(self) -> None:
        path, raws = self._due[2], self._ring.all()
        self._due = None
        if not raws:
            return
        self._check_room()
        with BagWriter(path, self._settings.compression) as bag:
            for raw in raws:
                bag.write(raw)
        self.bags, self.latest = self.bags + 1, path

    def _end(self) -> None:
        """End the bag; what is remembered goes, too, for the next is another story."""
        if self._due is not None:
            self._save()
        self._ring.clear()
        if self._bag is not None:
            bag, self._bag = self._bag, None
            bag.close()
            if bag.messages:
                self.bags, self.latest = self.bags + 1, bag.path

    def _check_room(self) -> None:
        """OSError where the disk is all but full: whatever else runs on this machine needs some of it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        free_mb = shutil.disk_usage(self._folder).free / MB
        if free_mb < self._settings.free_mb:
            raise OSError(f"only {free_mb:.0f} MB are left on the disk of {self._folder}; remove old bags")

    def _fail(self, error: str) -> None:
        """Nothing more is written until the next start; what was is kept."""
        self.error = error
        if self._bag is not None:
            bag, self._bag = self._bag, None
            try:
                bag.close()
            except OSError:
                bag.abandon()


def _size(raw: Raw) -> int:
    return len(raw.data) + _OVERHEAD


def fresh(folder: Path, why: str) -> Path:
    """A name in the folder that no bag has: <why>_2026-11-26_13-05-00.mcap."""
    stem = f"{why}_{datetime.now():%Y-%m-%d_%H-%M-%S}"
    for name in (stem, *(f"{stem}_{number}" for number in range(2, 1000))):
        path = folder / f"{name}.mcap"
        if not path.exists() and not path.with_name(path.name + PARTIAL).exists():
            return path
    raise OSError(f"{folder}: a thousand bags within a second")
