"""What each term of pretraining on video is worth: left out one at a time, judged by what can be read off moments.

    python benchmarks/pretraining.py --videos data/play data/more --json benchmarks/results/pretraining.json

Labels are used to judge only: ridge regression from the moments of 400 labelled episodes, tested on 100 others. Rows
that are in the file already are not run again.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about
from rehearse.files import atomic_write
from rehearse.world_model import History, TrainConfig, WorldModel, preset, train
from rehearse.world_model.config import for_video
from rehearse.world_model.data import ClipCache, open_videos

VARIANTS: dict[str, dict[str, float]] = {
    "the recipe": {},
    "without motion": {"motion_weight": 0.0},
    "without sigreg": {"sigreg_weight": 0.0},
    "without similarity": {"similarity_weight": 0.0},
    "without pixels": {"pixel_weight": 0.0},
    "sigreg alone": {"motion_weight": 0.0, "similarity_weight": 0.0, "pixel_weight": 0.0},
    "variance for sigreg": {"sigreg_weight": 0.0, "variance_weight": 0.05},
    "a nat for 1e-5": {"information_weight": 1e-5},
}
PLACES = ("hand x", "hand y", "jacket's distance", "dog's shift")


@dataclass
class Ablation:
    """Pretrain once per variant, and see what the moments hold."""

    videos: tuple[Path, ...] = (Path("data/play"),)
    """What is pretrained on."""
    labelled: Path = Path("data/play")
    """A dataset of dog-on-jacket whose last 500 episodes judge."""
    steps: int = 400
    """Training steps of each variant."""
    seed: int = 0
    """Seed of the training."""
    out: Path = Path("runs/ablation")
    """Where the models go."""
    json: Path = Path("out/pretraining.json")
    """Where the rows go."""

    def run(self) -> None:
        """All variants that are not there yet, then the table."""
        torch.set_num_threads(1)
        console = Console()
        rows = json.loads(self.json.read_text())["rows"] if self.json.exists() else []
        base, videos = for_video(preset("tiny", steps=self.steps, seed=self.seed)), open_videos(self.videos)
        for name, changes in VARIANTS.items():
            if not any(row["variant"] == name for row in rows):
                console.print(name)
                rows.append({"variant": name} | self.row(dataclasses.replace(base, **changes), videos, name))
                report = {"about": about(**dataclasses.asdict(self)), "rows": rows}
                with atomic_write(self.json) as path:
                    path.write_text(json.dumps(report, indent=1) + "\n")
        title = "Pretraining on video: R² of a linear map from moments"
        table = Table("variant", *PLACES, "nats", "8 steps: error / copying", title=title)
        for row in rows:
            places = [f"{row[place]:.2f}" for place in PLACES]
            table.add_row(row["variant"], *places, f"{row['nats']:.1f}", f"{row['mse_8']:.3f} / {row['copy_8']:.3f}")
        console.print(table)

    def row(self, config: TrainConfig, videos: list[ClipCache], name: str) -> dict[str, float]:
        """Pretrain one variant and judge it."""
        told: list[float] = []
        out = self.out / name.replace(" ", "-")
        trained = train(config, [], out, videos=videos, on_progress=lambda now: told.append(now["information"]))
        moment = trained.metrics["moment"]
        clips = ClipCache.open([self.labelled])
        known = moments_and_places(trained.model, clips, range(len(clips) - 500, len(clips) - 100))
        asked = moments_and_places(trained.model, clips, range(len(clips) - 100, len(clips)))
        read = dict(zip(PLACES, explained(known, asked).tolist(), strict=True))
        return read | {"nats": float(np.mean(told[-50:])), "mse_8": moment["mse"][7], "copy_8": moment["copy"][7]}


@torch.no_grad()
def moments_and_places(model: WorldModel, clips: ClipCache, episodes: range) -> tuple[np.ndarray, np.ndarray]:
    """Moments (M,D) of pictures alone, and where things were (M,4)."""
    moments, places = [], []
    for clip in map(clips.episode, episodes):
        moments.append(model.follow(History(clip.frames))[0].numpy())
        signals = [clip.signals[name] for name in ("distance_m", "dog_shift_m")]
        places.append(np.column_stack([clip.proprio[:, :2], *signals]))
    return np.concatenate(moments), np.concatenate(places)


def explained(known: tuple[np.ndarray, np.ndarray], asked: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """R² (4,) on the second of a ridge regression on the first."""
    mean, std = known[0].mean(0), known[0].std(0) + 1e-6
    seen, new = (np.column_stack([(x - mean) / std, np.ones(len(x))]) for x, _ in (known, asked))
    weights = np.linalg.solve(seen.T @ seen + 10 * np.eye(seen.shape[1]), seen.T @ known[1])
    return 1 - ((new @ weights - asked[1]) ** 2).mean(0) / asked[1].var(0)


if __name__ == "__main__":
    tyro.cli(Ablation).run()
