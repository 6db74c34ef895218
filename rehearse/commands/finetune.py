"""``rehearse finetune``: a robot and its signals, taught to a pretrained model by a few episodes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rich.console import Console

from rehearse.commands.pretrain import films
from rehearse.commands.training import TrainingCommand, training_bar
from rehearse.errors import CheckpointError, ConfigError
from rehearse.sim.tasks import TASKS, get_task
from rehearse.world_model import TrainConfig, describe, parallel, train
from rehearse.world_model.config import for_few
from rehearse.world_model.data import ClipCache, LeRobotReader


@dataclass(kw_only=True)
class Finetune(TrainingCommand):
    """Teach a model that was pretrained on video, or trained on another robot, with a few labelled episodes."""

    checkpoint: Path = Path("runs/video")
    """What to begin from; its network stays, whatever the preset."""
    data: tuple[Path, ...] = (Path("data/play"),)
    """LeRobotDataset folders with actions and signals."""
    episodes: int | None = None
    """Use the first so many episodes of each only."""
    videos: tuple[Path, ...] = ()
    """Video to go on learning from beside them, best what the model was pretrained on. Twice the time, and worth it."""
    fps: float = 5.0
    """Frames per second of the videos."""
    task: str | None = None
    """The task, whose models may need to be trained in a way of their own; that of the first data unless given."""
    freeze: Literal["nothing", "encoder", "dynamics"] = "nothing"
    """What stays as it is: nothing, the encoder's eye, or that and the dynamics."""
    out: Path = Path("runs/taught")
    """Folder of the run; the finished model is model.safetensors and model.json in it."""

    def train(self, config: TrainConfig, console: Console) -> int:
        """Train with a progress bar, a quarter of the preset's steps unless ``--steps`` is given."""
        side = describe(self.checkpoint)
        if "latent_actions" not in side["model"]:
            raise CheckpointError(f"{self.checkpoint} is no world model; name what rehearse pretrain or train wrote.")
        config = for_few(config, str(self.checkpoint), from_video=side["model"]["latent_actions"])
        config = replace(self.suited(config), freeze=self.freeze, steps=self.steps or config.steps)
        if self.videos and not side["model"]["latent_actions"]:
            raise ConfigError(f"{self.checkpoint} was not pretrained on video and cannot learn from --videos now.")
        with parallel.first_ahead():
            data = [ClipCache.open([path], image_size=side["model"]["image_size"]) for path in self.data]
            videos = films(self.videos, config, self.fps, False, console) if self.videos else []
        if self.episodes is not None:
            data = [cache.subset(range(min(self.episodes, len(cache)))) for cache in data]
        with training_bar(console) as bar:
            bar.stage(f"training on {sum(map(len, data)):,} labelled episodes, {config.steps} steps")
            pairs = zip(self.data, data, strict=True)
            provenance = [{"data": str(path), "episodes": len(cache)} for path, cache in pairs]
            trained = train(config, data, self.out, videos=videos, on_progress=bar.progress, data=provenance)
        console.print(f"{trained.path}: now rehearse eval --checkpoint {self.out} --methods planner-64")
        self.write_json({"checkpoint": str(trained.path), "metrics": trained.metrics})
        return 0

    def suited(self, config: TrainConfig) -> TrainConfig:
        """As the task needs it, if there is one that we know."""
        task = self.task or LeRobotReader(self.data[0]).provenance.get("task")
        return get_task(task).suited(config) if self.task or task in TASKS else config
