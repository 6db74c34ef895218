"""Frames (T,h,w,3) uint8 to H.264 films small enough to stand inside a web page.

    uri = data_uri(encode_mp4(frames, fps=5))          # "data:video/mp4;base64,..."
    grid, columns = sprite([imagined, happened])       # many small films in one: film i is at column i % columns

yuv420p, because browsers play nothing else for certain; it halves the resolution of colour, which is why sprites are
doubled in size first. Reference: ITU-T H.264; RFC 2397 (data URIs).
"""

import base64
import io
from collections.abc import Sequence

import av
import numpy as np

from rehearse.errors import DataError

FILM_CRF, SPRITE_CRF = 25, 22
SPRITE_SCALE = 2
MOST_COLUMNS = 5


def check_frames(name: str, frames: np.ndarray) -> None:
    """Raise DataError unless ``frames`` is (T,h,w,3) uint8 with at least one frame."""
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or min(frames.shape) < 1:
        raise DataError(f"{name}: frames are {frames.shape} {frames.dtype}, expected (T, h, w, 3) uint8, T >= 1")


def hold_last(frames: np.ndarray, length: int) -> np.ndarray:
    """Repeat the last frame until there are ``length`` frames; longer films stay as they are."""
    missing = max(0, length - len(frames))
    return np.concatenate([frames, np.repeat(frames[-1:], missing, axis=0)])


def enlarge(frames: np.ndarray, scale: int) -> np.ndarray:
    """(...,h,w,3) with every pixel a square of ``scale`` pixels (nearest neighbour)."""
    return frames.repeat(scale, axis=-3).repeat(scale, axis=-2)


def encode_mp4(frames: np.ndarray, fps: int, crf: int = FILM_CRF) -> bytes:
    """One H.264 film. An odd height or width gains a row or column, which yuv420p needs. Lower crf is finer."""
    check_frames("film", frames)
    height, width = frames.shape[1:3]
    frames = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        # One thread, so that equal frames give equal bytes. The matrix is what the conversion below uses; without the
        # tag a browser would guess it from the picture's size.
        stream.options = {
            "crf": str(crf),
            "preset": "slow",
            "threads": "1",
            "x264-params": "colormatrix=smpte170m",
        }
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def data_uri(mp4: bytes) -> str:
    """The film as an address that needs no file and no network."""
    return "data:video/mp4;base64," + base64.b64encode(mp4).decode("ascii")


def sprite(tiles: Sequence[np.ndarray], scale: int = SPRITE_SCALE) -> tuple[np.ndarray, int]:
    """Films of one size, (T_i,h,w,3) each, side by side in one film of the longest's length -> frames, columns.

    One film for many tiles keeps them in step and stays clear of the 40 to 75 players that browsers allow a page.
    """
    if not tiles or len({tile.shape[1:] for tile in tiles}) != 1:
        raise DataError(f"sprite: tiles are {[tile.shape for tile in tiles]}, expected one size and at least one tile")
    length, (height, width) = max(map(len, tiles)), tiles[0].shape[1:3]
    columns = min(len(tiles), MOST_COLUMNS)
    rows = -(-len(tiles) // columns)
    grid = np.zeros((length, rows * height, columns * width, 3), np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // columns * height, i % columns * width
        grid[:, top : top + height, left : left + width] = hold_last(tile, length)
    return enlarge(grid, scale), columns
