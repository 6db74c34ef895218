"""What pretraining on video is worth: success against the number of labelled episodes, with and without it.

    rehearse collect --episodes 4000 && rehearse collect --episodes 4000 --seed 2 --out data/more
    rehearse pretrain --videos data/play data/more --out runs/video
    python benchmarks/few_labels.py --video runs/video --labelled data/play --json benchmarks/results/few-labels.json

Every cell is a training on the first N episodes of ``--labelled`` and an evaluation from pixels. Cells that are in the
file already are not done again, so that a killed run goes on.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about
from rehearse.files import atomic_write
from rehearse.sim.evaluate import EvalConfig, evaluate
from rehearse.world_model import preset, train
from rehearse.world_model.data import ClipCache, open_videos

CONSOLE = Console()


@dataclass
class FewLabels:
    """Success against labels, from nothing and from a model of video."""

    video: Path = Path("runs/video")
    """Checkpoint of ``rehearse pretrain``."""
    labelled: Path = Path("data/play")
    """LeRobotDataset of which the first N episodes are given with actions and signals."""
    videos: tuple[Path, ...] = ()
    """With these, video is also learnt from beside the labelled episodes (the arm "video beside")."""
    labels: tuple[int, ...] = (25, 50, 100, 200, 400, 900)
    arms: tuple[str, ...] = ("scratch", "video")
    """scratch, video, or video-encoder, video-dynamics (what is frozen)."""
    steps: int = 800
    episodes: int = 100
    method: str = "planner-64"
    split: str = "validation"
    seed: int = 0
    out: Path = Path("runs/few-labels")
    json: Path = Path("out/few-labels.json")

    def run(self) -> None:
        """Fill the table, cell by cell."""
        rows = json.loads(self.json.read_text())["rows"] if self.json.exists() else []
        for count in self.labels:
            for arm in self.arms:
                if not any((row["arm"], row["labels"]) == (arm, count) for row in rows):
                    CONSOLE.print(f"{arm}, {count} labelled episodes")
                    rows.append({"arm": arm, "labels": count} | self.cell(arm, count))
                    with atomic_write(self.json) as path:
                        path.write_text(json.dumps({"about": about(**dataclasses.asdict(self)), "rows": rows}, indent=1))
        self.show(rows)

    def cell(self, arm: str, count: int) -> dict:
        """Train on ``count`` episodes, evaluate."""
        kind, _, freeze = arm.partition("-")
        config = preset("tiny", steps=self.steps, seed=self.seed)
        videos = []
        if kind != "scratch":
            config = dataclasses.replace(
                config, init_from=str(self.video), freeze=freeze or "nothing", learning_rate=TUNING_RATE
            )
        if kind == "beside":
            videos = open_videos(self.videos)
        few = ClipCache.open([self.labelled]).subset(range(count))
        trained = train(config, few, self.out / f"{arm}-{count}", videos=videos)
        result = evaluate(
            EvalConfig(
                episodes=self.episodes,
                seed=self.seed,
                split=self.split,
                methods=(self.method,),
                checkpoint=trained.path,
            )
        )
        return result.rows[0]
