"""Does the gate catch a model that has lost ten points, and leave one alone that has lost none?

    python benchmarks/gate_power.py --json benchmarks/results/gate-power.json

The regression is planted: normal noise on every weight of the shipped model, as large as makes success fall by about
ten points on validation layouts. Then three pools of episodes over the same test layouts: the shipped model (baseline),
the shipped model with another chance in its planner (unharmed), and the harmed one. From them sets of layouts are drawn
and judged by `rehearse gate`'s own rule: how often it fails, beside the power that it states. 20 sets are disjoint; the
others are drawn with replacement, as the pools are too small for many. Every episode is kept below --work, and the same
command goes on after a kill.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about, progress_bar
from rehearse.files import atomic_write
from rehearse.recorded import digest
from rehearse.sim.agents import make_agent
from rehearse.sim.compare import Change, compare
from rehearse.sim.episode import Episode, summarise, wilson
from rehearse.sim.evaluate import run_episode
from rehearse.sim.ledger import Ledger
from rehearse.sim.power import loss_caught
from rehearse.sim.tasks import get_task
from rehearse.world_model import describe, load, save, shipped_checkpoint

DISJOINT = 20


@dataclass
class GatePower:
    """Plant a regression, and count what the gate makes of it."""

    task: str = "dog-on-jacket"
    """Task whose shipped model is harmed."""
    method: str = "planner-8"
    """Planner that uses it."""
    loss: float = 0.10
    """How much of the success the noise is to cost."""
    validation: int = 80
    """Layouts for each step of the search for the noise."""
    steps: int = 5
    """Halvings of the search."""
    layouts: int = 600
    """Test layouts of each pool."""
    sizes: tuple[int, ...] = (100, 200, 400)
    """Layouts in the sets that are drawn with replacement."""
    draws: int = 200
    """Such sets of each size."""
    deltas: tuple[float, ...] = (0.0, 0.02, 0.05)
    """Of the gate."""
    seed: int = 0
    """Seed of the noise and of the draws."""
    work: Path = Path("out/gate-power")
    """Episodes and harmed models."""
    json: Path = Path("out/gate-power.json")
    """Where the result goes."""

    def run(self, console: Console) -> None:
        """Search, play, judge, write."""
        torch.set_num_threads(1)
        self.found = get_task(self.task)
        self.env = {split: self.found.make_env(self.found.level, split) for split in ("validation", "test")}
        self.shipped = shipped_checkpoint(self.found.checkpoint)
        with progress_bar(console) as self.bar:
            scale, search = self.search()
            pools = {
                "baseline": self.pool(self.shipped, "test", self.layouts, chance=0),
                "unharmed": self.pool(self.shipped, "test", self.layouts, chance=1),
                "harmed": self.pool(self.harm(scale), "test", self.layouts, chance=1),
            }
        rows = list(self.judged(pools))
        summary = [{"pool": name, **summarise(self.method, pool, self.found.harm)} for name, pool in pools.items()]
        made = about(task=self.task, method=self.method, scale=f"{scale:.4g}", seed=self.seed, layouts=self.layouts)
        with atomic_write(self.json) as path:
            path.write_text(json.dumps({"rows": rows, "pools": summary, "search": search, "about": made}, indent=1))
        Console().print(table(rows))

    def harm(self, scale: float) -> Path:
        """The shipped model with noise on every weight, in shares of the deviation of its tensor."""
        path = self.work / f"noise-{scale:.6f}" / "model.safetensors"
        if not path.exists():
            model, rng = load(self.shipped), torch.Generator().manual_seed(self.seed)
            with torch.no_grad():
                for weight in model.parameters():
                    noise = torch.randn(weight.shape, generator=rng)
                    weight += scale * (weight.std() if weight.numel() > 1 else weight.abs()) * noise
            save(model, path, metrics=describe(self.shipped).get("metrics", {}))
        return path

    def search(self) -> tuple[float, list[dict]]:
        """Halve the interval of scales until success is lower by ``loss`` on the validation layouts."""
        usual = rate(self.pool(self.shipped, "validation", self.validation))
        low, high, tried = 0.0, 0.4, []
        for _ in range(self.steps):
            scale = (low + high) / 2
            fallen = usual - rate(self.pool(self.harm(scale), "validation", self.validation))
            tried.append({"scale": scale, "loss": round(fallen, 4), "n": self.validation})
            low, high = (scale, high) if fallen < self.loss else (low, scale)
        return min(tried, key=lambda one: abs(one["loss"] - self.loss))["scale"], tried

    def pool(self, checkpoint: Path, split: str, layouts: int, chance: int = 0) -> list[Episode]:
        """Episodes of the planner with a model, each on disk as soon as it is over."""
        mark = digest(checkpoint)
        made = {"checkpoint_sha256": mark, "split": split, "chance": str(chance), "task": self.task}
        agent = make_agent(self.found, self.method, checkpoint)
        bar = self.bar.add_task(f"{split} {checkpoint.parent.name}", total=layouts, text="")
        with Ledger.open(self.work / f"{split}-{mark}-{chance}.jsonl", made, self.found.harm) as ledger:
            for layout in range(layouts):
                if (self.method, layout) not in ledger.episodes:
                    done = run_episode(self.found, self.env[split], agent, self.method, layout, seed=chance)
                    ledger.add(done)
                self.bar.advance(bar)
            return [ledger.episodes[self.method, layout] for layout in range(layouts)]

    def judged(self, pools: dict[str, list[Episode]]) -> Iterator[dict]:
        """A row for each candidate, size of set, and delta."""
        rng = np.random.default_rng(self.seed)
        size = self.layouts // DISJOINT
        drawn = {"disjoint": np.arange(DISJOINT * size).reshape(DISJOINT, size)}
        drawn |= {f"of {n}": rng.integers(self.layouts, size=(self.draws, n)) for n in self.sizes}
        for candidate in ("unharmed", "harmed"):
            whole = self.change(pools, candidate, np.arange(self.layouts))
            for how, sets in drawn.items():
                changes = [self.change(pools, candidate, chosen) for chosen in sets]
                for delta in self.deltas:
                    failed = sum(change.clearly_lower(delta) for change in changes)
                    low, high = wilson(failed, len(changes))
                    stated = loss_caught(whole.before, sets.shape[1], max(0, -whole.difference), delta)
                    yield {
                        "candidate": candidate,
                        "n": sets.shape[1],
                        "delta": delta,
                        "sets": "disjoint" if how == "disjoint" else "with replacement",
                        "repetitions": len(changes),
                        "failed": failed / len(changes),
                        "failed_low": low,
                        "failed_high": high,
                        "true_difference": round(whole.difference, 4),
                        "true_low": round(whole.low, 4),
                        "true_high": round(whole.high, 4),
                        "stated_least": round(stated[0], 4),
                        "stated_most": round(stated[1], 4),
                    }

    def change(self, pools: dict[str, list[Episode]], candidate: str, chosen: np.ndarray) -> Change:
        """What `rehearse gate` looks at, over the chosen layouts."""
        before, after = (self.listed(pools[name], chosen) for name in ("baseline", candidate))
        return compare(before, after, self.method, "success")

    def listed(self, pool: list[Episode], chosen: np.ndarray) -> list[dict]:
        """Rows of the chosen layouts, numbered anew: one that is drawn twice counts twice."""
        return [{**pool[i].to_row(self.found.harm), "layout": k} for k, i in enumerate(chosen)]


def rate(pool: list[Episode]) -> float:
    """Success of a pool."""
    return float(np.mean([episode.success for episode in pool]))


def table(rows: list[dict]) -> Table:
    """How often the gate failed, beside what it states."""
    shown = Table(title="gate on success", caption="with Wilson 95 % intervals; sets of n layouts")
    for name in ("candidate", "truly", "delta", "n", "sets", "failed", "stated"):
        shown.add_column(name, justify="left" if name == "candidate" else "right")
    for row in rows:
        failed = f"{row['failed']:.0%} [{row['failed_low']:.0%}, {row['failed_high']:.0%}]"
        stated = f"{row['stated_least']:.0%} to {row['stated_most']:.0%}"
        truly, sets = f"{row['true_difference']:+.1%}", f"{row['repetitions']} {row['sets']}"
        shown.add_row(row["candidate"], truly, f"{row['delta']:.0%}", str(row["n"]), sets, failed, stated)
    return shown


if __name__ == "__main__":
    tyro.cli(GatePower).run(Console(stderr=True))
