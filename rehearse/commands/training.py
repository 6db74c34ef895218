"""What commands that train share: where the run goes, how large the network is, what is logged, the bar."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from rehearse.commands.base import Command, progress_bar
from rehearse.errors import SetupError
from rehearse.world_model import TrainConfig, parallel, preset
from rehearse.world_model.log import has_tensorboard


@dataclass(kw_only=True)
class TrainingCommand(Command):
    """Base of the commands that train. Killed, the same command goes on where it stopped."""

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
    """Training steps; the preset's number unless given."""
    tensorboard: bool = TrainConfig.tensorboard
    """Leave out the TensorBoard event files beside training.jsonl (to see them: tensorboard --logdir runs)."""
    wandb: str | None = TrainConfig.wandb
    """Also log to this Weights & Biases project. Without it nothing is sent anywhere."""

    def config(self) -> TrainConfig:
        """The preset, with what was given instead of its own."""
        given = {name: getattr(self, name) for name in ("steps", "batch", "device")}
        changes = {name: value for name, value in given.items() if value is not None}
        config = preset(self.preset, seed=self.seed, tensorboard=self.tensorboard, wandb=self.wandb, **changes)
        if config.device == "cuda" and not torch.cuda.is_available():
            raise SetupError("--device cuda: PyTorch finds no CUDA device; use --device cpu, or a CUDA build of torch.")
        return config

    def run(self, console: Console) -> int:
        """Train, alone or as one of the processes that torchrun started."""
        config = self.config()
        with parallel.joined(config.device):
            if self.tensorboard and not has_tensorboard() and parallel.is_first():
                console.print(escape("no TensorBoard files: pip install 'rehearse[train]', or say --no-tensorboard"))
            return self.train(config, console if parallel.is_first() else Console(quiet=True))

    def train(self, config: TrainConfig, console: Console) -> int:
        """Do it; returns the exit code."""
        raise NotImplementedError

    def write_json(self, result: dict) -> None:
        """The first process writes for all."""
        if parallel.is_first():
            super().write_json(result)


class TrainingBar:
    """A bar for one stage after the other: say what begins, then hand on each step's report, or each episode."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._task = bar, bar.add_task("training", total=None, text="")

    def stage(self, text: str) -> None:
        """Say what begins."""
        self._bar.console.print(text)
        doing = "training" if "training" in text else "collecting"
        self._bar.reset(self._task, total=None, text="", description=doing)

    def progress(self, now: dict) -> None:
        """A step of training, as ``train`` tells it."""
        losses = f"{now['rate']:,.0f} frames/s, next {now['next']:.3f}, open-loop {now['open']:.3f}"
        self._bar.update(self._task, total=now["steps"], completed=now["step"], text=losses)

    def episode(self, count: int, total: int) -> None:
        """An episode was recorded."""
        self._bar.update(self._task, total=total, completed=count)


@contextmanager
def training_bar(console: Console) -> Iterator[TrainingBar]:
    """The bar of a command that trains."""
    with progress_bar(console) as bar:
        yield TrainingBar(bar)
