"""``rehearse fidelity``: whether the model ranks plans from one state as the true physics does."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command, about, progress_bar
from rehearse.sim.dog_on_jacket.fidelity import QUANTITIES, FidelityConfig, measure
from rehearse.world_model import shipped_checkpoint


@dataclass(kw_only=True)
class Fidelity(Command):
    """Compare imagined with true outcomes of many candidate plans from the same states (test layouts)."""

    level: str = "half"
    """easy, half or full."""
    states: int = FidelityConfig.states
    """Layouts; of each, one state at step 0, 3, 6 or 9 of the planner's own episode."""
    candidates: int = FidelityConfig.candidates
    """Plans per state."""
    checkpoint: Path | None = None
    """World model; the shipped one unless given."""
    workers: int = FidelityConfig.workers
    """Processes."""

    def run(self, console: Console) -> int:
        """Measure with a progress bar; one row per dynamics."""
        config = FidelityConfig(
            states=self.states, candidates=self.candidates, level=self.level, seed=self.seed, workers=self.workers
        )
        with progress_bar(console) as bar:
            task = bar.add_task("imagining and trying", total=self.states, text="states")
            checkpoint = self.checkpoint or shipped_checkpoint("dog-on-jacket-tiny")
            rows = measure(config, checkpoint, lambda: bar.advance(task))
        table = Table(title=f"imagined against true, {self.candidates} plans from each state, level {self.level}")
        table.caption = (
            "Spearman over the plans of one state, mean over states with a bootstrap 95 % interval; AUROC of waking"
        )
        for name in ("dynamics", "states", "cost", "disturbance", "distance", "AUROC", "Brier"):
            table.add_column(name, justify="left" if name == "dynamics" else "right")
        for row in rows:
            ranks = [f"{row[q]:.2f} [{row[q + '_low']:.2f}, {row[q + '_high']:.2f}]" for q in QUANTITIES]
            auroc = "-" if row["auroc"] is None else f"{row['auroc']:.2f}"
            table.add_row(row["dynamics"], str(row["states"]), *ranks, auroc, f"{row['brier']:.3f}")
        Console().print(table)
        self.write_json({"rows": rows, "about": about(level=self.level, seed=self.seed, checkpoint=checkpoint.stem)})
        return 0
