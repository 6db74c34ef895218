"""``rehearse train``: a world model from datasets, then rounds of acting with it and learning from that."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.console import Console

from rehearse.commands.base import Command, progress_bar
from rehearse.errors import ConfigError, SetupError
from rehearse.sim.rounds import RoundsConfig, improve
from rehearse.world_model import TrainConfig, describe, parallel, preset
from rehearse.world_model.data import ClipCache
from rehearse.world_model.log import has_tensorboard


@dataclass(kw_only=True)
class Train(Command):
    """Train a world model. Killed, the same command goes on where it stopped.

    On several GPUs, or in several processes: torchrun --nproc-per-node 2 -m rehearse.cli train ...
    """

    data: tuple[Path, ...] = (Path("data/play"),)
    """LeRobotDataset folders."""
    out: Path = Path("runs/dog-on-jacket")
    """Folder of the run; the finished model is model.safetensors and model.json in it."""
    preset: str = "tiny"
    """debug (0.5 M parameters, under a minute), tiny (1.4 M, minutes on one CPU core; the shipped model's), small
    (11 M, hours on a CPU or a GPU) or base (108 M, for GPUs)."""
    device: Literal["cpu", "cuda"] | None = None
    """cpu or cuda; the preset's unless given: cpu, and for base cuda where there is one."""
    batch: int | None = None
    """Sequences per step, shared out over all processes; the preset's number unless given."""
    steps: int | None = None
    """Training steps of the first round; the preset's number unless given."""
    rounds: int = RoundsConfig.rounds
    """How often the planner then acts with the model, and its attempts are trained on. 0: only the given data."""
    round_episodes: int = RoundsConfig.episodes
    """Attempts per round."""
    round_steps: int = RoundsConfig.steps
    """Training steps per round."""
    level: str = "half"
    """Level of the attempts."""
    tensorboard: bool = TrainConfig.tensorboard
    """Leave out the TensorBoard event files beside training.jsonl (to see them: tensorboard --logdir runs)."""
    wandb: str | None = TrainConfig.wandb
    """Also log to this Weights & Biases project. Without it nothing is sent anywhere."""

    def run(self, console: Console) -> int:
        """Train with a progress bar per round."""
        given = {name: getattr(self, name) for name in ("steps", "batch", "device")}
        changes = {name: value for name, value in given.items() if value is not None}
        training = preset(self.preset, seed=self.seed, tensorboard=self.tensorboard, wandb=self.wandb, **changes)
        if training.device == "cuda" and not torch.cuda.is_available():
            raise SetupError("--device cuda: PyTorch finds no CUDA device; use --device cpu, or a CUDA build of torch.")
        with parallel.joined(training.device):
            return self._train(training, console if parallel.is_first() else Console(quiet=True))

    def _train(self, training: TrainConfig, console: Console) -> int:
        if parallel.size() > 1:
            if self.rounds:
                raise ConfigError("--rounds collects in one process; leave it out under torchrun, or torchrun.")
            with parallel.first_ahead():
                for path in self.data:
                    ClipCache.open([path], image_size=training.model.image_size)
        if self.tensorboard and not has_tensorboard():
            console.print("no TensorBoard files: pip install 'rehearse[train]', or say --no-tensorboard", markup=False)
        config = RoundsConfig(
            rounds=self.rounds,
            episodes=self.round_episodes,
            steps=self.round_steps,
            level=self.level,
            seed=self.seed,
        )
        with progress_bar(console) as bar:
            task = bar.add_task("training", total=None, text="")

            def stage(text: str) -> None:
                bar.console.print(text)
                bar.reset(task, total=None, text="", description="training" if "training" in text else "collecting")

            def progress(now: dict) -> None:
                losses = f"{now['rate']:,.0f} frames/s, next {now['next']:.3f}, open-loop {now['open']:.3f}"
                bar.update(task, total=now["steps"], completed=now["step"], text=losses)

            weights = improve(config, training, self.data, self.out, stage, progress)
        side = describe(weights)
        console.print(f"{weights}: {json.dumps(side['metrics'], default=str)[:400]}")
        if parallel.is_first():
            self.write_json({"checkpoint": str(weights), "config": dataclasses.asdict(config), **side})
        return 0
