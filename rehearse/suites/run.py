"""Running a suite into one folder: rows that outlive a kill, then one table of all rows.

    run = SuiteRun.open(suite, cells, lock, Path("out/headline"), code)
    run.go(workers=2, on_episode=...)                 # what a former run has finished is not run again
    rows = run.rows()                                 # every episode with all that is needed to run it again

The folder: ``suite.json`` (what was asked for), ``rows/<cell>.jsonl`` (sim/ledger.py, a line an episode, on disk before
the next counts), ``rows.parquet`` (the same in one table), and what report.py and page.py write.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow
import pyarrow.parquet

from rehearse.errors import ConfigError, DataError
from rehearse.files import atomic_write
from rehearse.recorded import conditions
from rehearse.sim.episode import Episode, summarise
from rehearse.sim.evaluate import EvalConfig, agent_for, env_for, run_episode
from rehearse.sim.ledger import Ledger
from rehearse.sim.task import TaskEnv
from rehearse.sim.tasks import get_task
from rehearse.sim.workers import in_workers
from rehearse.suites.frozen import Lock, check_start
from rehearse.suites.suite import Cell, Suite, suite_hash

Item = tuple[int, str, int]  # cell, method, layout
PARQUET, SUITE = "rows.parquet", "suite.json"


@dataclass
class SuiteRun:
    """A suite in a folder. ``episodes``: of each cell, by method and layout."""

    suite: Suite
    cells: list[Cell]
    lock: Lock | None
    out: Path
    code: str
    hash: str
    episodes: list[dict[tuple[str, int], Episode]]

    @classmethod
    def open(cls, suite: Suite, cells: list[Cell], lock: Lock | None, out: Path, code: str) -> Self:
        """Begin the folder, or go on with it; ConfigError if it belongs to another suite."""
        found = suite_hash(cells, lock)
        told = {"name": suite.name, "hash": found, "frozen": lock is not None, "suite": asdict(suite)}
        path = out / SUITE
        if path.exists():
            before = _read_json(path)
            if before.get("hash") != found:
                raise ConfigError(
                    f"{out} holds suite {before.get('name')} {before.get('hash')}, this is {suite.name} {found}; "
                    "give another folder with --out"
                )
        else:
            with atomic_write(path) as written:
                written.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        return cls(suite, cells, lock, out, code, found, [{} for _ in cells])

    @property
    def total(self) -> int:
        """How many episodes there are to run, finished ones included."""
        return sum(len(cell.config.items) for cell in self.cells)

    def go(self, workers: int, on_episode: Callable[[Cell, Episode], None] = lambda cell, episode: None) -> None:
        """Run what is missing. A start that is not the frozen one ends it with DataError; what was finished is kept."""
        with ExitStack() as stack:
            ledgers = [stack.enter_context(self._ledger(cell)) for cell in self.cells]
            items: list[Item] = []
            for i, (cell, ledger) in enumerate(zip(self.cells, ledgers, strict=True)):
                for item in reversed(cell.config.items):  # dear methods are last: no core shall wait then
                    if item in ledger.episodes:
                        self._count(i, ledger.episodes[item], on_episode)
                    else:
                        items.append((i, *item))
            for i, episode in _run([cell.config for cell in self.cells], items, workers):
                check_start(self.lock, self.cells[i], episode)
                ledgers[i].add(episode)
                self._count(i, episode, on_episode)
        self._write_table()

    def _ledger(self, cell: Cell) -> Ledger:
        path = self.out / "rows" / f"{cell.id}.jsonl"
        return Ledger.open(path, conditions(cell.config) | {"code": self.code}, get_task(cell.config.task).harm)

    def _count(self, i: int, episode: Episode, on_episode: Callable[[Cell, Episode], None]) -> None:
        check_start(self.lock, self.cells[i], episode)
        self.episodes[i][episode.method, episode.layout] = episode
        on_episode(self.cells[i], episode)

    def of(self, i: int, method: str) -> list[Episode]:
        """The episodes of one method in cell ``i``, by layout."""
        return [self.episodes[i][method, layout] for layout in self.cells[i].config.layouts_of(method)]

    def summaries(self, i: int) -> list[dict[str, Any]]:
        """A row a method of cell ``i``, as `rehearse eval --json` has it."""
        config = self.cells[i].config
        return [summarise(method, self.of(i, method), get_task(config.task).harm) for method in config.methods]

    def rows(self) -> list[dict[str, Any]]:
        """Every episode: what it was, under which conditions, and what came of it. The order is always the same."""
        rows: list[dict[str, Any]] = []
        for i, cell in enumerate(self.cells):
            head = row_head(self, cell)
            for method in cell.config.methods:
                rows += [{"row": len(rows) + k} | head | asdict(e) for k, e in enumerate(self.of(i, method))]
        return rows

    def _write_table(self) -> None:
        rows = [{**row, "plan_ms": list(row["plan_ms"]), "delays": list(row["delays"])} for row in self.rows()]
        with atomic_write(self.out / PARQUET) as path:
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, SCHEMA), path)


def row_head(run: SuiteRun, cell: Cell) -> dict[str, Any]:
    """What all rows of a cell have in common. ``conditions``: as `rehearse eval --json` writes them, for replays."""
    config, made = cell.config, conditions(cell.config)
    factor, strength = cell.varied
    return {
        "suite": run.suite.name,
        "suite_hash": run.hash,
        "part": cell.part,
        "cell": cell.id,
        "task": config.task,
        "level": config.level,
        "options": json.dumps(dict(config.options)),
        "split": config.split,
        "seed": config.seed,
        "clock": config.clock.words(get_task(config.task).period_s),
        "told": config.compensate,
        "factor": factor,
        "strength": strength,
        "planner": json.dumps(asdict(config.planner)),
        "checkpoint": None if config.checkpoint is None else str(config.checkpoint),
        "checkpoint_sha256": made["checkpoint_sha256"],
        "policy": None if config.policy is None else str(config.policy),
        "policy_sha256": made.get("policy_sha256"),
        "code": run.code,
        "conditions": json.dumps(made),
    }


_TEXT, _INT, _REAL, _FLAG = pyarrow.string(), pyarrow.int64(), pyarrow.float64(), pyarrow.bool_()
SCHEMA = pyarrow.schema(
    [("row", _INT)]
    + [(name, _TEXT) for name in ("suite", "suite_hash", "part", "cell", "task", "level", "options", "split")]
    + [("seed", _INT), ("clock", _TEXT), ("told", _FLAG), ("factor", _TEXT), ("strength", _REAL), ("planner", _TEXT)]
    + [(name, _TEXT) for name in ("checkpoint", "checkpoint_sha256", "policy", "policy_sha256", "code", "conditions")]
    + [("method", _TEXT), ("layout", _INT), ("success", _FLAG), ("harmed", _FLAG), ("time_s", _REAL)]
    + [("strain", _REAL), ("progress", _REAL), ("steps", _INT), ("futures", _INT), ("cpu_ms", _REAL)]
    + [("start", _TEXT), ("plan_ms", pyarrow.list_(_REAL)), ("late", _INT), ("surprise", _REAL), ("doubt", _REAL)]
    + [("nonfinite", _INT), ("delays", pyarrow.list_(_INT))]
)


def read_row(out: Path, number: int) -> dict[str, Any]:
    """One row of a finished suite's folder; ConfigError if there is none of this number."""
    path = out / PARQUET
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}; finish the suite with rehearse eval --suite") from error
    if not 0 <= number < len(table):
        raise ConfigError(f"{path} has rows 0 to {len(table) - 1}, and no row {number}")
    return table.slice(number, 1).to_pylist()[0]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}; give another folder with --out") from error


# -- episodes --------------------------------------------------------------------------------------------------------


def _run(configs: Sequence[EvalConfig], items: Sequence[Item], workers: int) -> Iterator[tuple[int, Episode]]:
    """All items as they finish, in one set of processes for all cells; with one worker in this process."""
    if not items:
        return
    if workers == 1:
        _start(configs)
        try:
            yield from map(_work, items)
        finally:
            _stop()
        return
    yield from in_workers(_work, items, workers, _start, (configs,))


_configs: Sequence[EvalConfig] = ()
_open: tuple[int, TaskEnv] | None = None  # the environment of the cell that this process is at


def _start(configs: Sequence[EvalConfig]) -> None:
    global _configs
    import torch

    torch.set_num_threads(1)
    _configs = configs


def _stop() -> None:
    global _open
    if _open is not None:
        _open[1].close()
    _open = None


def _work(item: Item) -> tuple[int, Episode]:
    global _open
    i, method, layout = item
    config = _configs[i]
    if _open is None or _open[0] != i:
        _stop()
        _open = i, env_for(config)
    task = get_task(config.task)
    return i, run_episode(task, _open[1], agent_for(config, method), method, layout, config.seed)
