"""``rehearse aggregate``: one figure for a method on many tasks, from their evaluations."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command
from rehearse.errors import ConfigError
from rehearse.recorded import read_evaluation
from rehearse.sim.aggregate import interquartile_mean
from rehearse.sim.tasks import DEFAULT


@dataclass(kw_only=True)
class Aggregate(Command):
    """Interquartile mean of success over tasks and seeds, with a stratified bootstrap's 95 % interval."""

    results: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """What `rehearse eval --json` wrote, a file for every task and seed (rates of many episodes, never single ones)."""
    methods: str | None = None
    """Comma-separated; those that all results have unless given."""

    def run(self, console: Console) -> int:
        """Sort the rates into tasks and seeds, and print a row per method."""
        rows = [cell for path in self.results for cell in _cells(path)]
        common = [m for m in dict.fromkeys(row["method"] for row in rows) if _count(rows, m) == len(self.results)]
        methods = common if self.methods is None else [m.strip() for m in self.methods.split(",") if m.strip()]
        found = []
        for method in methods:
            successes, episodes, tasks = _matrix([row for row in rows if row["method"] == method], method)
            iqm = interquartile_mean(successes, episodes, self.seed)
            found.append({"method": method, "tasks": tasks, "seeds": successes.shape[1], **asdict(iqm)})
        if not found:
            raise ConfigError("the results share no method; name one that all have with --methods")
        table = Table(title="interquartile mean of success", caption="stratified bootstrap, 95 %")
        for name in ("method", "tasks", "seeds", "success"):
            table.add_column(name, justify="left" if name == "method" else "right")
        for row in found:
            value = f"{row['value']:.0%} [{row['low']:.0%}, {row['high']:.0%}]"
            table.add_row(row["method"], str(len(row["tasks"])), str(row["seeds"]), value)
        Console().print(table)
        self.write_json({"rows": found})
        return 0


def _count(rows: list[dict], method: str) -> int:
    return sum(row["method"] == method for row in rows)


def _cells(path: Path) -> list[dict]:
    result = read_evaluation(path)
    about = result["about"]
    cell = {"task": about.get("task", DEFAULT), "seed": about.get("seed", "0")}
    return [{**cell, "method": row["method"], "n": row["n"], "success": row["success"]} for row in result["rows"]]


def _matrix(rows: list[dict], method: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Successes and episodes (tasks, seeds); ConfigError if a task has fewer seeds than another, or one twice."""
    tasks = sorted({row["task"] for row in rows})
    rows = sorted(rows, key=lambda row: row["seed"])
    of_task = {task: [row for row in rows if row["task"] == task] for task in tasks}
    seeds = {task: [row["seed"] for row in found] for task, found in of_task.items()}
    if any(len(set(found)) < len(found) for found in seeds.values()) or len({len(s) for s in seeds.values()}) != 1:
        told = "; ".join(f"{task}: seeds {', '.join(found)}" for task, found in seeds.items()) or "none"
        raise ConfigError(f"{method}: every task needs equally many results, each of another seed; there are {told}")
    n = np.array([[row["n"] for row in of_task[task]] for task in tasks])
    rates = np.array([[row["success"] for row in of_task[task]] for task in tasks])
    return np.rint(rates * n), n, tasks
