"""Datasets decoded once into memory-mapped arrays, and windows sampled from them as torch tensors.

    cache = ClipCache.open(["runs/jacket", "runs/jacket-noise"], image_size=64)
    batch = cache.sample(64, 8, torch.Generator().manual_seed(0))
    batch["frames"]   (B,T,h,w,3) uint8      batch["action"] (B,T,A)   batch["proprio"] (B,T,P)   float32
    batch["signals"]  {name: (B,T)} float32  batch["valid"]  (B,T) bool, False where a short episode is padded
    batch["views"]    {name: (B,T,h,w,3)} uint8, what the cameras ``views=("left", ...)`` saw meanwhile

The arrays lie in ``<dataset>/.cache-<image_size>/`` under a fingerprint of the dataset's files: a second open
decodes nothing, and a changed dataset or a damaged cache is decoded again (store.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from rehearse.errors import DataError
from rehearse.world_model.data.clip import Clip
from rehearse.world_model.data.layout import CAMERA
from rehearse.world_model.data.store import Store, open_store


@dataclass(frozen=True, eq=False)
class ClipCache:
    """E episodes of one or more datasets; ``dataset``, ``start``, ``lengths`` (E,) say where each lies."""

    stores: tuple[Store, ...]
    dataset: np.ndarray
    start: np.ndarray
    lengths: np.ndarray

    @classmethod
    def open(
        cls,
        paths: Sequence[Path | str],
        image_size: int = 64,
        cache_dir: Path | str | None = None,
        camera: str = CAMERA,
        views: Sequence[str] = (),
    ) -> "ClipCache":
        """Open the caches of ``paths``, built where needed; all must agree in fps, actions and signals.

        ``views`` are the further cameras to keep, each named as after "observation.images.".
        """
        paths = [paths] if isinstance(paths, str | Path) else list(paths)
        if not paths:
            raise DataError("no dataset was given; name at least one LeRobotDataset folder")
        return cls.of([open_store(Path(path), image_size, cache_dir, camera, views) for path in paths])

    @classmethod
    def of(cls, stores: Sequence[Store]) -> "ClipCache":
        """All episodes of ``stores``, which must agree in fps, actions and signals."""
        for other in stores[1:]:
            for what in ("fps", "action_dim", "proprio_dim", "signal_kinds"):
                mine, theirs = getattr(stores[0], what), getattr(other, what)
                if mine != theirs:
                    raise DataError(
                        f"{other.source}: {what} {theirs}, but {stores[0].source} has {mine}; "
                        "train on datasets of one robot and task"
                    )
        stores = [_in_order(store, stores[0].signal_kinds) for store in stores]
        dataset = np.repeat(np.arange(len(stores)), [len(store.lengths) for store in stores])
        lengths = np.concatenate([store.lengths for store in stores])
        start = np.concatenate([np.cumsum(store.lengths) - store.lengths for store in stores])
        return cls(tuple(stores), dataset, start, lengths)

    def __str__(self) -> str:
        return ", ".join(str(store.source) for store in self.stores)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def fps(self) -> float:
        return self.stores[0].fps

    @property
    def action_dim(self) -> int:
        return self.stores[0].action_dim

    @property
    def proprio_dim(self) -> int:
        return self.stores[0].proprio_dim

    @property
    def signal_kinds(self) -> dict[str, str]:
        """{name: "regression" or "event"}."""
        return dict(self.stores[0].signal_kinds)

    @property
    def views(self) -> tuple[str, ...]:
        """The further cameras' names."""
        return tuple(self.stores[0].views)

    def episodes_of(self, dataset: int) -> list[int]:
        """Episode numbers of the ``dataset``-th path that was opened."""
        return np.flatnonzero(self.dataset == dataset).tolist()

    def subset(self, episodes: Sequence[int]) -> "ClipCache":
        """The same arrays with only these episodes, for example those held out from training."""
        chosen = np.asarray(episodes, np.int64)
        if not len(chosen):
            raise DataError("a subset needs at least one episode")
        rows = {name: getattr(self, name)[chosen] for name in ("dataset", "start", "lengths")}
        return replace(self, **rows)

    def episode(self, i: int) -> Clip:
        """Episode ``i`` as a Clip (a copy)."""
        store, rows = self.stores[self.dataset[i]], slice(self.start[i], self.start[i] + self.lengths[i])
        return Clip(
            np.array(store.frames[rows]),
            actions=np.array(store.actions[rows]) if store.action_dim else None,
            proprio=np.array(store.proprio[rows]) if store.proprio_dim else None,
            signals={name: np.array(store.signals[rows, j]) for j, name in enumerate(store.signal_kinds)},
            task=store.tasks[int(np.searchsorted(store.starts, self.start[i]))],
            events=frozenset(name for name, kind in store.signal_kinds.items() if kind == "event"),
            views={name: np.array(view[rows]) for name, view in store.views.items()},
        )

    def sample(
        self,
        batch: int,
        length: int,
        generator: torch.Generator,
        weights: Sequence[float] | None = None,
        min_valid: int = 2,
    ) -> dict[str, torch.Tensor | dict[str, torch.Tensor]]:
        """``batch`` windows of ``length`` frames, all starts equally likely, padded by the episode's end.

        A window holds at least ``min_valid`` true frames where its episode has them (``min_valid=length``:
        padding only in shorter episodes). ``weights`` is the share of each dataset; without it each window
        counts the same. "action", "proprio" or "views" is absent where the datasets have none.
        """
        rows, valid, dataset = self._windows(batch, length, generator, weights, min_valid)
        stores = self.stores
        out: dict = {"frames": _gather([s.frames for s in stores], dataset, rows)}
        if self.action_dim:
            out["action"] = _gather([s.actions for s in stores], dataset, rows)
        if self.proprio_dim:
            out["proprio"] = _gather([s.proprio for s in stores], dataset, rows)
        signals = _gather([s.signals for s in stores], dataset, rows)
        out["signals"] = {name: signals[..., j].contiguous() for j, name in enumerate(self.signal_kinds)}
        if self.views:
            out["views"] = {name: _gather([s.views[name] for s in stores], dataset, rows) for name in self.views}
        return out | {"valid": torch.from_numpy(valid)}

    def _windows(
        self,
        batch: int,
        length: int,
        generator: torch.Generator,
        weights: Sequence[float] | None,
        min_valid: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows (B,T) in each window's dataset, which of them are true frames (B,T), its dataset (B,)."""
        if batch < 1 or length < 1:
            raise DataError(f"a sample of {batch} windows of {length} frames: both must be at least 1")
        choices = np.maximum(1, self.lengths - max(1, min(min_valid, length)) + 1).astype(np.float64)
        share = choices
        if weights is not None:
            if len(weights) != len(self.stores) or min(weights) < 0:
                raise DataError(f"weights {list(weights)}: give {len(self.stores)} numbers >= 0, one per dataset")
            per_dataset = np.bincount(self.dataset, choices, len(self.stores))
            share = choices * np.asarray(weights)[self.dataset] / per_dataset[self.dataset]
        ends = np.cumsum(share)
        if not ends[-1] > 0:
            raise DataError(f"weights {list(weights or [])}: no episode is left to sample from")
        draws = torch.rand(2, batch, dtype=torch.float64, generator=generator, device=generator.device)
        which, where = draws.cpu().numpy()
        # side="right" skips episodes of weight 0; the cap is for a draw that rounds up to the very end.
        episode = np.minimum(np.searchsorted(ends, which * ends[-1], side="right"), np.flatnonzero(share)[-1])
        first = np.floor(where * choices[episode]).astype(np.int64)
        step = first[:, None] + np.arange(length)
        last = self.lengths[episode, None] - 1
        rows = self.start[episode, None] + np.minimum(step, last)
        return rows, step <= last, self.dataset[episode]


def _in_order(store: Store, names: Iterable[str]) -> Store:
    """The store with its signals' columns in the order of ``names``, which another dataset may have otherwise."""
    mine, names = list(store.signal_kinds), list(names)
    if mine == names:
        return store
    columns = store.signals[:, [mine.index(name) for name in names]]
    return replace(store, signals=columns, signal_kinds={name: store.signal_kinds[name] for name in names})


def _gather(arrays: Sequence[np.ndarray], dataset: np.ndarray, rows: np.ndarray) -> torch.Tensor:
    """arrays[dataset[b]][rows[b]] for all b, as one tensor (B,T,...)."""
    out = np.empty(rows.shape + arrays[0].shape[1:], arrays[0].dtype)
    for d in np.unique(dataset):
        mine = dataset == d
        if mine.all():
            np.take(arrays[d], rows, axis=0, out=out, mode="clip")
        else:
            out[mine] = arrays[d][rows[mine]]
    return torch.from_numpy(out)
