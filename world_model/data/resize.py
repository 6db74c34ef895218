"""Pictures of any size made square and small, each pixel the mean of the area that it covers.

    small = resize(frames, 64)            # (T,h,w,3) uint8 -> (T,64,64,3) uint8

Nothing is cropped, whatever the shape: a gripper works as often at the edge of a picture as in its middle. A picture
that is not square comes out squeezed, each camera in its own constant way.
"""

from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array


def resize(frames: np.ndarray, size: int) -> np.ndarray:
    """frames (T,h,w,3) uint8 -> (T,size,size,3): every pixel the mean of the area it covers."""
    height, width = frames.shape[1:3]
    if (height, width) == (size, size):
        return frames
    rows, columns = _overlap(height, size), _overlap(width, size)
    out = np.empty((len(frames), size, size, 3), np.uint8)
    for t, frame in enumerate(frames):
        low = rows @ frame.reshape(height, -1).astype(np.float32)
        small = columns @ low.reshape(size, width, 3).swapaxes(0, 1).reshape(width, -1)
        out[t] = np.rint(small.reshape(size, size, 3).swapaxes(0, 1))
    return out


@lru_cache(maxsize=16)
def _overlap(n: int, size: int) -> csr_array:
    """(size,n): the share that each of n input pixels has in each output pixel, most of it zeros."""
    edges = np.arange(size + 1)[:, None] * (n / size)
    inside = np.clip(edges[1:] - np.arange(n), 0, 1) - np.clip(edges[:-1] - np.arange(n), 0, 1)
    return csr_array((inside / inside.sum(1, keepdims=True)).astype(np.float32))
