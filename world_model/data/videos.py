"""Video without actions: folders of video files, single files, and the cameras of LeRobotDatasets, as ClipCaches.

    caches = open_videos(["kitchen/", "pour.mov", "runs/jacket"], image_size=64, fps=5)
    caches[0].sample(64, 8, generator)["frames"]       # (B,T,64,64,3) uint8; no action, no proprio, no signals

The loose files under a path make one cache, in which each file is an episode; each camera of a LeRobotDataset makes one
of its own. All come at the same ``fps``, decoded once, a frame at a time, into memory-mapped arrays (store.py).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rehearse.errors import DataError
from rehearse.world_model.data.cache import ClipCache
from rehearse.world_model.data.footage import SUFFIXES, check_rate, steady, steady_frames
from rehearse.world_model.data.lerobot import LeRobotReader, cameras_of, read_json
from rehearse.world_model.data.resize import resize
from rehearse.world_model.data.store import Store, cache_folder, check_size, dataset_files, fingerprint, stored

FLAT = 8  # of 256: a dead camera still has the noise of its sensor and of compression
DEAD_SHARE = 0.1  # a fade takes less of a video, a camera that is dead more

Shown = Iterator[tuple[np.ndarray, int]]  # frames (h,w,3) uint8 and how many times each is shown


def open_videos(
    paths: Sequence[Path | str],
    image_size: int = 64,
    fps: float = 5,
    cache_dir: Path | str | None = None,
    skip_bad: bool = False,
    on_bad: Callable[[DataError], None] | None = None,
) -> list[ClipCache]:
    """The caches of all video under ``paths``, built where needed.

    DataError names the first video that cannot be used. With ``skip_bad`` such videos are left out, ``on_bad``
    is told of each, also when the cache was built before, and an error remains where nothing else is left.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    check_size(image_size)
    if not fps > 0:
        raise DataError(f"fps {fps:g}: give the frames per second to learn from, more than 0")
    if not paths:
        raise DataError("no video was given; name a folder of videos, a video file or a LeRobotDataset")
    stores, bad = [], []
    for source in [source for path in paths for source in _sources(Path(path))]:
        try:
            store = _open(source, image_size, fps, cache_dir, skip_bad)
        except DataError as error:
            if not skip_bad:
                raise
            bad.append(error)
        else:
            bad += [DataError(message) for message in store.skipped]
            stores.append(store)
    if not stores:
        raise bad[0]
    for error in bad if on_bad else ():
        on_bad(error)
    return [ClipCache.of([store]) for store in stores]


@dataclass(frozen=True)
class _Files:
    """Files that are an episode each; ``label`` tells their cache from others in the folder ``root``."""

    root: Path
    label: str
    videos: tuple[Path, ...]

    def files(self) -> list[Path]:
        return list(self.videos)

    def clips(self, fps: float) -> Iterator[tuple[str, Shown]]:
        return ((str(video), steady_frames(video, fps)) for video in self.videos)


@dataclass(frozen=True)
class _Camera:
    """A camera, ``label``, of the LeRobotDataset v3.0 in ``root``."""

    root: Path
    label: str

    def files(self) -> list[Path]:
        return dataset_files(self.root)

    def clips(self, fps: float) -> Iterator[tuple[str, Shown]]:
        reader = LeRobotReader(self.root, self.label, frames_only=True)
        try:
            check_rate(self.root, reader.fps, fps)
            for i in range(len(reader)):
                yield f"{self.root}: episode {i} of {self.label}", self._episode(reader, i, fps)
        finally:
            reader.close()

    def _episode(self, reader: LeRobotReader, i: int, fps: float) -> Shown:
        stamped = ((k / reader.fps, frame) for k, frame in enumerate(reader.frames(i)))
        for frame, times in steady(stamped, fps):
            yield frame.to_ndarray(format="rgb24"), times


def _sources(path: Path) -> list[_Files | _Camera]:
    """The loose video files under ``path`` as one source, and each camera of each LeRobotDataset there."""
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{path}: not a video by its name; give a folder or one of {', '.join(SUFFIXES)}")
        return [_Files(path.parent, path.name, (path,))]
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder; check the path")
    sources, videos = [], []
    for place, folders, names in os.walk(path):
        if (Path(place) / "meta/info.json").is_file():
            sources += _cameras(Path(place))
            folders.clear()
        else:
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            videos += [Path(place) / name for name in sorted(names) if not name.startswith(".")]
    videos = tuple(video for video in videos if video.suffix.lower() in SUFFIXES)
    if videos:
        sources.insert(0, _Files(path, "", videos))
    if not sources:
        raise DataError(f"{path}: no video in this folder; put {', '.join(SUFFIXES)} files or LeRobotDatasets there")
    return sources


def _cameras(dataset: Path) -> Sequence[_Files | _Camera]:
    info = read_json(dataset / "meta/info.json")
    cameras = cameras_of(info)
    if not cameras:
        raise DataError(f"{dataset}: meta/info.json declares no video; leave this dataset out")
    if str(info.get("codebase_version", "")).startswith("v3."):
        return [_Camera(dataset, camera) for camera in cameras]
    # Before v3.0 every episode had a file of its own: videos/<chunk>/<camera>/episode_<i>.mp4.
    found = [_Files(dataset, camera, tuple(sorted(dataset.glob(f"videos/**/{camera}/*.mp4")))) for camera in cameras]
    for source in found:
        if not source.videos:
            raise DataError(f"{dataset}: no mp4 of {source.label} in videos/; convert the dataset to v3.0")
    return found


def _open(source: _Files | _Camera, size: int, fps: float, cache_dir: Path | str | None, skip_bad: bool) -> Store:
    label = f"{size}-{fps:g}fps" + f"-{source.label}" * bool(source.label)
    wanted = fingerprint(source.root, source.files(), f"{size} {float(fps)} {source.label}")
    folder = cache_folder(source.root, label, cache_dir)
    store = stored(folder, source.root, wanted, lambda place: _decode(place, source, size, fps, skip_bad))
    if store.skipped and not skip_bad:  # built by a run that could go on without them
        raise DataError(store.skipped[0])
    return store


def _decode(place: Path, source: _Files | _Camera, size: int, fps: float, skip_bad: bool) -> dict:
    """Write frames.npy, whose length is known only in the end, and say what it holds."""
    lengths: list[int] = []
    skipped: list[DataError] = []
    with (place / "frames.npy").open("wb") as file:
        _write_header(file, 0, size)
        for where, shown in source.clips(fps):
            begin = file.tell()
            try:
                lengths.append(_append(file, where, shown, size, fps))
            except DataError as error:
                if not skip_bad:
                    raise
                skipped.append(error)
                file.seek(begin)
                file.truncate()
        if not lengths:
            raise DataError(f"{source.root}: none of {len(skipped)} videos can be used; the first: {skipped[0]}")
        file.seek(0)
        _write_header(file, sum(lengths), size)
    held = {"fps": fps, "signal_kinds": {}, "lengths": lengths, "tasks": [""] * len(lengths)}
    return held | {"skipped": [str(error) for error in skipped]}


def _write_header(file: BinaryIO, length: int, size: int) -> None:
    # NumPy pads the header so that it stays as long when the first axis grows.
    shape = (length, size, size, 3)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _append(file: BinaryIO, where: str, shown: Iterable[tuple[np.ndarray, int]], size: int, fps: float) -> int:
    """Write one episode's frames and return how many they are; DataError if they are no use."""
    length, flat = 0, 0
    for frame, times in shown:
        small = resize(frame[None], size)[0]
        for _ in range(times):
            file.write(small)
        length += times
        flat += times * bool(np.ptp(small.reshape(-1, 3), axis=0).max() <= FLAT)
    if length < 2:
        raise DataError(f"{where}: fewer than 2 frames at {fps:g} frames/s; raise --fps or leave it out")
    if flat > DEAD_SHARE * length:
        share = f"{flat / length:.0%} of the frames are of one colour"
        raise DataError(f"{where}: {share}, as of a dead camera; cut them off or leave it out")
    return length
