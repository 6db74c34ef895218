"""``rehearse data check``: what is wrong with a dataset, before anything is trained on it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command, progress_bar
from rehearse.world_model.data.check import Report, check
from rehearse.world_model.data.lerobot import read_info


@dataclass(kw_only=True)
class Data(Command):
    """Look at a LeRobotDataset v3.0: `rehearse data check PATH` finds what is wrong with it.

    Missing and damaged frames, NaN, jumps of the clock, dead and frozen cameras, numbers that never change, actions
    that a limit has cut, statistics that do not fit, episodes that are there twice. Exit code 0: nothing grave; 1:
    training on it would fail or mislead.
    """

    verb: Annotated[Literal["check"], tyro.conf.Positional]
    """What to do with it."""
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
        table.add_row("grave" if finding.grave else "look", finding.where, finding.what, finding.remedy)
    return table
