"""One dataset decoded into a folder of memory-mapped .npy files, with the fingerprint of what they hold.

    store = open_store(Path("runs/jacket"), image_size=64, views=("left",))
    store.frames (F,s,s,3) uint8   store.actions (F,A)   store.proprio (F,P)   store.signals (F,S)   float32
    store.views  {"left": (F,s,s,3) uint8}

F counts the frames of all episodes, one after the other. The folder is built under another name and renamed,
and is used only if its fingerprint and the sizes of its files are as written; otherwise it is built again.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rehearse.errors import DataError
from rehearse.world_model.data.layout import CAMERA
from rehearse.world_model.data.lerobot import LeRobotReader
from rehearse.world_model.data.resize import resize

VERSION = 1
_ARRAYS, _VIEW = ("frames", "actions", "proprio", "signals"), "view-"


@dataclass(frozen=True, eq=False)
class Store:
    """The arrays of one dataset and its episodes: ``lengths`` and ``starts`` (E,), ``tasks`` of E texts.

    ``skipped`` says of each episode that was left out what is wrong with it.
    """

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
    views: dict[str, np.ndarray] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    @property
    def action_dim(self) -> int:
        return self.actions.shape[1]

    @property
    def proprio_dim(self) -> int:
        return self.proprio.shape[1]


def open_store(
    source: Path,
    image_size: int,
    cache_dir: Path | str | None = None,
    camera: str = CAMERA,
    views: Sequence[str] = (),
) -> Store:
    """The store of dataset ``source``, built first if it is missing, damaged or out of date."""
    check_size(image_size)
    wanted = fingerprint(source, dataset_files(source), " ".join((str(image_size), camera, *views)))
    folder = cache_folder(source, "-".join((str(image_size), *views)), cache_dir)
    return stored(folder, source, wanted, lambda place: _decode(place, source, image_size, camera, views))


def check_size(image_size: int) -> None:
    if image_size < 1:
        raise DataError(f"image_size {image_size}: give the side of the frames in pixels, at least 1")


def cache_folder(source: Path, label: str, cache_dir: Path | str | None) -> Path:
    """Where the arrays of ``source``, a folder, lie: in it, or under a name of its own in ``cache_dir``."""
    if cache_dir is None:
        return source / f".cache-{label}"
    place = hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:8]
    return Path(cache_dir) / f"{source.resolve().name}-{place}-{label}"


def stored(folder: Path, source: Path, wanted: str, decode: Callable[[Path], dict]) -> Store:
    """The store in ``folder`` of fingerprint ``wanted``; else ``decode(place)`` writes the arrays and says what
    they hold: fps, signal_kinds, lengths, tasks and, where episodes were left out, skipped."""
    store = _load(folder, source, wanted)
    if store is None:
        try:
            _build(folder, source, wanted, decode)
        except OSError as error:
            raise DataError(f"{folder}: cannot write the decoded frames ({error}); give another cache_dir") from error
        store = _load(folder, source, wanted)
        if store is None:
            raise DataError(f"{folder}: changed while it was built; run again when nothing else writes there")
    return store


def dataset_files(source: Path) -> list[Path]:
    """The files that make up a LeRobotDataset."""
    rooms = (source / room for room in ("meta", "data", "videos"))
    return [file for room in rooms for file in sorted(p for p in room.rglob("*") if p.is_file())]


def fingerprint(source: Path, files: Iterable[Path], settings: str) -> str:
    """Changes when a file changes its name, size or time, and with the cache's settings."""
    digest = hashlib.sha256(f"{VERSION} {settings}".encode())
    for file in files:
        digest.update(str(file.relative_to(source)).encode())
        if file.exists():  # else it is a link to nothing, which decoding will tell
            state = file.stat()
            digest.update(f" {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _decode(place: Path, source: Path, size: int, camera: str, views: Sequence[str]) -> dict:
    reader = LeRobotReader(source, camera, views)
    try:
        total, picture = int(reader.lengths.sum()), (size, size, 3)
        vectors = {"actions": reader.action_dim, "proprio": reader.proprio_dim, "signals": len(reader.signal_kinds)}
        shapes = {"frames": picture} | {name: (n,) for name, n in vectors.items()}
        shapes |= {_VIEW + name: picture for name in views}
        arrays = {
            name: np.lib.format.open_memmap(
                place / f"{name}.npy", "w+", np.uint8 if shape == picture else np.float32, (total, *shape)
            )
            for name, shape in shapes.items()
            if 0 not in shape  # an array without columns cannot be mapped, nor need it be
        }
        tasks, first = [], 0
        for clip in reader:
            rows = slice(first, first := first + len(clip))
            arrays["frames"][rows] = resize(clip.frames, size)
            for name, view in clip.views.items():
                arrays[_VIEW + name][rows] = resize(view, size)
            for name, values in (("actions", clip.actions), ("proprio", clip.proprio)):
                if values is not None:
                    arrays[name][rows] = values
            for j, name in enumerate(reader.signal_kinds):
                arrays["signals"][rows, j] = clip.signals[name]
            tasks.append(clip.task)
        for array in arrays.values():
            array.flush()
    finally:
        reader.close()
    held = {"fps": reader.fps, "signal_kinds": reader.signal_kinds, "tasks": tasks}
    return held | {"lengths": reader.lengths.tolist()}


def _build(folder: Path, source: Path, wanted: str, decode: Callable[[Path], dict]) -> None:
    if not source.exists():  # a folder made for its cache would look like a dataset
        raise DataError(f"{source}: there is nothing there; name a dataset or a video")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        index = decode(temporary) | {"fingerprint": wanted}
        index["bytes"] = {path.stem: path.stat().st_size for path in sorted(temporary.glob("*.npy"))}
        (temporary / "index.json").write_text(json.dumps(index))
        if _load(folder, source, wanted) is None:  # else another process was faster
            # Whoever still reads the old arrays keeps them: a mapped file outlives its name.
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(temporary, folder)
    finally:
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
        views = {name.removeprefix(_VIEW): arrays.pop(name) for name in sizes if name.startswith(_VIEW)}
        for name in _ARRAYS:
            arrays.setdefault(name, np.empty((int(lengths.sum()), 0), np.float32))
        return Store(
            source=source,
            fps=index["fps"],
            signal_kinds=index["signal_kinds"],
            tasks=index["tasks"],
            lengths=lengths,
            starts=np.cumsum(lengths) - lengths,
            views=views,
            skipped=tuple(index.get("skipped", ())),
            **arrays,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
