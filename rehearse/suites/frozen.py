"""The starts that a suite was written for, kept beside it, so that a changed scene generator is noticed.

    lock = read_lock(path)                            # of headline.yaml: headline.lock.json; None if it is not frozen
    check_start(lock, cell, episode)                  # DataError if another scene was laid out than then

A suite names its layouts by number. What each number lays out is written down as a hash (sim/starts.py) by `rehearse
eval --suite SUITE --freeze`; every episode of every run is then held against it, and the hash of the suite covers it.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rehearse.errors import DataError
from rehearse.files import atomic_write
from rehearse.sim.episode import Episode
from rehearse.sim.evaluate import env_for
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.starts import start_of
from rehearse.sim.task import TaskEnv
from rehearse.suites.suite import Cell

Lock = dict[str, dict[str, Any]]  # {scene: {"first": layout, "starts": [hash, ...]}}


def lock_path(suite: Path) -> Path:
    """Where the starts of the suite in this file are kept."""
    return suite.with_suffix(".lock.json")


def read_lock(suite: Path) -> Lock | None:
    """The frozen starts of the suite in this file; None if there are none."""
    path = lock_path(suite)
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} is damaged: {error}; freeze the suite again with --freeze") from error


def scenes_of(cells: Sequence[Cell]) -> dict[str, Cell]:
    """For every scene the cell with most episodes."""
    scenes: dict[str, Cell] = {}
    for cell in cells:
        if cell.scene not in scenes or cell.config.episodes > scenes[cell.scene].config.episodes:
            scenes[cell.scene] = cell
    return scenes


def freeze(cells: Sequence[Cell], on_layout: Callable[[str], None] = lambda scene: None) -> Lock:
    """Lay out every layout of every scene, and note what stands there."""
    lock: Lock = {}
    with ExitStack() as stack:
        envs: dict[tuple, TaskEnv] = {}
        for scene, cell in scenes_of(cells).items():
            config = cell.config
            alike = config.task, config.level, config.split, *sorted(config.options.items())
            if alike not in envs:
                envs[alike] = env_for(replace(config, variations={}))
                stack.callback(envs[alike].close)
            varied = {"variations": config.variations} if config.variations else {}
            starts = []
            for layout in cell.layouts:
                observation, _ = envs[alike].reset(options={"layout": layout, **varied})
                starts.append(start_of(envs[alike], observation))
                on_layout(scene)
            lock[scene] = {"first": cell.layouts[0], "starts": starts}
    return lock


def write_lock(suite: Path, lock: Lock) -> Path:
    """Beside the suite."""
    target = lock_path(suite)
    with atomic_write(target) as path:
        path.write_text(json.dumps(lock, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    return target


def used(lock: Lock | None, cells: Sequence[Cell]) -> Lock | None:
    """The part of the lock that these cells use; DataError if it does not cover them."""
    if lock is None:
        return None
    found: Lock = {}
    for scene, cell in scenes_of(cells).items():
        entry = lock.get(scene)
        known = range(0) if entry is None else range(entry["first"], entry["first"] + len(entry["starts"]))
        if cell.layouts[0] not in known or cell.layouts[-1] not in known:
            raise DataError(
                f"the frozen starts do not cover {cell.config.episodes} layouts of {scene!r} (seed "
                f"{cell.config.seed}); the suite has changed since: freeze it again with --freeze"
            )
        begin = cell.layouts[0] - entry["first"]
        found[scene] = {"first": cell.layouts[0], "starts": entry["starts"][begin : begin + len(cell.layouts)]}
    return found


def check_start(lock: Lock | None, cell: Cell, episode: Episode) -> None:
    """DataError if the episode began from another start than the frozen one."""
    if lock is None:
        return
    entry = lock[cell.scene]
    frozen = entry["starts"][episode.layout - entry["first"]]
    if episode.start != frozen:
        seed, i = divmod(episode.layout, LAYOUTS_PER_SEED)
        raise DataError(
            f"layout {episode.layout} of {cell.scene!r} (seed {seed}, number {i}) is no longer what it was when the "
            f"suite was frozen ({episode.start}, then {frozen}): the scene, or what draws it, has changed. Results of "
            "before cannot be compared; if it was meant to change, freeze the suite again with --freeze"
        )
