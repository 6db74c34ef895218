"""Folder layout, features and tables of a LeRobotDataset v3.0, as the writer makes and the reader takes them.

meta/{info.json, stats.json, tasks.parquet, episodes/chunk-*/file-*.parquet}, data/chunk-*/file-*.parquet,
videos/<camera>/chunk-*/file-*.mp4 (huggingface.co/docs/lerobot, "LeRobotDataset v3.0"). Ours besides:
meta/rehearse.json (provenance) and features ``signal.<name>`` of shape [1], float32, or bool for an event.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from rehearse.errors import DataError
from rehearse.world_model.data.clip import Clip
from rehearse.world_model.data.video import CODEC_NAMES

CAMERAS, FRONT = "observation.images.", "front"
CAMERA, STATE, ACTION, SIGNAL = CAMERAS + FRONT, "observation.state", "action", "signal."
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"
FILES_PER_CHUNK = 1000
INDEX_COLUMNS = ("frame_index", "episode_index", "index", "task_index")


def cameras_of(clip: Clip) -> dict[str, np.ndarray]:
    """{feature: (T,h,w,3)}: the frames as the front camera, then each view under its own name."""
    if FRONT in clip.views:
        raise DataError(f"Clip.views: {FRONT!r} is the camera of Clip.frames; give the view another name")
    return {CAMERA: clip.frames} | {CAMERAS + name: clip.views[name] for name in sorted(clip.views)}


def features_of(clip: Clip, fps: int, codec: str, names: Mapping[str, Sequence[str]]) -> dict[str, dict]:
    features = {}
    for camera, frames in cameras_of(clip).items():
        height, width = frames.shape[1:3]
        info = {"video.height": height, "video.width": width, "video.channels": 3, "video.fps": fps}
        info |= {"video.codec": CODEC_NAMES.get(codec, codec), "video.pix_fmt": "yuv420p"}
        info |= {"video.is_depth_map": False, "has_audio": False}
        shape, axes = [height, width, 3], ["height", "width", "channels"]
        features[camera] = {"dtype": "video", "shape": shape, "names": axes, "info": info}
    for key, x, letter in ((STATE, clip.proprio, "s"), (ACTION, clip.actions, "a")):
        if x is not None:
            entries = list(names.get(key, [f"{letter}{i}" for i in range(x.shape[1])]))
            if len(entries) != x.shape[1]:
                raise DataError(f"names[{key!r}]: {len(entries)} names for {x.shape[1]} entries")
            features[key] = {"dtype": "float32", "shape": [x.shape[1]], "names": entries}
    scalars = {SIGNAL + name: "bool" if name in clip.events else "float32" for name in sorted(clip.signals)}
    scalars |= {"timestamp": "float32"} | dict.fromkeys(INDEX_COLUMNS, "int64")
    return features | {key: {"dtype": dtype, "shape": [1], "names": None} for key, dtype in scalars.items()}


def rows_of(clip: Clip, fps: int, episode: int, first: int, task: int) -> dict[str, np.ndarray]:
    """The episode's columns of the data table, (T,) or (T,n), in the order of the features."""
    rows = {key: x for key, x in ((STATE, clip.proprio), (ACTION, clip.actions)) if x is not None}
    for name in sorted(clip.signals):
        rows[SIGNAL + name] = clip.signals[name].astype(bool if name in clip.events else np.float32)
    frame = np.arange(len(clip))
    rows["timestamp"] = (frame / fps).astype(np.float32)
    index = (frame, np.full_like(frame, episode), first + frame, np.full_like(frame, task))
    return rows | dict(zip(INDEX_COLUMNS, index, strict=True))


def arrow(x: np.ndarray) -> pa.Array:
    return pa.array(x) if x.ndim == 1 else pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1])


def task_table(tasks: list[str]) -> pa.Table:
    # pandas reads the instructions back as the index, as LeRobot's own files have it.
    def column(name: str, pandas: str, numpy: str) -> dict:
        return {
            "name": name,
            "field_name": name,
            "pandas_type": pandas,
            "numpy_type": numpy,
            "metadata": None,
        }

    described = [column("task_index", "int64", "int64"), column("task", "unicode", "object")]
    schema = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": described,
        "pandas_version": "2.0.0",
    }
    schema["creator"] = {"library": "pyarrow", "version": pa.__version__}
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks)})
    return table.replace_schema_metadata({b"pandas": json.dumps(schema).encode()})
