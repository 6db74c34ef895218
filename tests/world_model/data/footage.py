"""Video files for tests, encoded here: any codec, any times, any change of size."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

OPTIONS = {"libx264": {"preset": "ultrafast"}, "libvpx-vp9": {"cpu-used": "8", "deadline": "realtime"}}


def grey(level: float, height: int = 48, width: int = 64) -> np.ndarray:
    """A picture (h,w,3) whose left half is dark and whose right half has ``level``, to tell frames apart by."""
    picture = np.full((height, width, 3), 20, np.uint8)
    picture[:, width // 2 :] = round(level)
    return picture


def level(frame: np.ndarray) -> float:
    """The ``level`` of a frame of any size that shows a ``grey``."""
    return float(frame[:, -frame.shape[1] // 4 :].mean())


def encode(
    path: Path,
    pictures: Iterable[np.ndarray],
    fps: float = 10,
    times_ms: Sequence[int] | None = None,
    codec: str = "libx264",
    container: dict[str, str] | None = None,
) -> Path:
    """``pictures`` at ``fps`` or at ``times_ms``; when their size changes, so does the video's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container or {}) as out:
        stream, encoder = None, None
        for i, picture in enumerate(pictures):
            height, width = picture.shape[:2]
            if encoder is None or (encoder.height, encoder.width) != (height, width):
                for packet in encoder.encode(None) if encoder else ():
                    _mux(out, stream, packet)
                encoder = _encoder(codec, height, width)
                if stream is None:
                    stream = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1000))
                    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                    stream.time_base = Fraction(1, 1000)
                    stream.codec_context.extradata = encoder.extradata
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(1000 * i / fps) if times_ms is None else times_ms[i], Fraction(1, 1000)
            for packet in encoder.encode(frame):
                _mux(out, stream, packet)
        for packet in encoder.encode(None):
            _mux(out, stream, packet)
    return path


def _encoder(codec: str, height: int, width: int) -> av.VideoCodecContext:
    encoder = av.CodecContext.create(codec, "w")
    encoder.height, encoder.width, encoder.pix_fmt = height, width, "yuv420p"
    encoder.time_base, encoder.thread_count, encoder.options = Fraction(1, 1000), 1, OPTIONS.get(codec, {})
    return encoder


def _mux(out: av.container.OutputContainer, stream: av.VideoStream, packet: av.Packet) -> None:
    packet.stream = stream
    out.mux(packet)
