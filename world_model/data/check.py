"""What is wrong with a LeRobotDataset v3.0, found before anything is trained on it.

    report = check(Path("data/play"))
    report.findings          # [Finding(grave, where, what, remedy), ...]; none of a sound dataset
    report.facts             # episodes, frames, fps, and the range of every number that it holds

A finding is grave if training on the data would fail or mislead; others are for a person to judge. Everything is read,
videos frame by frame, and nothing is changed. Works on datasets of others too.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rehearse.errors import DataError
from rehearse.world_model.data.layout import ACTION, SIGNAL, STATE
from rehearse.world_model.data.lerobot import cameras_of, read_info, read_json
from rehearse.world_model.data.stats import vector_stats
from rehearse.world_model.data.video import VideoFile

JUMP = 0.1  # of a frame's time: a clock that is off by more has jumped
IN_DATA = ("episode_index", "timestamp")
IN_EPISODES = ("episode_index", "dataset_from_index", "dataset_to_index", "length")
FLAT = 2.0  # standard deviation of a picture's pixels, of 255: what varies less is of one colour
STILL = 0.5  # the same, of a pixel over an episode's time
SHARE_AT_RANGE = 0.5  # of the frames at the largest or smallest action: a limit may have cut it
STATS_TOLERANCE = 0.02  # of a feature's standard deviation
REMOVE = "remove the episode or repair its source"
RESTORE = "restore the file or collect the dataset again"


@dataclass(frozen=True)
class Finding:
    """``grave``: training would fail or be misled. ``where`` names the file, feature or episode."""

    grave: bool
    where: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Report:
    """What was found, and what the dataset holds."""

    findings: tuple[Finding, ...]
    facts: Mapping[str, Any]

    @property
    def sound(self) -> bool:
        """Whether nothing grave was found."""
        return not any(finding.grave for finding in self.findings)


def check(path: Path, on_episode: Callable[[], None] = lambda: None) -> Report:
    """Look at everything; DataError only for what is no LeRobotDataset v3.0 at all. ``on_episode``: one is decoded."""
    info = read_info(path)
    facts = {"path": str(path), "episodes": info["total_episodes"], "fps": info["fps"], "cameras": cameras_of(info)}
    try:
        episodes = _table(sorted((path / "meta/episodes").glob("*/*.parquet")), path / "meta/episodes")
        data = _table(sorted((path / "data").glob("*/*.parquet")), path / "data")
    except DataError as error:
        return Report((Finding(True, "tables", str(error), RESTORE),), facts)
    missing = [f"data has no column {name}" for name in IN_DATA if name not in data.column_names]
    missing += [f"meta/episodes has no column {name}" for name in IN_EPISODES if name not in episodes.column_names]
    if missing:
        return Report(tuple(Finding(True, "tables", what, RESTORE) for what in missing), facts)
    columns = {name: _numbers(data[name]) for name in data.column_names}
    columns = {name: values for name, values in columns.items() if values is not None}
    facts |= {"frames": data.num_rows, "ranges": _ranges(columns)}
    rows = sorted(episodes.to_pylist(), key=lambda row: row["episode_index"])
    findings = [
        *_tasks(path),
        *_counts(info, rows, data.num_rows, columns),
        *_clock(info["fps"], rows, columns),
        *_values(info, rows, columns),
        *_stats(path, columns),
        *_twins(rows, columns),
        *_videos(path, info, rows, on_episode),
    ]
    return Report(tuple(findings), facts)


def _table(files: list[Path], where: Path) -> pa.Table:
    if not files:
        raise DataError(f"{where}: no parquet file")
    try:
        return pa.concat_tables([pq.read_table(file) for file in files], promote_options="default")
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{where}: damaged ({error})") from error


def _tasks(path: Path) -> Iterator[Finding]:
    """Is it told what the episodes are of?"""
    try:
        _table([path / "meta/tasks.parquet"], path / "meta/tasks.parquet")
    except DataError as error:
        yield Finding(True, "meta/tasks.parquet", str(error), RESTORE)


def _numbers(column: pa.ChunkedArray) -> np.ndarray | None:
    """(T,n) float64; None of text and of lists that are not all of one length."""
    flat = column.combine_chunks()
    if pa.types.is_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        flat = flat.flatten()
    try:
        values = flat.to_numpy(zero_copy_only=False).astype(np.float64)
    except (TypeError, ValueError):
        return None
    return values.reshape(len(column), -1) if len(column) and len(values) % len(column) == 0 else None


def _ranges(columns: Mapping[str, np.ndarray]) -> dict[str, dict[str, list[float]]]:
    told = (STATE, ACTION)
    wanted = {name: x for name, x in columns.items() if name in told or name.startswith(SIGNAL)}
    with np.errstate(all="ignore"):
        return {
            name: {"low": np.nanmin(x, 0).round(4).tolist(), "high": np.nanmax(x, 0).round(4).tolist()}
            for name, x in wanted.items()
        }


def _spans(rows: list[dict]) -> Iterator[tuple[int, slice]]:
    for row in rows:
        yield row["episode_index"], slice(row["dataset_from_index"], row["dataset_to_index"])


def _counts(info: dict, rows: list[dict], frames: int, columns: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    """Do the tables agree on how many episodes and frames there are, and which is whose?"""
    found = [row["episode_index"] for row in rows]
    if found != list(range(info["total_episodes"])):
        what = f"{len(found)} episodes, info.json says {info['total_episodes']}"
        yield Finding(True, "meta/episodes", what, RESTORE)
    if frames != info.get("total_frames", frames):
        yield Finding(True, "data", f"{frames} frames, info.json says {info['total_frames']}", RESTORE)
    for name in set(info["features"]) - set(columns) - set(cameras_of(info)):
        if info["features"][name].get("dtype") not in ("string", "image"):
            yield Finding(True, name, "declared in info.json, but no column of numbers in data", RESTORE)
    whose = columns["episode_index"][:, 0]
    for episode, span in _spans(rows):
        length = rows[episode]["length"] if episode < len(rows) else -1
        if span.stop - span.start != length or span.stop > frames or not (whose[span] == episode).all():
            yield Finding(True, f"episode {episode}", f"rows {span.start} to {span.stop} are not its own", RESTORE)


def _clock(fps: float, rows: list[dict], columns: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    """Is every frame one period after the one before?"""
    stamps = columns["timestamp"][:, 0]
    for episode, span in _spans(rows):
        steps = np.diff(stamps[span]) * fps
        if len(steps) and not (np.abs(steps - 1) <= JUMP).all():
            frame = int(np.argmax(~(np.abs(steps - 1) <= JUMP)))
            what = f"the clock goes {steps[frame] / fps:.3f} s on at frame {frame}, instead of {1 / fps:.3f} s"
            yield Finding(True, f"episode {episode}", what, REMOVE)


def _values(info: dict, rows: list[dict], columns: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    """Are all numbers finite, do they vary, and are actions not cut off?"""
    for name, values in columns.items():
        for episode, span in _spans(rows):
            if not np.isfinite(values[span]).all():
                frame = int(np.argmin(np.isfinite(values[span]).all(1)))
                yield Finding(True, f"episode {episode}", f"{name} is NaN or infinite at frame {frame}", REMOVE)
    for name in (STATE, ACTION, *(name for name in columns if name.startswith(SIGNAL))):
        if name not in columns:
            continue
        names = info["features"].get(name, {}).get("names") or []
        for i, column in enumerate(columns[name].T):
            label = f"{name}[{names[i] if i < len(names) else i}]" if columns[name].shape[1] > 1 else name
            finite = column[np.isfinite(column)]
            if len(finite) and finite.min() == finite.max():
                yield Finding(False, label, f"always {finite[0]:g}", "leave it out, or look at its source")
            elif name == ACTION and (share := max(np.mean(finite == finite.max()), np.mean(finite == finite.min()))) > (
                SHARE_AT_RANGE
            ):
                what = f"{100 * share:.0f} % of all frames are at the end of its range"
                yield Finding(False, label, what, "see whether a limit cuts it off")


def _stats(path: Path, columns: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    """Do the stored statistics fit the data? Policies are normalised by them."""
    file = path / "meta/stats.json"
    try:
        stored = read_json(file)
    except DataError as error:
        yield Finding(True, "meta/stats.json", str(error), RESTORE)
        return
    for name in (STATE, ACTION):
        if name not in columns or not np.isfinite(columns[name]).all():
            continue
        if name not in stored:
            yield Finding(False, f"meta/stats.json: {name}", "no statistics", "reckon them anew")
            continue
        true = vector_stats(columns[name])
        scale = np.maximum(np.array(true["std"]), 1e-6)
        for what in ("mean", "std", "min", "max"):
            told = np.asarray(stored[name].get(what, np.nan), float).ravel()
            fits = told.shape == scale.shape and (np.abs(told - true[what]) <= STATS_TOLERANCE * scale + 1e-6).all()
            if not fits:
                yield Finding(True, f"meta/stats.json: {name}", f"its {what} is not that of the data", "reckon it anew")


def _twins(rows: list[dict], columns: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    """Is any episode there twice?"""
    seen: dict[str, list[int]] = defaultdict(list)
    for episode, span in _spans(rows):
        mark = hashlib.sha256()
        for name in (STATE, ACTION):
            if name in columns:
                mark.update(columns[name][span].tobytes())
        seen[mark.hexdigest()].append(episode)
    if STATE in columns or ACTION in columns:
        for same in seen.values():
            if len(same) > 1:
                listed = ", ".join(map(str, same[:5]))
                yield Finding(False, f"episodes {listed}", "the same numbers throughout", "keep one of them")


def _videos(path: Path, info: dict, rows: list[dict], on_episode: Callable[[], None]) -> Iterator[Finding]:
    """Is every frame of every camera there, and does it show anything?"""
    cameras = cameras_of(info)
    opened: dict[str, VideoFile] = {}
    for row in rows:
        for camera in cameras:
            where = f"episode {row['episode_index']}, {camera}"
            try:
                frames = _frames(path, info, row, camera, opened)
            except DataError as error:
                yield Finding(True, where, str(error), RESTORE)
                continue
            except KeyError as error:
                yield Finding(True, where, f"meta/episodes does not say where its video lies ({error})", RESTORE)
                continue
            if frames.shape[1:] != tuple(info["features"][camera]["shape"]):
                said = tuple(info["features"][camera]["shape"])
                yield Finding(True, where, f"pictures of {frames.shape[1:]}, info.json says {said}", RESTORE)
            flat = frames.reshape(len(frames), -1).std(1) < FLAT
            if flat.any():
                what = f"{flat.sum()} of {len(flat)} pictures are of one colour, as of a dead camera"
                yield Finding(True, where, what, REMOVE)
            elif len(frames) > 1 and float(frames.std(0, dtype=np.float32).max()) < STILL:
                yield Finding(False, where, "the picture never changes, as of a frozen camera", REMOVE)
        on_episode()
    for video in opened.values():
        video.close()


def _frames(path: Path, info: dict, row: dict, camera: str, opened: dict[str, VideoFile]) -> np.ndarray:
    """All pictures (T,h,w,3) of one episode; files stay open from one episode to the next."""
    chunk, file = (row[f"videos/{camera}/{key}"] for key in ("chunk_index", "file_index"))
    source = path / info["video_path"].format(video_key=camera, chunk_index=chunk, file_index=file)
    if camera not in opened or opened[camera].path != source:
        if camera in opened:
            opened.pop(camera).close()
        opened[camera] = VideoFile(source, info["fps"])
    start = row[f"videos/{camera}/from_timestamp"]
    if not math.isfinite(start):
        raise DataError(f"its video begins at {start} s")
    return opened[camera].read(round(start * info["fps"]), row["length"])
