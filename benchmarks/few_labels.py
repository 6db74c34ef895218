"""What pretraining on video is worth: success against the number of labelled episodes, with and without it.

    rehearse collect --episodes 4000 && rehearse collect --episodes 4000 --seed 2 --out data/more
    rehearse pretrain --videos data/play data/more --out runs/video
    python benchmarks/few_labels.py --json benchmarks/results/few-labels.json

Every cell is a training on the first N episodes of ``--labelled`` and an evaluation from pixels. Cells that are in the
file already are not done again, so that a killed run goes on.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about
from rehearse.files import atomic_write
from rehearse.sim.evaluate import EvalConfig, evaluate
from rehearse.sim.tasks import DEFAULT, get_task
from rehearse.world_model import preset, train
from rehearse.world_model.config import for_few
from rehearse.world_model.data import ClipCache, open_videos


@dataclass
class FewLabels:
    """Success against labels, by where the model comes from.

    scratch: from nothing. video: from the pretrained model, all of it trained on. video-encoder, video-dynamics: the
    same with that part frozen. beside: the same with video learnt from beside the labelled episodes.
    """

    video: Path = Path("runs/video")
    """Checkpoint of ``rehearse pretrain``."""
    videos: tuple[Path, ...] = (Path("data/play"), Path("data/more"))
    """What it was pretrained on, for the arm "beside"."""
    labelled: Path = Path("data/play")
    """LeRobotDataset of which the first N episodes are given with actions and signals."""
    labels: tuple[int, ...] = (25, 50, 100, 200, 400, 900)
    """The numbers of labelled episodes."""
    arms: tuple[str, ...] = ("scratch", "beside")
    """Where the model comes from."""
    scratch_steps: int = 800
    """Training steps from nothing."""
    episodes: int = 100
    """Evaluation layouts per cell."""
    task: str = DEFAULT
    """What is to be done."""
    method: str = "planner-64"
    """Who acts."""
    split: str = "test"
    """Layouts to evaluate on."""
    seed: int = 5
    """Seed of those layouts."""
    out: Path = Path("runs/few-labels")
    """Where the models go."""
    json: Path = Path("out/few-labels.json")
    """Where the rows go."""

    def run(self) -> None:
        """Fill the table, cell by cell."""
        torch.set_num_threads(1)
        console = Console()
        rows = json.loads(self.json.read_text())["rows"] if self.json.exists() else []
        for arm, count in [(arm, count) for count in self.labels for arm in self.arms]:
            if not any((row["arm"], row["labels"]) == (arm, count) for row in rows):
                console.print(f"{arm}, {count} labelled episodes")
                rows.append({"arm": arm, "labels": count} | self.cell(arm, count))
                report = {"about": about(**dataclasses.asdict(self)), "rows": rows}
                with atomic_write(self.json) as path:
                    path.write_text(json.dumps(report, indent=1) + "\n")
        title = f"{get_task(self.task).success_words}, {self.episodes} layouts"
        table = Table("labelled episodes", *self.arms, title=title)
        for count in self.labels:
            found = {row["arm"]: row for row in rows if row["labels"] == count}
            table.add_row(str(count), *(rate(found[arm]) for arm in self.arms))
        console.print(table)

    def cell(self, arm: str, count: int) -> dict:
        """Train on ``count`` episodes, evaluate."""
        kind, _, freeze = arm.partition("-")
        task, config, videos = get_task(self.task), preset("tiny"), []
        if kind == "scratch":
            config = dataclasses.replace(config, steps=self.scratch_steps)
        else:
            config = dataclasses.replace(for_few(config, str(self.video)), freeze=freeze or "nothing")
        if kind == "beside":
            videos = open_videos(self.videos)
        few = ClipCache.open([self.labelled]).subset(range(count))
        trained = train(
            task.suited(config), few, self.out / f"{arm}-{count}", videos=videos, on_progress=lambda now: None
        )
        asked = {"episodes": self.episodes, "seed": self.seed, "split": self.split, "methods": (self.method,)}
        row = evaluate(EvalConfig(self.task, checkpoint=trained.path, **asked)).rows[0] | {"steps": config.steps}
        harm = task.harm
        return row if harm is None else row | {"auroc": trained.metrics["signals"][harm.event]["auroc"]}


def rate(row: dict) -> str:
    """A cell of the table."""
    low, high = 100 * row["success_low"], 100 * row["success_high"]
    woken = f", woken {row['woken']:.0%}" if "woken" in row else ""
    return f"{row['success']:.0%} [{low:.0f}, {high:.0f}]{woken}"


if __name__ == "__main__":
    tyro.cli(FewLabels).run()
