"""Statistics as LeRobotDataset v3.0 keeps them: min, max, mean, std, count and five quantiles per feature.

    vector_stats(x)          x (T,n) -> lists of n
    image_stats(histogram)   histogram (3,256) of pixel values -> lists (3,1,1), scaled to 0..1

Images go through a histogram of their 256 values, which is exact and adds up over episodes.
"""

import numpy as np

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


def vector_stats(x: np.ndarray) -> dict[str, list]:
    """Statistics over the rows of x (T,n); the count is T."""
    x = np.asarray(x, np.float64)
    stats = {name: getattr(x, name)(axis=0).tolist() for name in ("min", "max", "mean", "std")}
    quantiles = np.quantile(x, list(QUANTILES.values()), axis=0)
    stats.update({name: q.tolist() for name, q in zip(QUANTILES, quantiles, strict=True)})
    return stats | {"count": [len(x)]}


def image_histogram(frames: np.ndarray) -> np.ndarray:
    """How often each value occurs per channel: frames (T,h,w,3) uint8 -> (3,256) int64."""
    return np.stack([np.bincount(frames[..., c].ravel(), minlength=256) for c in range(3)])


def image_stats(histogram: np.ndarray, frames: int) -> dict[str, list]:
    """Per-channel statistics of the pixels behind ``histogram`` (3,256), of ``frames`` images."""
    values = np.arange(256) / 255.0
    total = histogram.sum(1, keepdims=True)
    share, cumulative = histogram / total, histogram.cumsum(1)
    mean = share @ values
    std = np.sqrt(np.maximum(share @ values**2 - mean**2, 0.0))
    present = histogram > 0
    low, high = values[present.argmax(1)], values[255 - present[:, ::-1].argmax(1)]
    columns = {"min": low, "max": high, "mean": mean, "std": std}
    for name, q in QUANTILES.items():
        columns[name] = values[(cumulative >= q * total).argmax(1)]
    return {name: c.reshape(3, 1, 1).tolist() for name, c in columns.items()} | {"count": [frames]}
