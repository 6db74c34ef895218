"""Jackets fetched, or another task's episodes, over ROS 2 and in one process, from the same layouts.

``fetch`` runs sim_node, guard_node and planner_node as processes, layout after layout, and then the same layouts in
this process with actions that come a control period late, which is what the nodes have to live with. Where the task has
goals, the planner is told of them by pictures, there and here. Latency is that
from the stamp of the image that a decision answers to the moment when what it led to was sent.
"""

import json
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.over_ros.company import Company, Settings
from benchmarks.over_ros.heard import PERCENTILES
from benchmarks.over_ros.processes import cpu_s
from rehearse.commands.base import about, progress_bar
from rehearse.files import atomic_write
from rehearse.sim.episode import wilson
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.task import Task
from rehearse.sim.tasks import DEFAULT, get_task
from tests.ros.live import own_domain


@dataclass
class Fetch:
    """Fetch jackets over ROS, and in this process, from the same layouts."""

    task: str = DEFAULT
    """Another task that an arm does."""
    episodes: int = 30
    """Layouts."""
    seed: int = 50
    """Of the layouts."""
    futures: int = 512
    """That a decision imagines."""
    deadline_s: float = 10.0
    """Robot time after which an episode is given up as failed; it lasts six seconds."""
    pace: float = 1.0
    """Robot seconds per second. Below 1, for machines that are too slow or too busy, all go by the robot's /clock."""
    record: Path | None = None
    """A folder for a bag of it all, by recorder_node."""
    json: Path = Path("out/ros-fetch.json")
    """Where rows and figures go."""

    def run(self) -> None:
        """Over ROS, then here; the table of both."""
        layouts = [self.seed * LAYOUTS_PER_SEED + i for i in range(self.episodes)]
        recorder = None if self.record is None else {"folder": self.record.resolve()}
        # A bag is of the robot's clock: where the machine is too busy, the robot lags behind the wall's.
        own_clock = self.pace != 1 or recorder is not None
        rest = {"deadline_s": self.deadline_s, "recorder": recorder, "task": self.task}
        settings = Settings(self.futures, self.pace, own_clock, **rest)
        with tempfile.TemporaryDirectory() as folder, own_domain(Path(folder) / "ros"):
            with closing(Company(Path(folder), settings)) as company:
                rows, figures = _over_ros(company, layouts)
        rows += _in_process(self.task, self.seed, self.episodes, self.futures)
        asked = about(task=self.task, seed=self.seed, futures=self.futures)
        report = {"rows": rows, "figures": figures, "about": asked}
        with atomic_write(self.json) as path:
            path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        Console().print(_rates(rows, get_task(self.task)))
        Console().print(_figures(figures))


def _over_ros(company: Company, layouts: list[int]) -> tuple[list[dict], dict[str, Any]]:
    """All layouts, one after the other: rows, and figures of it all."""
    rows, began_s, pace = [], time.monotonic(), company.settings.pace
    used_s = {name: cpu_s(process.pid) for name, process in company.processes.items()}
    with progress_bar(Console(stderr=True)) as bar:
        task = bar.add_task("over ROS", total=len(layouts), text="")
        for layout in layouts:
            company.begin(layout)
            company.probe.until(company.over, "the end of the episode")
            rows.append({"where": "ROS", "layout": layout, **company.outcome()})
            bar.update(task, advance=1, text=f"{sum(row['success'] for row in rows)} of {len(rows)}")
    took_s = time.monotonic() - began_s
    share = {name: (cpu_s(process.pid) - used_s[name]) / took_s for name, process in company.processes.items()}
    figures = company.heard.figures()
    if pace != 1:  # how long things take says nothing of a robot that is slowed down
        figures = {"late": figures["late"]}
    return rows, {"minutes": round(took_s / 60, 2), "pace": pace, "cpu_share": share, **figures}


def _in_process(task_name: str, seed: int, episodes: int, futures: int) -> list[dict]:
    """The same layouts with actions a control period late, in one process."""
    from rehearse.recorded import default_checkpoint
    from rehearse.sim.evaluate import EvalConfig, evaluate
    from rehearse.sim.planner_agent import PlannerSettings

    method, task = f"planner-{futures}", get_task(task_name)
    config = EvalConfig(
        task=task_name,
        episodes=episodes,
        seed=seed,
        methods=(method,),
        checkpoint=default_checkpoint(task, (method,)),
        planner=PlannerSettings(goal="image" if task.goal else "state"),
        delay_steps=1,
        workers=1,
    )
    with progress_bar(Console(stderr=True)) as bar:
        done = bar.add_task("in one process", total=episodes, text="")
        report = evaluate(config, lambda episode: bar.update(done, advance=1))
    told = ("layout", "success", "time_s", *(() if task.harm is None else (task.harm.event,)))
    rows = [episode.to_row(task.harm) for episode in report.episodes]
    return [{"where": "in process"} | {name: row[name] for name in told} for row in rows]


def _rates(rows: list[dict], task: Task) -> Table:
    table = Table(title=f"{task.success_words}: the same layouts")
    harm = () if task.harm is None else (task.harm.event,)
    for name in ("where", "n", task.success, "95 %", *harm):
        table.add_column(name, justify="left" if name == "where" else "right")
    for where in dict.fromkeys(row["where"] for row in rows):
        found = [row for row in rows if row["where"] == where]
        done = sum(row["success"] for row in found)
        low, high = wilson(done, len(found))
        harmed = (str(sum(row[event] for row in found)) for event in harm)
        table.add_row(where, str(len(found)), str(done), f"{100 * low:.0f} to {100 * high:.0f} %", *harmed)
    return table


def _figures(figures: dict[str, Any]) -> Table:
    table = Table(title=f"{figures['minutes']} minutes at {figures['pace']:g} times the robot's pace")
    for name in ("", *(f"p{p}" for p in PERCENTILES)):
        table.add_column(name, justify="right" if name else "left")
    add_spreads(table, figures)
    table.add_row("decisions that came too late", f"{100 * figures['late']:.1f} %", "", "")
    for name, share in figures["cpu_share"].items():
        table.add_row(f"CPU of {name}_node, share of a core", f"{share:.2f}", "", "")
    return table


def add_spreads(table: Table, figures: dict[str, Any]) -> None:
    """A row for each spread in ms."""
    for name, spread in figures.items():
        if name.endswith("_ms") and spread:
            table.add_row(name.replace("_", " "), *(f"{spread[f'p{p}']:.1f}" for p in PERCENTILES))
