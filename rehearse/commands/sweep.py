"""``rehearse sweep``: how far any constant pull gets, to show whether the task needs imagination."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command, about, progress_bar
from rehearse.sim.dog_on_jacket.sweep import SweepConfig, sweep


@dataclass(kw_only=True)
class Sweep(Command):
    """Try every scripted pull (directions x speeds x heights, and steered ones) on the validation layouts."""

    level: str = "half"
    """easy, half or full."""
    episodes: int = 40
    """Layouts per script."""
    workers: int = SweepConfig.workers
    """Processes."""
    show: int = 10
    """Rows of the table; the JSON has all."""

    def run(self, console: Console) -> int:
        """Sweep with a progress bar; the best scripts as a table."""
        config = SweepConfig(level=self.level, episodes=self.episodes, seed=self.seed, workers=self.workers)
        with progress_bar(console) as bar:
            task = bar.add_task("sweeping", total=self.episodes, text="layouts")
            rows = sweep(config, lambda: bar.advance(task))
        table = Table(title=f"best of {len(rows)} scripted pulls, level {self.level}, validation layouts")
        for name in ("pull", "direction", "speed", "rise", "n", "success", "woken", "time"):
            table.add_column(name, justify="left" if name == "pull" else "right")
        for row in rows[: self.show]:
            table.add_row(
                "steered" if row["follow"] else "straight",
                f"{row['direction_rad']:+.1f} rad",
                f"{0.4 * row['speed']:.2f} m/s",
                f"{0.3 * row['rise']:.2f} m/s",
                str(row["n"]),
                f"{100 * row['success']:.0f} % [{100 * row['success_low']:.0f}, {100 * row['success_high']:.0f}]",
                f"{100 * row['woken']:.0f} %",
                f"{row['time_s']:.1f} s",
            )
        Console().print(table)
        self.write_json({"rows": rows, "about": about(level=self.level, seed=self.seed)})
        return 0
