"""Success against compute: one task, one model, every way of planning in turn, on the same held-out layouts.

    python benchmarks/search.py --study optimizers --json benchmarks/results/search-optimizers.json
    python benchmarks/search.py --study risk --episodes 200 --json benchmarks/results/search-risk.json

A study is a list of variants below. Rows that are in the file already are not run again, so a killed run goes on.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from rehearse.commands.base import about
from rehearse.commands.eval import evaluate_with_bar, results_table
from rehearse.errors import ConfigError
from rehearse.files import atomic_write
from rehearse.recorded import default_checkpoint, digest
from rehearse.sim.evaluate import EvalConfig
from rehearse.sim.planner_agent import PlannerSettings
from rehearse.sim.tasks import get_task

UNLIMITED = 1 << 17  # futures: more than any deadline allows


@dataclass(frozen=True)
class Variant:
    """One way of planning. ``delay_steps``: actions arrive so many control periods late; ``told``: it knows."""

    name: str
    settings: PlannerSettings
    delay_steps: int = 0
    told: bool = True
    share: float = 1.0  # of the episodes, where one costs much


def optimizers() -> Iterator[Variant]:
    """Every optimizer with every budget."""
    for futures, optimizer in itertools.product((8, 64, 512, 4096), ("cem", "icem", "mppi", "dial", "predictive")):
        yield Variant(
            f"{optimizer}, {futures:,}", PlannerSettings(futures, optimizer), share=0.5 if futures > 512 else 1
        )


def deadlines() -> Iterator[Variant]:
    """As many futures as the clock allows."""
    for deadline_ms in (50, 100, 200, 500, 1000):
        settings = PlannerSettings(UNLIMITED, deadline_s=deadline_ms / 1e3)
        yield Variant(f"deadline {deadline_ms} ms", settings, share=1 if deadline_ms <= 200 else 0.5)


def risk() -> Iterator[Variant]:
    """What is made of the ensemble's views of harm, and how much harm is allowed."""
    for name in ("mean", "cvar", "worst"):
        yield Variant(f"risk {name}", PlannerSettings(512, risk=name))
    for at_most in (0.02, 0.05, 0.2):
        yield Variant(f"chance at most {100 * at_most:g} %", PlannerSettings(512, risk="mean", at_most=at_most))


def helpers() -> Iterator[Variant]:
    """What is added to the search: skills, what was best before, gradients, verification by true physics."""
    for futures in (8, 64):
        yield Variant(f"alone, {futures}", PlannerSettings(futures))
        yield Variant(f"skills, {futures}", PlannerSettings(futures, skills=True))
        yield Variant(f"carry 4, {futures}", PlannerSettings(futures, carry=4))
        yield Variant(f"2 gradient steps, {futures}", PlannerSettings(futures, refine=2))
        yield Variant(f"8 verified by physics, {futures}", PlannerSettings(futures, verify=8), share=0.5)


def latency() -> Iterator[Variant]:
    """Actions that arrive late, with and without being told."""
    for steps, told in itertools.product((0, 1, 2, 3, 4), (True, False)):
        if steps or told:
            yield Variant(f"{steps} steps late, {'told' if told else 'not told'}", PlannerSettings(64), steps, told)


def levels() -> Iterator[Variant]:
    """One level of planning with a short and a long horizon's worth of futures, and two."""
    for futures in (64, 512):
        yield Variant(f"one level, {futures:,}", PlannerSettings(futures, scout=False))
        yield Variant(f"two levels, {futures:,}", PlannerSettings(futures, scout=True))
    yield Variant("one level, 4,096", PlannerSettings(4096, scout=False), share=0.5)


STUDIES = {study.__name__: study for study in (optimizers, deadlines, risk, helpers, latency, levels)}


@dataclass
class Search:
    """Evaluate every variant of a study that is not in the file yet."""

    study: Literal["optimizers", "deadlines", "risk", "helpers", "latency", "levels"] = "optimizers"
    """Which."""
    task: str = "dog-on-jacket"
    """The task."""
    checkpoint: Path | None = None
    """The model; the one that is shipped for the task unless given."""
    goal: str = "state"
    """Where the task has a goal: how planners are told of it, state or image."""
    episodes: int = 100
    """Layouts."""
    seed: int = 6
    """Seed of the test layouts."""
    workers: int = 1
    """Processes. With one, CPU times are the least disturbed."""
    json: Path = field(default=Path("out/search.json"))
    """Where the rows go."""

    def run(self) -> None:
        """Evaluate, write after every variant, print."""
        task = get_task(self.task)
        checkpoint = self.checkpoint or default_checkpoint(task, ("planner-1",))
        made = {"task": self.task, "seed": self.seed, "checkpoint_sha256": digest(checkpoint), "goal": self.goal}
        report = json.loads(self.json.read_text()) if self.json.exists() else {"rows": [], "about": {}}
        conditions = {"study": self.study, "episodes": self.episodes, **made}
        for name, value in conditions.items():
            if report["rows"] and str(report["about"].get(name)) != str(value):
                raise ConfigError(
                    f"{self.json} was begun with {name} {report['about'].get(name)}, this run has {value}; "
                    "go on as it was begun, or name another --json"
                )
        known = {row["method"] for row in report["rows"]}
        for variant in STUDIES[self.study]():
            if variant.name in known:
                continue
            settings = replace(variant.settings, goal=self.goal)
            config = EvalConfig(
                task=self.task,
                episodes=max(1, round(variant.share * self.episodes)),
                seed=self.seed,
                methods=(f"planner-{settings.optimizer}-{settings.futures}",),
                checkpoint=checkpoint,
                planner=settings,
                delay_steps=variant.delay_steps,
                compensate=variant.told,
                workers=self.workers,
            )
            row = evaluate_with_bar(config, Console(stderr=True)).rows[0]
            report["rows"].append({**row, "method": variant.name})
            report["about"] = about(**conditions)
            with atomic_write(self.json) as path:
                path.write_text(json.dumps(report, indent=1) + "\n")
        console = Console()
        title = f"{self.task}: {self.study}, test layouts"
        console.print(results_table(task, report["rows"], title, console.width))


if __name__ == "__main__":
    tyro.cli(Search).run()
