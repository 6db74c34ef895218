"""Recorded episodes on disk until their dataset is complete, so that a killed collection goes on.

    kept = KeptTakes.open(path.with_name("play.partial"), conditions)
    kept.count; kept.read(3); kept.add(take)                     # on disk before it returns
    kept.remove()

One file per episode, in order, and the conditions under which all were recorded; other conditions are refused.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from rehearse.errors import ConfigError, DataError
from rehearse.files import atomic_write
from rehearse.world_model.data import Clip

CONDITIONS = "conditions.json"


@dataclass(frozen=True)
class Take:
    """One recorded episode; ``harmed`` at any time, ``success`` at any time and without harm."""

    clip: Clip
    success: bool
    harmed: bool


class KeptTakes:
    """A folder of takes; it appears with the first one."""

    def __init__(self, folder: Path, conditions: Mapping[str, str]) -> None:
        self.folder, self.conditions, self.count = folder, dict(conditions), 0

    @classmethod
    def open(cls, folder: Path, conditions: Mapping[str, str]) -> Self:
        """What an earlier run left there; ConfigError if it recorded under other ``conditions``."""
        kept = cls(folder, conditions)
        if folder.exists():
            kept._check()
            while kept._path(kept.count).exists():
                kept.count += 1
        return kept

    def read(self, index: int) -> Take:
        """The take that was kept as ``index``."""
        path = self._path(index)
        try:
            with np.load(path, allow_pickle=False) as file:
                told = json.loads(str(file["told"]))
                named = lambda kind: {n.removeprefix(kind): file[n] for n in file.files if n.startswith(kind)}  # noqa: E731
                whole = {name: file.get(name) for name in ("frames", "actions", "proprio")}
                clip = Clip(
                    **whole,
                    signals=named("signal."),
                    task=told["task"],
                    events=frozenset(told["events"]),
                    views=named("view."),
                )
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path} is damaged ({error}); delete {self.folder} and collect anew") from error
        return Take(clip, told["success"], told["harmed"])

    def add(self, take: Take) -> None:
        """Keep one more."""
        clip = take.clip
        arrays = {name: getattr(clip, name) for name in ("frames", "actions", "proprio")}
        arrays = {name: array for name, array in arrays.items() if array is not None}
        arrays |= {f"signal.{name}": values for name, values in clip.signals.items()}
        arrays |= {f"view.{name}": frames for name, frames in clip.views.items()}
        told = {"task": clip.task, "events": sorted(clip.events), "success": take.success, "harmed": take.harmed}
        if self.count == 0:
            with atomic_write(self.folder / CONDITIONS) as path:
                path.write_text(json.dumps(self.conditions, indent=1) + "\n")
        with atomic_write(self._path(self.count)) as path:
            np.savez_compressed(path, told=json.dumps(told), **arrays)
        self.count += 1

    def remove(self) -> None:
        """The dataset is there: what it was made of is not needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.npz"

    def _check(self) -> None:
        path = self.folder / CONDITIONS
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DataError(f"{self.folder} is no unfinished collection ({error}); name another --out") from error
        for name in sorted(found.keys() | self.conditions.keys()):
            if found.get(name) != self.conditions.get(name):
                raise ConfigError(
                    f"{self.folder} was begun with {name} {found.get(name)}, this collection has "
                    f"{self.conditions.get(name)}; go on as it was begun, or delete it"
                )
