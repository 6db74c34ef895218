"""mp4 in and out through PyAV: (T,h,w,3) uint8 frames to a file and back by frame index.

    with VideoWriter("file-000.mp4", fps=5, height=64, width=64) as out: out.add(frames)
    frames = VideoFile("file-000.mp4", fps=5).read(start=10, count=8)           # or .frames(...), one by one

Every second frame is a keyframe (LeRobot's interval) and there are no B-frames, so a window is reached by
decoding at most one frame too many.
"""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from rehearse.errors import DataError

CODEC_NAMES = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "av1"}
_OPTIONS = {
    "libx264": {"crf": "18", "bf": "0", "preset": "veryfast"},
    "libx265": {"crf": "18", "preset": "veryfast", "x265-params": "bframes=0:log-level=none"},
    "libsvtav1": {"crf": "24", "preset": "10"},
}


class VideoWriter:
    """Appends frames to one mp4; ``frames`` went in and ``bytes`` came out of the encoder so far."""

    def __init__(self, path: Path | str, fps: int, height: int, width: int, codec: str = "libx264") -> None:
        if codec not in _OPTIONS:
            raise DataError(f"video codec {codec!r} is unknown; choose one of {', '.join(_OPTIONS)}")
        if height % 2 or width % 2:
            raise DataError(f"video frames of {height}x{width}: {codec} needs an even height and width")
        self.path, self.frames, self.bytes = Path(path), 0, 0
        self._shape = (height, width, 3)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(path), "w")
        try:
            self._stream = self._container.add_stream(codec, rate=fps)
        except (av.error.FFmpegError, ValueError) as error:
            self._container.close()
            raise DataError(f"this PyAV cannot encode {codec} ({error}); choose another codec") from error
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.thread_count = 1
        self._stream.options = {"g": "2", **_OPTIONS[codec]}

    def add(self, frames: np.ndarray) -> None:
        """Encode frames (T,h,w,3) uint8 after those already there."""
        if frames.shape[1:] != self._shape:
            raise DataError(f"{self.path.name}: frames of {frames.shape[1:]} among frames of {self._shape}")
        for image in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts = self.frames
            packets = self._stream.encode(frame)
            self._container.mux(packets)
            self.frames += 1
            self.bytes += sum(packet.size for packet in packets)

    def close(self) -> None:
        """Flush the encoder and write the index; without this the file is not a video."""
        if self._container is not None:
            container, self._container = self._container, None
            if self.frames:
                container.mux(self._stream.encode())
            container.close()

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class VideoFile:
    """Reads frames by index; consecutive reads go on decoding, others seek to the keyframe before."""

    def __init__(self, path: Path | str, fps: float) -> None:
        self.path, self.fps, self._next, self._size = Path(path), fps, 0, None
        if not self.path.is_file():
            raise DataError(f"{path}: video is missing; restore the file or collect the dataset again")
        try:
            self._container = av.open(str(path))
            self._stream = self._container.streams.video[0]
        except (av.error.FFmpegError, IndexError) as error:
            raise DataError(
                f"{path}: truncated or not a video; restore the file or collect the dataset again"
            ) from error
        self._stream.thread_count = 1
        # Without this the decoder silently paints over damage with grey.
        self._stream.codec_context.options = {"err_detect": "explode"}
        rate = self._stream.average_rate
        if self._stream.frames > 1 and rate and abs(float(rate) - fps) > 0.01 * fps:
            self.close()
            raise DataError(f"{path}: {float(rate):g} frames/s, but meta/info.json says {fps:g}; correct its fps")
        self._frames = self._container.decode(self._stream)

    def read(self, start: int, count: int) -> np.ndarray:
        """Frames (count,h,w,3) uint8 from index ``start``; DataError if the file has fewer or is damaged."""
        out = [frame.to_ndarray(format="rgb24") for frame in self.frames(start, count)]
        return np.stack(out) if out else np.empty((0, self._stream.height, self._stream.width, 3), np.uint8)

    def frames(self, start: int, count: int) -> Iterator[av.VideoFrame]:
        """The same frames as the decoder gives them, one in memory at a time."""
        done = 0
        try:
            if not 0 <= start - self._next <= 2:
                offset = int(start / self.fps / self._stream.time_base)
                self._container.seek(offset, stream=self._stream, backward=True)
                self._frames = self._container.decode(self._stream)
            for frame in self._frames if count else ():
                if frame.is_corrupt:
                    raise DataError(self._complaint(f"frame {start + done} is damaged"))
                self._next = round(float(frame.pts * self._stream.time_base) * self.fps) + 1
                if self._next <= start:
                    continue
                if self._next != start + done + 1:
                    raise DataError(self._complaint(f"frame {start + done} is missing"))
                self._size = self._size or (frame.height, frame.width)
                if (frame.height, frame.width) != self._size:
                    sizes = "{2}x{3} pixels instead of {0}x{1}".format(*self._size, frame.height, frame.width)
                    raise DataError(self._complaint(f"frame {start + done} has {sizes}"))
                done += 1
                yield frame
                if done == count:
                    break
        except av.error.FFmpegError as error:
            raise DataError(self._complaint(f"damaged near frame {start + done}")) from error
        if done < count:
            raise DataError(self._complaint(f"ends at frame {start + done} of {start + count}"))

    def _complaint(self, what: str) -> str:
        self._next = -(10**9)  # whatever is read next seeks first
        return f"{self.path}: video {what}; restore the file or collect the dataset again"

    def close(self) -> None:
        self._container.close()
