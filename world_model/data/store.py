"""One dataset decoded into a folder of memory-mapped .npy files, with the fingerprint of what they hold.

    store = open_store(Path("runs/jacket"), image_size=64)
    store.frames (F,s,s,3) uint8   store.actions (F,A)   store.proprio (F,P)   store.signals (F,S)   float32

F counts the frames of all episodes, one after the other. The folder is built under another name and renamed,
and is used only if its fingerprint and the sizes of its files are as written; otherwise it is built again.
"""

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rehearse.errors import DataError
from rehearse.world_model.data.lerobot import LeRobotReader

VERSION = 1
_ARRAYS = ("frames", "actions", "proprio", "signals")


@dataclass(frozen=True, eq=False)
class Store:
    """The arrays of one dataset and its episodes: ``lengths`` and ``starts`` (E,), ``tasks`` of E texts."""

    source: Path
    fps: float
    signal_kinds: dict[str, str]
    tasks: list[str]
    lengths: np.ndarray
    starts: np.ndarray
    frames: np.ndarray
    actions: np.ndarray
    proprio: np.ndarray
    signals: np.ndarray

    @property
    def action_dim(self) -> int:
        return self.actions.shape[1]

    @property
    def proprio_dim(self) -> int:
        return self.proprio.shape[1]


def open_store(source: Path, image_size: int, cache_dir: Path | str | None, camera: str) -> Store:
    """The store of dataset ``source``, built first if it is missing, damaged or out of date."""
    if image_size < 1:
        raise DataError(f"image_size {image_size}: give the side of the frames in pixels, at least 1")
    wanted = fingerprint(source, image_size, camera)
    folder = source / f".cache-{image_size}"
    if cache_dir is not None:
        place = hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:8]
        folder = Path(cache_dir) / f"{source.resolve().name}-{place}-{image_size}"
    store = _load(folder, source, wanted)
    if store is None:
        try:
            _build(folder, LeRobotReader(source, camera), image_size, wanted)
        except OSError as error:
            raise DataError(f"{folder}: cannot write the decoded frames ({error}); give another cache_dir") from error
        store = _load(folder, source, wanted)
        if store is None:
            raise DataError(f"{folder}: changed while it was built; run again when nothing else writes there")
    return store


def fingerprint(source: Path, image_size: int, camera: str) -> str:
    """Changes when a file of the dataset changes its name, size or time, and with the cache's settings."""
    digest = hashlib.sha256(f"{VERSION} {image_size} {camera}".encode())
    for room in ("meta", "data", "videos"):
        for file in sorted(p for p in (source / room).rglob("*") if p.is_file()):
            state = file.stat()
            digest.update(f"{file.relative_to(source)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def resize(frames: np.ndarray, size: int) -> np.ndarray:
    """frames (T,h,w,3) uint8 -> (T,size,size,3): every pixel the mean of the area it covers."""
    height, width = frames.shape[1:3]
    if (height, width) == (size, size):
        return frames
    rows, columns = _overlap(height, size), _overlap(width, size)
    out = np.empty((len(frames), size, size, 3), np.uint8)
    for t, frame in enumerate(frames):
        tall = np.tensordot(rows, frame.astype(np.float32), 1)
        out[t] = np.rint(np.einsum("vx,yxc->yvc", columns, tall))
    return out


def _overlap(n: int, size: int) -> np.ndarray:
    """(size,n): the share that each of n input pixels has in each output pixel."""
    edges = np.arange(size + 1)[:, None] * (n / size)
    inside = np.clip(edges[1:] - np.arange(n), 0, 1) - np.clip(edges[:-1] - np.arange(n), 0, 1)
    return (inside / inside.sum(1, keepdims=True)).astype(np.float32)


def _build(folder: Path, reader: LeRobotReader, size: int, wanted: str) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        total = int(reader.lengths.sum())
        shapes = {
            "frames": (size, size, 3),
            "actions": (reader.action_dim,),
            "proprio": (reader.proprio_dim,),
        }
        shapes["signals"] = (len(reader.signal_kinds),)
        arrays = {
            name: np.lib.format.open_memmap(
                temporary / f"{name}.npy", "w+", np.uint8 if name == "frames" else np.float32, (total, *shape)
            )
            for name, shape in shapes.items()
            if 0 not in shape  # an array without columns cannot be mapped, nor need it be
        }
        tasks, first = [], 0
        for clip in reader:
            rows = slice(first, first := first + len(clip))
            arrays["frames"][rows] = resize(clip.frames, size)
            for name, values in (("actions", clip.actions), ("proprio", clip.proprio)):
                if values is not None:
                    arrays[name][rows] = values
            for j, name in enumerate(reader.signal_kinds):
                arrays["signals"][rows, j] = clip.signals[name]
            tasks.append(clip.task)
        for array in arrays.values():
            array.flush()
        index = {
            "fingerprint": wanted,
            "bytes": {name: (temporary / f"{name}.npy").stat().st_size for name in arrays},
            "fps": reader.fps,
            "signal_kinds": reader.signal_kinds,
            "lengths": reader.lengths.tolist(),
            "tasks": tasks,
        }
        (temporary / "index.json").write_text(json.dumps(index))
        if _load(folder, reader.path, wanted) is None:  # else another process was faster
            # Whoever still reads the old arrays keeps them: a mapped file outlives its name.
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(temporary, folder)
    finally:
        reader.close()
        shutil.rmtree(temporary, ignore_errors=True)


def _load(folder: Path, source: Path, wanted: str) -> Store | None:
    """The store in ``folder``, or None where it is missing, damaged or has another fingerprint."""
    try:
        index = json.loads((folder / "index.json").read_text())
        sizes = {name: (folder / f"{name}.npy").stat().st_size for name in index["bytes"]}
        if index["fingerprint"] != wanted or sizes != index["bytes"]:
            return None
        lengths = np.array(index["lengths"], np.int64)
        # A plain view: indexing an np.memmap makes another np.memmap each time, which is slow.
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in sizes}
        for name in _ARRAYS:
            arrays.setdefault(name, np.empty((int(lengths.sum()), 0), np.float32))
        return Store(
            source=source,
            fps=index["fps"],
            signal_kinds=index["signal_kinds"],
            tasks=index["tasks"],
            lengths=lengths,
            starts=np.cumsum(lengths) - lengths,
            **arrays,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
