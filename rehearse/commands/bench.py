"""``rehearse bench``: the speed figures, with their units."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command, about
from rehearse.speed import measure
from rehearse.world_model import load, shipped_checkpoint


@dataclass(kw_only=True)
class Bench(Command):
    """Time decisions, imagination, simulator and oracle in CPU-seconds on one thread."""

    checkpoint: Path | None = None
    """World model to time; the shipped one unless given."""

    def run(self, console: Console) -> int:
        """Measure, print a table, write the JSON."""
        checkpoint = self.checkpoint or shipped_checkpoint("dog-on-jacket-tiny")
        console.print("measuring, about a minute ...")
        figures = measure(load(checkpoint), self.seed)
        table = Table(title="speed, one thread")
        table.add_column("figure")
        table.add_column("value", justify="right")
        for name, value in figures.items():
            table.add_row(name, f"{value:,.2f}" if value < 100 else f"{value:,.0f}")
        Console().print(table)
        self.write_json({"figures": figures, "about": about(checkpoint=checkpoint.name, threads=1)})
        return 0
