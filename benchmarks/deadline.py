"""Is a deadline kept? Decisions against the clock while other processes compete for the same cores.

    python benchmarks/deadline.py --json benchmarks/results/deadline.json

Every decision asks for more futures than the deadline allows, so each is cut short by it. `load` busy processes run on
the cores that this process is pinned to. Overrun is how much later than the deadline the plan was there.
"""

import dataclasses
import json
import multiprocessing
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about, progress_bar
from rehearse.files import atomic_write
from rehearse.planner import MPC, CEMConfig
from rehearse.sim.planner_agent import LearnedDynamics
from rehearse.sim.task import Situation
from rehearse.sim.tasks import get_task
from rehearse.world_model import History, load, shipped_checkpoint

FRAMES = 5
EPISODE = 20  # decisions, after which planner and belief begin anew


@dataclass
class Deadlines:
    """Time decisions of the shipped model."""

    deadlines_ms: tuple[float, ...] = (50, 100, 200, 500, 1000)
    """Deadlines to keep."""
    decisions: int = 1000
    """Of the first two deadlines; so many seconds' worth at most of the others."""
    futures: int = 65536
    """Asked for by every decision; more than any deadline allows."""
    load: int = 2
    """Busy processes beside."""
    cores: int = 2
    """Cores that all of them share."""
    seed: int = 0
    """Seed of the search and of the pictures."""
    json: Path = Path("out/deadline.json")
    """Where the rows go."""

    def run(self) -> None:
        """All deadlines with load, then the table."""
        torch.set_num_threads(1)
        console = Console(stderr=True)
        cores = sorted(os.sched_getaffinity(0))[: self.cores]
        os.sched_setaffinity(0, cores)
        rows = []
        with ExitStack() as stack:
            for _ in range(self.load):
                busy = multiprocessing.get_context("spawn").Process(target=_burn, args=(cores,), daemon=True)
                busy.start()
                stack.callback(busy.kill)
            bar = stack.enter_context(progress_bar(console))
            for deadline_ms in self.deadlines_ms:
                count = min(self.decisions, max(100, int(200_000 / deadline_ms)))
                task = bar.add_task(f"{deadline_ms:g} ms", total=count, text="")
                plans = []
                for plan in self._decide(1e-3 * deadline_ms, count):
                    plans.append(plan)
                    bar.update(task, advance=1, text=f"{plan.futures:,} futures")
                rows.append(_row(deadline_ms, plans))
        report = {"rows": rows, "about": about(load=self.load, cores=len(cores), seed=self.seed)}
        with atomic_write(self.json) as path:
            path.write_text(json.dumps(report, indent=1) + "\n")
        Console().print(_table(rows, self.load, len(cores)))

    def _decide(self, deadline_s: float, count: int):
        dynamics = LearnedDynamics(load(shipped_checkpoint("dog-on-jacket-tiny")))
        task = get_task("dog-on-jacket")
        config = dataclasses.replace(task.mpc, deadline_s=deadline_s)
        objective = task.objective(Situation(EPISODE))
        mpc = MPC(dynamics, objective, CEMConfig(futures=self.futures), config, limits=task.limits)
        rng, dice = np.random.default_rng(self.seed), torch.Generator().manual_seed(self.seed)
        frames = rng.integers(0, 255, (FRAMES, 64, 64, 3), np.uint8)
        history = History(frames, np.zeros((FRAMES, 10), np.float32), np.zeros((FRAMES - 1, 4), np.float32))
        for decision in range(count):
            dynamics.reset()  # so that encoding is a part of every decision
            if decision % EPISODE == 0:
                mpc.reset()
            yield mpc.plan(history, 0.2 * (decision % EPISODE), dice)


def _burn(cores: list[int]) -> None:
    """Multiply matrices for ever on the given cores."""
    os.sched_setaffinity(0, cores)
    a = np.random.default_rng(0).normal(size=(256, 256))
    while True:
        a = a @ a
        a /= np.abs(a).max()
        time.sleep(0)


def _row(deadline_ms: float, plans: list) -> dict:
    over = 1e3 * np.array([plan.elapsed_s for plan in plans]) - deadline_ms
    row = {"deadline_ms": deadline_ms, "decisions": len(plans), "late": float((over > 0).mean())}
    row |= {f"overrun_p{p}_ms": float(np.percentile(over, p)) for p in (50, 95, 99, 100)}
    return row | {"futures_median": float(np.median([plan.futures for plan in plans]))}


def _table(rows: list[dict], load_: int, cores: int) -> Table:
    table = Table(title=f"Overrun with {load_} busy processes on the same {cores} cores (negative: early)")
    for name in ("deadline", "decisions", "p50", "p95", "p99", "worst", "late", "futures, median"):
        table.add_column(name, justify="right")
    for row in rows:
        overruns = (f"{row[f'overrun_p{p}_ms']:+.1f} ms" for p in (50, 95, 99, 100))
        table.add_row(
            f"{row['deadline_ms']:g} ms",
            str(row["decisions"]),
            *overruns,
            f"{100 * row['late']:.1f} %",
            f"{row['futures_median']:,.0f}",
        )
    return table


if __name__ == "__main__":
    tyro.cli(Deadlines).run()
