"""``rehearse train``: a world model from datasets, then rounds of acting with it and learning from that."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rehearse.commands.base import Command, progress_bar
from rehearse.sim.rounds import RoundsConfig, improve
from rehearse.world_model import describe, preset


@dataclass(kw_only=True)
class Train(Command):
    """Train a world model. Killed, the same command goes on where it stopped."""

    data: tuple[Path, ...] = (Path("data/play"),)
    """LeRobotDataset folders."""
    out: Path = Path("runs/dog-on-jacket")
    """Folder of the run; the finished model is model.safetensors and model.json in it."""
    preset: str = "tiny"
    """debug (under a minute) or tiny (the default)."""
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

    def run(self, console: Console) -> int:
        """Train with a progress bar per round."""
        changes = {"seed": self.seed} | ({} if self.steps is None else {"steps": self.steps})
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

            weights = improve(config, preset(self.preset, **changes), self.data, self.out, stage, progress)
        side = describe(weights)
        console.print(f"{weights}: {json.dumps(side['metrics'], default=str)[:400]}")
        self.write_json({"checkpoint": str(weights), "config": dataclasses.asdict(config), **side})
        return 0
