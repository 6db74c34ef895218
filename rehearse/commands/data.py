"""``rehearse data``: ``check`` a dataset, list what was ``done`` in it, or make one ``from-bag``, out of ROS 2."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rehearse.commands.base import Command, progress_bar
from rehearse.ros_nodes.bag.dataset import convert
from rehearse.ros_nodes.bag.reader import survey
from rehearse.ros_nodes.bag.topics import Topics
from rehearse.sim.arms import ARMS
from rehearse.sim.cloning.learn import did_it
from rehearse.sim.tasks import DEFAULT, get_task
from rehearse.world_model.data import LeRobotReader
from rehearse.world_model.data.check import Report, check
from rehearse.world_model.data.lerobot import read_info


@dataclass(kw_only=True)
class Check(Command):
    """Find what is wrong with a LeRobotDataset v3.0.

    Missing and damaged frames, NaN, jumps of the clock, dead and frozen cameras, numbers that never change, actions
    that a limit has cut, statistics that do not fit, episodes that are there twice. Exit code 0: nothing grave; 1:
    training on it would fail or mislead.
    """

    path: Annotated[Path, tyro.conf.Positional]
    """Folder of the dataset."""

    def run(self, console: Console) -> int:
        """Look, with a progress bar over the videos; print a table."""
        with progress_bar(console) as bar:
            looking = bar.add_task("looking", total=read_info(self.path)["total_episodes"], text="")
            report = check(self.path, lambda: bar.update(looking, advance=1))
        Console().print(_facts(report))
        if report.findings:
            Console().print(_findings(report))
        else:
            Console().print("nothing is wrong with it")
        found = [asdict(finding) for finding in report.findings]
        self.write_json({"sound": report.sound, "findings": found, **report.facts})
        return 0 if report.sound else 1


@dataclass(kw_only=True)
class Done(Command):
    """Print which episodes did what was asked, without harm: those that `rehearse clone` repeats.

    lerobot-train --dataset.episodes="$(rehearse data done data/demonstrations)" repeats the same.
    """

    path: Annotated[Path, tyro.conf.Positional]
    """Folder of the dataset."""
    task: str = DEFAULT
    """The task; `rehearse tasks` lists them."""

    def run(self, console: Console) -> int:
        """Their numbers on standard output, in brackets."""
        task = get_task(self.task)
        done = [i for i, clip in enumerate(LeRobotReader(self.path)) if did_it(task, clip.signals)]
        Console().print(str(done), soft_wrap=True, highlight=False, markup=False)
        console.print(f"{len(done)} of {read_info(self.path)['total_episodes']} episodes did what was asked")
        self.write_json({"path": str(self.path), "episodes": done})
        return 0


@dataclass(kw_only=True)
class FromBag(Command):
    """Make a LeRobotDataset v3.0 of a ROS 2 bag (MCAP) that recorder_node or `ros2 bag record` wrote. Needs no ROS.

    Observations are images and proprioception of one stamp; actions are what passed the guard between them, in the
    task's own terms; signals come from sim/info, where that was recorded.
    """

    bag: Annotated[Path, tyro.conf.Positional]
    """An .mcap file, or a folder of them."""
    out: Annotated[Path, tyro.conf.Positional]
    """Folder of the new dataset; it appears when it is complete."""
    topics: Topics = field(default_factory=Topics)
    arm: Literal[tuple(ARMS)] = "arm7"
    """Which arm it was."""
    truncated: bool = False
    """Take what is there of a bag that breaks off, as a killed recorder leaves it."""

    def run(self, console: Console) -> int:
        """Look what is in it, then convert it with a progress bar."""
        contents = survey(self.bag, self.truncated)
        total = sum(topic.count for topic in contents.values())
        with progress_bar(console) as bar:
            reading = bar.add_task("reading", total=total, text="messages")
            step = lambda: bar.update(reading, advance=1)  # noqa: E731
            counts = convert(self.bag, self.out, contents, self.topics, self.arm, self.truncated, step)
        console.print(f"{self.out}: " + ", ".join(f"{name} {value:,}" for name, value in counts.items()))
        self.write_json({"path": str(self.out), **counts})
        return 0


Data = (
    Annotated[Check, tyro.conf.subcommand("check")]
    | Annotated[Done, tyro.conf.subcommand("done")]
    | Annotated[FromBag, tyro.conf.subcommand("from-bag")]
)


def _facts(report: Report) -> Table:
    facts = report.facts
    title = f"{facts['path']}: {facts['episodes']:,} episodes, {facts.get('frames', 0):,} frames, {facts['fps']:g} fps"
    table = Table(title=title)
    for heading in ("feature", "low", "high"):
        table.add_column(heading)
    for name, span in facts.get("ranges", {}).items():
        table.add_row(name, *(", ".join(f"{value:g}" for value in span[end]) for end in ("low", "high")))
    for camera in facts["cameras"]:
        table.add_row(camera, "video", "")
    return table


def _findings(report: Report) -> Table:
    grave = sum(finding.grave for finding in report.findings)
    table = Table(title=f"{grave} grave, {len(report.findings) - grave} to be judged")
    for heading in ("", "where", "what", "remedy"):
        table.add_column(heading)
    for finding in sorted(report.findings, key=lambda finding: not finding.grave):
        table.add_row("grave" if finding.grave else "look", *map(escape, (finding.where, finding.what, finding.remedy)))
    return table
