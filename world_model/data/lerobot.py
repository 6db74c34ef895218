"""A LeRobotDataset v3.0 folder (layout.py) to Clips, with numpy, pyarrow and PyAV only.

    reader = LeRobotReader("runs/jacket", views=("left",)); clip = reader.read(3)    # clip.views["left"]
    for clip in reader: ...                                                          # decodes each mp4 once

The other direction is writer.py; both names are importable from here.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rehearse.errors import DataError
from rehearse.world_model.data.clip import Clip
from rehearse.world_model.data.layout import ACTION, CAMERA, CAMERAS, SIGNAL, STATE
from rehearse.world_model.data.video import VideoFile
from rehearse.world_model.data.writer import LeRobotWriter

__all__ = ["LeRobotReader", "LeRobotWriter"]


class LeRobotReader:
    """A LeRobotDataset v3.0 as Clips; tables are checked at once, video when an episode is asked for.

    ``lengths`` (E,) frames per episode; ``signal_kinds`` {name: "regression" or "event"}; ``image_shape``
    (h,w,3); ``action_dim`` and ``proprio_dim`` are 0 where the dataset has none. ``views`` name the further
    cameras that clips are to have; ``frames_only`` leaves out, unread, whatever is no picture. DataError names
    the file.
    """

    def __init__(
        self,
        path: Path | str,
        camera: str = CAMERA,
        views: Sequence[str] = (),
        frames_only: bool = False,
    ) -> None:
        self.path, self.camera = Path(path), camera
        self.views = {name: CAMERAS + name for name in views}
        self._info = read_info(self.path)
        self.fps: int = self._info["fps"]
        self.features: dict[str, dict] = self._info["features"]
        for key in (camera, *self.views.values()):
            if self.features.get(key, {}).get("dtype") != "video":
                raise DataError(
                    f"{path}: no video feature {key!r} in meta/info.json; it has {cameras_of(self._info) or 'none'}"
                )
        self.image_shape = tuple(self.features[camera]["shape"])
        names = [key for key in self.features if key.startswith(SIGNAL) and not frames_only]
        vectors = [key for key in (STATE, ACTION) if key in self.features and not frames_only]
        self.signal_kinds = {
            key.removeprefix(SIGNAL): "event" if self.features[key]["dtype"] == "bool" else "regression"
            for key in names
        }
        self._episodes = self._read_episodes()
        self.lengths = np.array([row["length"] for row in self._episodes], np.int64)
        self._columns = self._read_data(vectors + names)
        self._tasks = {} if frames_only else self._read_tasks()
        self._open: dict[str, VideoFile] = {}

    @property
    def action_dim(self) -> int:
        return self._columns[ACTION].shape[1] if ACTION in self._columns else 0

    @property
    def proprio_dim(self) -> int:
        return self._columns[STATE].shape[1] if STATE in self._columns else 0

    @property
    def provenance(self) -> dict:
        """What meta/rehearse.json says about the collection; {} for datasets of others."""
        path = self.path / "meta/rehearse.json"
        return read_json(path) if path.exists() else {}

    def __len__(self) -> int:
        return len(self._episodes)

    def __iter__(self) -> Iterator[Clip]:
        """All episodes in order; consecutive ones go on decoding the same mp4, so each is decoded once."""
        return (self.read(i) for i in range(len(self)))

    def read(self, i: int) -> Clip:
        """Episode ``i``, decoded."""
        row = self._episodes[i]
        rows = slice(row["dataset_from_index"], row["dataset_to_index"])
        return Clip(
            self._pictures(row, self.camera),
            actions=self._columns[ACTION][rows] if ACTION in self._columns else None,
            proprio=self._columns[STATE][rows] if STATE in self._columns else None,
            signals={name: self._columns[SIGNAL + name][rows, 0] for name in self.signal_kinds},
            task=self._tasks.get(int(self._columns["task_index"][rows.start, 0]), ""),
            events=frozenset(name for name, kind in self.signal_kinds.items() if kind == "event"),
            views={name: self._pictures(row, key) for name, key in self.views.items()},
        )

    def frames(self, i: int) -> Iterator[av.VideoFrame]:
        """Episode ``i`` of the camera alone, as the decoder gives it, one frame in memory at a time."""
        video, start = self._video(self._episodes[i], self.camera)
        return video.frames(start, self._episodes[i]["length"])

    def _pictures(self, row: dict, camera: str) -> np.ndarray:
        video, start = self._video(row, camera)
        frames, shape = video.read(start, row["length"]), tuple(self.features[camera]["shape"])
        if frames.shape[1:] != shape:
            raise DataError(f"{video.path}: frames of {frames.shape[1:]}, meta/info.json says {shape}")
        return frames

    def _video(self, row: dict, camera: str) -> tuple[VideoFile, int]:
        """The camera's file that holds the episode, and at which frame the episode begins."""
        chunk, file = (row[f"videos/{camera}/{key}"] for key in ("chunk_index", "file_index"))
        path = self.path / self._info["video_path"].format(video_key=camera, chunk_index=chunk, file_index=file)
        if camera not in self._open or self._open[camera].path != path:
            if camera in self._open:
                self._open.pop(camera).close()
            self._open[camera] = VideoFile(path, self.fps)
        return self._open[camera], round(row[f"videos/{camera}/from_timestamp"] * self.fps)

    def close(self) -> None:
        """Close the video files kept open between reads."""
        while self._open:
            self._open.popitem()[1].close()

    def _read_episodes(self) -> list[dict]:
        files = sorted((self.path / "meta/episodes").glob("*/*.parquet"))
        cameras, where = (self.camera, *self.views.values()), ("chunk_index", "file_index", "from_timestamp")
        video = [f"videos/{camera}/{key}" for camera in cameras for key in where]
        needed = ["episode_index", "length", "dataset_from_index", "dataset_to_index", *video]
        rows = [row for file in files for row in _read_table(file, needed).to_pylist()]
        rows.sort(key=lambda row: row["episode_index"])
        if [row["episode_index"] for row in rows] != list(range(self._info["total_episodes"])):
            raise DataError(
                f"{self.path}/meta/episodes: {len(rows)} episodes, but meta/info.json says "
                f"{self._info['total_episodes']}; restore meta/"
            )
        return rows

    def _read_data(self, keys: list[str]) -> dict[str, np.ndarray]:
        parts: list[dict[str, np.ndarray]] = []
        for file in sorted((self.path / "data").glob("*/*.parquet")):
            table = _read_table(file, [*keys, "timestamp", "episode_index", "task_index"])
            parts.append({key: _numpy(table.column(key), file) for key in table.column_names})
            for key in (key for key in keys if not np.isfinite(parts[-1][key]).all()):
                row = int(np.argmin(np.isfinite(parts[-1][key]).all(1)))
                episode = int(parts[-1]["episode_index"][row, 0])
                raise DataError(f"{file}: {key!r} has NaN or infinity in episode {episode}; remove that episode")
        if not parts:
            raise DataError(f"{self.path}/data: no parquet file; restore it or collect the dataset again")
        columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        index = columns["episode_index"][:, 0]
        for i, row in enumerate(self._episodes):
            start, stop = row["dataset_from_index"], row["dataset_to_index"]
            if stop - start != row["length"] or stop > len(index) or not (index[start:stop] == i).all():
                raise DataError(f"{self.path}/data: rows {start}..{stop} are not episode {i}; restore data/ and meta/")
        stamps = columns.pop("timestamp")[:, 0]
        first = self._episodes[0]
        steps = np.diff(stamps[first["dataset_from_index"] : first["dataset_to_index"]])
        if len(steps) and abs(float(np.median(steps)) * self.fps - 1) > 0.01:
            raise DataError(
                f"{self.path}: data timestamps are {1 / float(np.median(steps)):.3g} frames/s apart, but "
                f"meta/info.json says {self.fps}; correct its fps"
            )
        return columns

    def _read_tasks(self) -> dict[int, str]:
        path = self.path / "meta/tasks.parquet"
        table = _read_table(path, ["task_index"])
        # LeRobot writes the text as a pandas index, named "task" in newer files and unnamed in older ones.
        text = next((name for name in ("task", "__index_level_0__") if name in table.column_names), None)
        if text is None:
            raise DataError(f"{path}: column 'task' is missing; restore the file")
        return dict(zip(table["task_index"].to_pylist(), table[text].to_pylist(), strict=True))


def _numpy(column: pa.ChunkedArray, file: Path) -> np.ndarray:
    """A column of numbers or equally long lists as (T,n); float64 keeps timestamps and indices exact."""
    flat = column.combine_chunks()
    if pa.types.is_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        flat = flat.flatten()
    values = flat.to_numpy(zero_copy_only=False).astype(np.float64)
    if len(column) == 0 or len(values) % len(column):
        raise DataError(f"{file}: a list column is empty or ragged; restore the file")
    return values.reshape(len(column), -1)


def read_info(dataset: Path) -> dict:
    """meta/info.json of a dataset folder; DataError says why it is none."""
    path = dataset / "meta/info.json"
    if not dataset.is_dir():
        raise DataError(f"{dataset}: no such folder; give the folder of a LeRobotDataset v3.0")
    if not path.is_file():
        raise DataError(f"{dataset}: not a LeRobotDataset, meta/info.json is missing")
    info = read_json(path)
    version = str(info.get("codebase_version", "missing"))
    if not version.startswith("v3."):
        raise DataError(f"{path}: codebase_version {version} is not v3.0; convert it with LeRobot's scripts")
    for key in ("fps", "features", "total_episodes", "data_path", "video_path"):
        if info.get(key) is None:
            raise DataError(f"{path}: key {key!r} is missing; restore the file")
    if not info["fps"] > 0:
        raise DataError(f"{path}: fps {info['fps']} is not positive; correct it")
    if info["total_episodes"] == 0:
        raise DataError(f"{dataset}: the dataset is empty (0 episodes); collect some")
    return info


def cameras_of(info: dict) -> list[str]:
    """The features that meta/info.json declares as video, whatever they are called."""
    return [key for key, feature in (info.get("features") or {}).items() if feature.get("dtype") == "video"]


def read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}); restore the file") from error


def _read_table(path: Path, needed: Sequence[str]) -> pa.Table:
    """The ``needed`` columns and, for small meta tables, whatever text column there is beside them."""
    try:
        names = pq.read_schema(path).names
        missing = [key for key in needed if key not in names]
        text = [name for name in ("task", "__index_level_0__") if name in names]
        if not missing:
            return pq.read_table(path, columns=[*needed, *text])
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: missing or damaged ({error}); restore the file") from error
    raise DataError(f"{path}: column {missing[0]!r} is missing, found {', '.join(names[:12])}; restore the file")
