"""``rehearse train``: a world model from datasets, then rounds of acting with it and learning from that."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rehearse.commands.training import TrainingCommand, training_bar
from rehearse.errors import ConfigError
from rehearse.sim.rounds import RoundsConfig, improve
from rehearse.sim.tasks import DEFAULT, get_task
from rehearse.world_model import TrainConfig, describe, parallel
from rehearse.world_model.data import ClipCache


@dataclass(kw_only=True)
class Train(TrainingCommand):
    """Train a world model on episodes with actions. Killed, the same command goes on where it stopped.

    On several GPUs, or in several processes: torchrun --nproc-per-node 2 -m rehearse.cli train ...
    """

    out: Path | None = None
    """Folder of the run, runs/<task> unless given; the finished model is model.safetensors and model.json in it."""
    data: tuple[Path, ...] = (Path("data/play"),)
    """LeRobotDataset folders."""
    rounds: int = RoundsConfig.rounds
    """How often the planner then acts with the model, and its attempts are trained on. 0: only the given data."""
    round_episodes: int = RoundsConfig.episodes
    """Attempts per round."""
    round_ways: int | None = None
    """Episodes made of each attempt: itself, and ways that branch off it. 5 unless given, and 1, where nothing
    branches, for a task that cannot go back to a moment."""
    round_steps: int = RoundsConfig.steps
    """Training steps per round."""
    task: str = DEFAULT
    """The task: how its models are trained, and what is attempted. `rehearse tasks` lists them."""
    level: str | None = None
    """Level of the attempts; the task's usual one unless given."""

    def config(self) -> TrainConfig:
        """The preset, as the task needs it."""
        return get_task(self.task).suited(super().config())

    def train(self, config: TrainConfig, console: Console) -> int:
        """Train with a progress bar per round."""
        if parallel.size() > 1:
            if self.rounds:
                raise ConfigError("--rounds collects in one process; leave it out under torchrun, or torchrun.")
            with parallel.first_ahead():
                for path in self.data:
                    ClipCache.open([path], image_size=config.model.image_size)
        rounds = RoundsConfig(
            rounds=self.rounds,
            task=self.task,
            episodes=self.round_episodes,
            ways=self.round_ways,
            steps=self.round_steps,
            level=self.level,
            seed=self.seed,
        )
        out = self.out or Path("runs") / self.task
        with training_bar(console) as bar:
            weights = improve(rounds, config, self.data, out, bar.stage, bar.progress, bar.episode)
        side = describe(weights)
        console.print(f"{weights}: {json.dumps(side['metrics'], default=str)[:400]}")
        self.write_json({"checkpoint": str(weights), "config": dataclasses.asdict(rounds), **side})
        return 0
