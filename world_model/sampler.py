"""Batches of sequences from several datasets, and which ensemble member learns from which of them.

    sampler = Sampler([cache_a, cache_b], config)
    batch = sampler.sample(generator)     # what ClipCache.sample gives, plus "learns" (B,K) bool

Episodes are dealt into groups; each member leaves out some groups for good, so that members disagree where
data are few (the bootstrap of PETS, arXiv 1805.12114). A dataset is anything with ClipCache's ``sample``,
``subset`` and ``episode``.
"""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rehearse.errors import ConfigError, DataError
from rehearse.world_model.config import TrainConfig

GROUPS = 10
LOOKED_AT = 32  # episodes by whose content a dataset is known


class Dataset(Protocol):
    """What training needs of a dataset; ClipCache offers it."""

    fps: float
    action_dim: int
    proprio_dim: int
    signal_kinds: dict[str, str]
    views: tuple[str, ...]  # further cameras

    def __len__(self) -> int: ...
    def sample(self, batch: int, length: int, generator: torch.Generator, *, min_valid: int = 2) -> dict: ...
    def subset(self, episodes: list[int]) -> "Dataset": ...
    def episode(self, i: int) -> object: ...


def identity(dataset: Dataset) -> str:
    """What tells one dataset from another: a digest of how many episodes there are, and of some of them."""
    digest = hashlib.sha256(str(len(dataset)).encode())
    for i in np.unique(np.linspace(0, len(dataset) - 1, LOOKED_AT).astype(int)).tolist():
        clip = dataset.episode(i)
        for values in (clip.frames, clip.actions, *(clip.signals[name] for name in sorted(clip.signals))):
            digest.update(b"" if values is None else np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def split(datasets: list[Dataset], share: float, seed: int) -> tuple[list[Dataset], list[Dataset]]:
    """Each dataset's episodes parted into training and held-out; one of both at least where there are two."""
    kept, held = [], []
    for dataset in datasets:
        order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed)).tolist()
        count = max(1, round(share * len(order))) if share and len(order) > 1 else 0
        kept.append(dataset.subset(sorted(order[count:])) if count else dataset)
        if count:
            held.append(dataset.subset(sorted(order[:count])))
    return kept, held


def check_alike(datasets: list[Dataset], videos: Sequence[Dataset] = ()) -> None:
    """Raise DataError unless all datasets are of one robot and declare the same signals.

    Videos may be of anything, as long as a step of theirs is as long.
    """
    if not (datasets or videos) or not all(len(dataset) for dataset in (*datasets, *videos)):
        raise DataError("there is no episode to train on; record some, or check the dataset paths.")
    for other in (*datasets, *videos):
        if other.fps != (first := (*datasets, *videos)[0]).fps:
            raise DataError(
                f"{other}: fps {other.fps:g}, but {first} has {first.fps:g}; a step must be one length of time: bring "
                "all to one rate (of videos: --fps)"
            )
    for field in ("action_dim", "proprio_dim", "signal_kinds", "views"):
        for other in datasets[1:]:
            mine, theirs = getattr(datasets[0], field), getattr(other, field)
            if mine != theirs:
                raise DataError(
                    f"{other}: {field} {theirs}, but {datasets[0]} has {mine}; train on datasets of one robot and task"
                )
    if datasets and not datasets[0].action_dim:
        raise DataError(
            f"{datasets[0]}: no 'action', and training needs the one taken at every frame; pretrain on it as video"
        )


class Sampler:
    """Draws a sequence's dataset by weight, its group by size, its window by the dataset's own rule."""

    def __init__(self, datasets: list[Dataset], config: TrainConfig, weights: tuple[float, ...] | None = None) -> None:
        if weights is not None and (len(weights) != len(datasets) or min(weights) < 0 or not sum(weights)):
            raise ConfigError(f"sampling_weights {weights} do not fit {len(datasets)} datasets: one number >= 0 each.")
        self.config, members = config, config.model.members
        seeded = torch.Generator().manual_seed(config.seed)
        self.cells, self.chances, learns = [], [], []
        for number, dataset in enumerate(datasets):
            order = torch.randperm(len(dataset), generator=seeded).tolist()
            groups = [order[i::GROUPS] for i in range(min(GROUPS, len(order)))]
            for group in groups:
                self.cells.append(dataset.subset(sorted(group)))
                share = len(group) if weights is None else weights[number] * len(group) / len(order)
                self.chances.append(float(share))
            # Ranks of random numbers: every member leaves out the same number of groups.
            ranks = torch.rand(len(groups), members, generator=seeded).argsort(0).argsort(0)
            learns.append(ranks < max(1, round(config.bootstrap * len(groups))))
        self.learns: Tensor = torch.cat(learns)

    def sample(self, generator: torch.Generator) -> dict:
        size, length = self.config.batch, self.config.length
        drawn = torch.multinomial(torch.tensor(self.chances), size, replacement=True, generator=generator)
        cells, counts = drawn.unique(return_counts=True)
        parts = [
            self.cells[cell].sample(count, length, generator, min_valid=length)
            for cell, count in zip(cells.tolist(), counts.tolist(), strict=True)
        ]
        return _joined(parts) | {"learns": self.learns[cells.repeat_interleave(counts)]}


def _joined(parts: list[dict]) -> dict:
    """Batches, nested dicts of tensors, one after the other; what only some of them have is left out."""
    first, out = parts[0], {}
    for key in (key for key in first if all(key in part for part in parts)):
        values = [part[key] for part in parts]
        out[key] = _joined(values) if isinstance(first[key], dict) else torch.cat(values)
    return out
