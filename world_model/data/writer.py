"""Clips to a LeRobotDataset v3.0 folder (layout.py), which appears whole at the end or not at all.

with LeRobotWriter("runs/jacket", fps=5, robot_type="gantry", provenance={"seed": 0}) as out:
    for clip in pool.imap(collect, seeds): out.add(clip)          # workers return Clips, this process encodes
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rehearse.errors import DataError
from rehearse.world_model.data.clip import Clip
from rehearse.world_model.data.layout import (
    DATA_PATH,
    EPISODES_PATH,
    FILES_PER_CHUNK,
    VIDEO_PATH,
    arrow,
    cameras_of,
    features_of,
    rows_of,
    task_table,
)
from rehearse.world_model.data.stats import image_histogram, image_stats, vector_stats
from rehearse.world_model.data.video import VideoWriter


class LeRobotWriter:
    """Collects Clips in a hidden folder beside ``path`` and renames it to ``path`` at the end.

    Leaving the ``with`` block by an error removes the folder, so a failed collection never looks like a
    dataset; a killed one leaves at most ``.<name>.*.partial``. Features come from the first clip, and every
    later one must have the same. Only the process that made the writer adds to it. ``names`` may name the
    entries of "action" and "observation.state"; ``provenance`` goes to meta/rehearse.json and may still be
    changed until the end.
    """

    def __init__(
        self,
        path: Path | str,
        fps: int,
        robot_type: str = "unknown",
        codec: str = "libx264",
        provenance: Mapping | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
        video_mb: int = 200,
    ) -> None:
        self.path = Path(path)
        if int(fps) != fps or fps < 1:
            raise DataError(f"fps {fps}: LeRobotDataset v3.0 needs a whole number of frames per second")
        if self.path.exists():
            raise DataError(f"{self.path}: already exists; choose another folder (training takes several)")
        self.fps, self.robot_type, self.codec, self.video_mb = int(fps), robot_type, codec, video_mb
        self.provenance = dict(provenance or {})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # mkdtemp makes 0700; a dataset is to be read by colleagues, so the rest goes one level deeper.
        self._outer = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", suffix=".partial", dir=self.path.parent))
        self._root = self._outer / "dataset"
        self._names = dict(names or {})
        self._features: dict[str, dict] = {}
        self._tasks: dict[str, int] = {}
        self._episodes: list[dict] = []
        self._rows: list[dict[str, np.ndarray]] = []  # of the data file being filled
        self._all: dict[str, list[np.ndarray]] = {}  # every column, for stats.json
        self._histograms: dict[str, np.ndarray] = {}  # of each camera
        self._total, self._file = 0, 0
        self._videos: dict[str, VideoWriter] = {}  # of each camera, the file being filled

    def add(self, clip: Clip) -> None:
        """Append one episode; DataError, and nothing written, if it does not fit the first one."""
        if self._root is None:
            raise DataError(f"{self.path}: the writer is closed; start another dataset")
        features = features_of(clip, self.fps, self.codec, self._names)
        if self._features and features != self._features:
            wrong = [k for k in {**features, **self._features} if features.get(k) != self._features.get(k)]
            raise DataError(
                f"{self.path}: episode {len(self._episodes)} differs from the first in {', '.join(wrong)}; "
                "one dataset has one set of features"
            )
        chunk, file = divmod(self._file, FILES_PER_CHUNK)
        cameras = cameras_of(clip)
        self._videos = self._videos or self._start_videos(cameras, chunk, file)
        self._features, length, where, stats = features, len(clip), {}, {}
        for camera, frames in cameras.items():
            first = self._videos[camera].frames
            self._videos[camera].add(frames)
            histogram = image_histogram(frames)
            self._histograms[camera] = self._histograms.get(camera, 0) + histogram
            stats[camera] = image_stats(histogram, length)
            where |= {
                f"videos/{camera}/chunk_index": chunk,
                f"videos/{camera}/file_index": file,
                f"videos/{camera}/from_timestamp": first / self.fps,
                f"videos/{camera}/to_timestamp": (first + length) / self.fps,
            }
        rows = rows_of(clip, self.fps, len(self._episodes), self._total, self._task_index(clip.task))
        for key, column in rows.items():
            stats[key] = vector_stats(column.reshape(length, -1))
            self._all.setdefault(key, []).append(column)
        self._rows.append(rows)
        self._episodes.append(
            {
                "episode_index": len(self._episodes),
                "tasks": [clip.task],
                "length": length,
                "data/chunk_index": chunk,
                "data/file_index": file,
                "dataset_from_index": self._total,
                "dataset_to_index": self._total + length,
                **where,
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
            | {f"stats/{key}/{name}": value for key, s in stats.items() for name, value in s.items()}
        )
        self._total += length
        if max(video.bytes for video in self._videos.values()) > self.video_mb * 2**20:
            self._finish_file()

    def close(self) -> None:
        """Write the tables and rename the folder to ``path``; DataError if no episode was added."""
        if self._root is None:
            return
        try:
            if not self._episodes:
                raise DataError(f"{self.path}: no episode was added; the dataset was not written")
            self._finish_file()
            self._write_meta()
            for file in (path for path in self._root.rglob("*") if path.is_file()):
                with file.open("rb") as written:
                    os.fsync(written.fileno())
            try:
                os.rename(self._root, self.path)
            except OSError as error:
                kept, self._root = self._root, None
                raise DataError(f"{self.path}: cannot be written ({error}); the dataset is in {kept}") from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Stop and remove what was written so far."""
        if self._root is not None:
            self._root = None
            for video in self._videos.values():
                video.close()
            shutil.rmtree(self._outer, ignore_errors=True)

    def __enter__(self) -> "LeRobotWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.discard() if kind else self.close()

    def _task_index(self, task: str) -> int:
        return self._tasks.setdefault(task, len(self._tasks))

    def _start_videos(self, cameras: Mapping[str, np.ndarray], chunk: int, file: int) -> dict[str, VideoWriter]:
        """A file for each camera; none stays open if one cannot be made."""
        with ExitStack() as opened:
            videos = {}
            for camera, frames in cameras.items():
                path = self._root / VIDEO_PATH.format(video_key=camera, chunk_index=chunk, file_index=file)
                video = VideoWriter(path, self.fps, *frames.shape[1:3], codec=self.codec)
                videos[camera] = opened.enter_context(video)
            opened.pop_all()
        return videos

    def _finish_file(self) -> None:
        if not self._videos:
            return
        for video in self._videos.values():
            video.close()
        columns = {key: np.concatenate([rows[key] for rows in self._rows]) for key in self._rows[0]}
        chunk, file = divmod(self._file, FILES_PER_CHUNK)
        path = self._root / DATA_PATH.format(chunk_index=chunk, file_index=file)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({key: arrow(x) for key, x in columns.items()}), path)
        self._videos, self._rows, self._file = {}, [], self._file + 1

    def _write_meta(self) -> None:
        meta = self._root / "meta"
        (self._root / EPISODES_PATH).parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(self._episodes), self._root / EPISODES_PATH)
        pq.write_table(task_table(list(self._tasks)), meta / "tasks.parquet")
        stats = {key: vector_stats(np.concatenate(x).reshape(self._total, -1)) for key, x in self._all.items()}
        stats = {camera: image_stats(x, self._total) for camera, x in self._histograms.items()} | stats
        info = {
            "codebase_version": "v3.0",
            "robot_type": self.robot_type,
            "total_episodes": len(self._episodes),
            "total_frames": self._total,
            "total_tasks": len(self._tasks),
            "chunks_size": FILES_PER_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": max(1, self.video_mb),
            "fps": self.fps,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": self._features,
        }
        for name, content in (("info", info), ("stats", stats), ("rehearse", self.provenance)):
            (meta / f"{name}.json").write_text(json.dumps(content, indent=2, default=str))
