"""Any video file as frames at a steady rate: mp4, mkv, webm or mov, of any codec that PyAV decodes.

    for frame, times in steady_frames(Path("kitchen.mp4"), fps=5): ...      # frame (h,w,3) uint8, shown ``times`` times

Frame k of the result is the one on show k/fps seconds after the first: the nearest earlier by its presentation time, so
that a variable frame rate comes out steady. The packets are looked through first, without decoding, so that a wrong
rate or a missing end is known at once; then frames pass one by one, and only those that are used become RGB.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import av
import numpy as np

from rehearse.errors import DataError

SUFFIXES = (".mp4", ".mkv", ".webm", ".mov")
Frame = TypeVar("Frame")


def steady_frames(path: Path, fps: float) -> Iterator[tuple[np.ndarray, int]]:
    """Frames (h,w,3) uint8 and how many times each is shown at ``fps``; DataError names the file and the remedy."""
    first_s, slack_s = _look_through(path, fps)
    for frame, times in steady(_decoded(path, first_s), fps, slack_s):
        # Phones film upright by writing a rotation beside the pictures.
        yield np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)), times


def steady(stamped: Iterable[tuple[float, Frame]], fps: float, slack_s: float = 1e-6) -> Iterator[tuple[Frame, int]]:
    """(time_s, frame) in order, from time 0 -> (frame, how many of the times k/fps it is on show at), if any."""
    shown, held = 0, None
    for time_s, frame in stamped:
        due = math.ceil((time_s - slack_s) * fps)
        if held is not None and due > shown:
            yield held, due - shown
            shown = due
        held, last_s = frame, time_s
    if held is not None and (due := math.floor((last_s + slack_s) * fps) + 1) > shown:
        yield held, due - shown


def check_rate(where: object, rate: float, fps: float) -> None:
    """DataError if frames that come at ``rate`` are too few for ``fps``; 1 % is left for clocks."""
    if rate < 0.99 * fps:
        remedy = f"give --fps {rate:.3g} or leave it out"
        raise DataError(f"{where}: {rate:.3g} frames/s is slower than the {fps:g} asked for; {remedy}")


def _look_through(path: Path, fps: float) -> tuple[float, float]:
    """When the first frame is shown and how far times are rounded, read without decoding.

    DataError if the file is cut short or its frames come too slowly.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such video; check the path")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the video is empty (0 bytes); copy it again or remove it")
    container, stream = _open(path)
    try:
        end_s, stamps, packets = 0.0, [], 0
        for packet in container.demux():
            if packet.size == 0:
                continue
            if packet.is_corrupt:
                raise _cut(path, f"breaks off at {end_s:.3g} s")
            if packet.pts is not None:
                end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream is stream:
                packets += 1
                if packet.pts is not None and not packet.is_discard:
                    stamps.append(packet.pts)
        # Some containers count their length from the first frame, some from time 0: the longer reading is meant.
        end_s -= min(0, container.start_time or 0) / av.time_base
        length_s = (container.duration or 0) / av.time_base
        if packets < stream.frames:
            raise _cut(path, f"holds {packets} of {stream.frames} frames")
        if end_s < length_s - max(0.25, 0.02 * length_s):
            raise _cut(path, f"breaks off at {end_s:.3g} s of {length_s:.3g} s")
    except av.error.FFmpegError as error:
        raise _cut(path, f"breaks off at {end_s:.3g} s") from error
    finally:
        container.close()
    if not stamps:
        raise DataError(f"{path}: the frames carry no times; convert the video with ffmpeg, or remove it")
    tick_s = float(stream.time_base)
    first_s, last_s = min(stamps) * tick_s, max(stamps) * tick_s
    if last_s > first_s:
        check_rate(path, (len(stamps) - 1) / (last_s - first_s), fps)
    return first_s, min(tick_s / 2, 1e-3) + 1e-6


def _decoded(path: Path, first_s: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """(seconds since the first frame, frame) for all; DataError at damage or where the size changes."""
    container, stream = _open(path)
    time_s, size = 0.0, None
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise _cut(path, f"is damaged at {time_s:.3g} s")
            size = size or (frame.height, frame.width)
            if (frame.height, frame.width) != size:
                was, now = (f"{height}x{width}" for height, width in (size, (frame.height, frame.width)))
                raise DataError(f"{path}: the size changes from {was} to {now} after {time_s:.3g} s; split it there")
            if frame.pts is not None:
                time_s = float(frame.pts * frame.time_base) - first_s
                yield time_s, frame
    except av.error.FFmpegError as error:
        raise _cut(path, f"is damaged near {time_s:.3g} s") from error
    finally:
        container.close()


def _open(path: Path) -> tuple[av.container.InputContainer, av.VideoStream]:
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        why = f"truncated or not a video ({error.strerror})"
        raise DataError(f"{path}: {why}; copy it again or remove it") from error
    stream = container.streams.best("video")
    if stream is None:
        container.close()
        raise DataError(f"{path}: truncated or without pictures; copy it again or remove it")
    stream.codec_context.thread_count = 1
    # Without this the decoder silently paints over damage with grey.
    stream.codec_context.options = {"err_detect": "explode"}
    return container, stream


def _cut(path: Path, what: str) -> DataError:
    return DataError(f"{path}: the video {what}; copy it again or remove it")
