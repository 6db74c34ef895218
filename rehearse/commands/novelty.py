"""``rehearse novelty``: whether the model notices scenes of a kind that it has never seen."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command, about, progress_bar
from rehearse.sim.dog_on_jacket.novelty import SENSES, NoveltyConfig, measure
from rehearse.sim.dog_on_jacket.oddities import ODDITIES
from rehearse.world_model import shipped_checkpoint


@dataclass(kw_only=True)
class Novelty(Command):
    """See whether the model's doubt tells strange scenes (new object, knocked camera, blackout) from ordinary ones."""

    level: str = "half"
    """easy, half or full."""
    layouts: int = NoveltyConfig.layouts
    """Ordinary test layouts, and as many others for every kind of strangeness."""
    checkpoint: Path | None = None
    """World model; the shipped one unless given."""
    workers: int = NoveltyConfig.workers
    """Processes."""

    def run(self, console: Console) -> int:
        """Measure with a progress bar; one row per kind of strangeness."""
        config = NoveltyConfig(layouts=self.layouts, level=self.level, seed=self.seed, workers=self.workers)
        checkpoint = self.checkpoint or shipped_checkpoint("dog-on-jacket-tiny")
        with progress_bar(console) as bar:
            task = bar.add_task("looking", total=self.layouts * (1 + len(ODDITIES)), text="episodes")
            rows = measure(config, checkpoint, lambda: bar.advance(task))
        table = Table(title=f"strange scenes against ordinary ones, {self.layouts} layouts each, level {self.level}")
        table.caption = "AUROC over the first steps, bootstrap 95 % interval over episodes"
        for name in ("what is strange", "episodes", *SENSES):
            table.add_column(name, justify="left" if name == "what is strange" else "right")
        for row in rows:
            told = [f"{row[q]:.3f} [{row[q + '_low']:.3f}, {row[q + '_high']:.3f}]" for q in SENSES]
            table.add_row(row["oddity"], str(row["episodes"]), *told)
        Console().print(table)
        self.write_json({"rows": rows, "about": about(level=self.level, seed=self.seed, checkpoint=checkpoint.stem)})
        return 0
