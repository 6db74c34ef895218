"""``rehearse pretrain``: how the world moves, from video alone."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rehearse.commands.training import TrainingCommand, training_bar
from rehearse.errors import DataError
from rehearse.world_model import TrainConfig, parallel, train
from rehearse.world_model.config import for_video
from rehearse.world_model.data import ClipCache, open_videos


@dataclass(kw_only=True)
class Pretrain(TrainingCommand):
    """Learn how the world moves from video without actions; then teach it a robot with ``rehearse finetune``.

    For video of the simulator itself: rehearse collect --arm arm7+arm6+arm5 --jacket patch+cloth
    --camera front+left+right+high
    """

    videos: tuple[Path, ...] = (Path("data/play"),)
    """Folders of videos, video files, and LeRobotDatasets, of which only the cameras are used."""
    out: Path = Path("runs/video")
    """Folder of the run; the finished model is model.safetensors and model.json in it."""
    steps: int | None = 700
    """Training steps; more taught a robot less well (docs/pretraining.md)."""
    fps: float = 5.0
    """Frames per second to learn from; every video is brought to this rate."""
    skip_bad: bool = False
    """Leave out videos that cannot be used, and name them, instead of stopping at the first."""

    def train(self, config: TrainConfig, console: Console) -> int:
        """Decode what has not been decoded yet, then train with a progress bar."""
        config = for_video(config)
        with parallel.first_ahead():
            videos = films(self.videos, config, self.fps, self.skip_bad, console)
        with training_bar(console) as bar:
            bar.stage(f"training on {sum(map(len, videos)):,} videos, {config.steps} steps")
            provenance = [{"videos": str(path), "fps": self.fps} for path in self.videos]
            trained = train(config, [], self.out, videos=videos, on_progress=bar.progress, data=provenance)
        moment = trained.metrics["moment"]
        ahead = min(8, len(moment["mse"]))  # of short videos no more is known
        console.print(
            f"{trained.path}: {ahead} steps ahead, with what was done inferred, the moment's error is "
            f"{moment['mse'][ahead - 1]:.3f}; of copying the last, {moment['copy'][ahead - 1]:.3f}"
        )
        self.write_json({"checkpoint": str(trained.path), "metrics": trained.metrics})
        return 0


def films(
    paths: tuple[Path, ...], config: TrainConfig, fps: float, skip_bad: bool, console: Console
) -> list[ClipCache]:
    """The videos under ``paths``, those that cannot be used told to the console."""

    def tell(error: DataError) -> None:
        console.print(f"left out: {error}")

    return open_videos(paths, config.model.image_size, fps, skip_bad=skip_bad, on_bad=tell)
