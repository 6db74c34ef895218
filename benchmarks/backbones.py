"""Which dynamics plans best for its price: every backbone trained for the same CPU time on the same play.

    python benchmarks/backbones.py --data data/play --cpu-s 300 --json benchmarks/results/backbones.json

One thread. Each is given as many steps as its CPU time allows, counted on a few steps beforehand, and then acts on the
same validation layouts. Rows that are in the file already are not run again.
"""

import dataclasses
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about
from rehearse.files import atomic_write
from rehearse.sim.evaluate import EvalConfig, evaluate
from rehearse.speed import cpu_s
from rehearse.world_model import History, TrainConfig, WorldModel, preset, train
from rehearse.world_model.data import ClipCache

BACKBONES: dict[str, dict] = {
    "recurrent, 256": {},
    "residual, 256 x 2": {"backbone": "residual", "layers": 2},
    "transformer, 128 x 3": {"backbone": "transformer", "state_dim": 128, "layers": 3},
}
WARM_UP_STEPS, COUNTED_STEPS = 5, 15
CANDIDATES, HORIZON = 4096, 5


@dataclass
class Backbones:
    """Train, time and evaluate each."""

    data: tuple[Path, ...] = (Path("data/play"),)
    """LeRobotDatasets."""
    cpu_s: float = 300
    """CPU-seconds of training for each."""
    episodes: int = 100
    """Validation layouts."""
    methods: tuple[str, ...] = ("planner-64", "planner-512")
    """Who acts."""
    seed: int = 0
    """Seed of the training and of the layouts."""
    out: Path = Path("runs/backbones")
    """Where the models go."""
    json: Path = Path("out/backbones.json")
    """Where the rows go."""

    def run(self) -> None:
        """All backbones that are not there yet, then the table."""
        torch.set_num_threads(1)
        console = Console()
        rows = json.loads(self.json.read_text())["rows"] if self.json.exists() else []
        data = [ClipCache.open([path]) for path in self.data]
        for name, changes in BACKBONES.items():
            if not any(row["backbone"] == name for row in rows):
                console.print(name)
                rows.append({"backbone": name} | self.row(changes, data, self.out / name.split(",")[0]))
                report = {"about": about(**dataclasses.asdict(self)), "rows": rows}
                with atomic_write(self.json) as path:
                    path.write_text(json.dumps(report, indent=1) + "\n")
        title = f"{self.cpu_s:.0f} CPU-seconds of training each"
        table = Table("backbone", "parameters", "steps", "rollouts / CPU-s", *self.methods, title=title)
        for row in rows:
            told = [row[method] for method in self.methods]
            rates = [f"{r['success']:.0%}, woken {r['woken']:.0%}, {r['cpu_ms']:.0f} ms" for r in told]
            size, speed = f"{row['parameters'] / 1e6:.2f} M", f"{row['rollouts_per_cpu_s']:,.0f}"
            table.add_row(row["backbone"], size, str(row["steps"]), speed, *rates)
        console.print(table)

    def row(self, changes: dict, data: list[ClipCache], out: Path) -> dict:
        """One backbone."""
        config = preset("tiny", seed=self.seed)
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, **changes))
        steps = max(1, round(self.cpu_s / step_cpu_s(config, data)))
        trained = train(dataclasses.replace(config, steps=steps), data, out, on_progress=lambda now: None)
        conditions = EvalConfig(
            episodes=self.episodes,
            seed=self.seed,
            split="validation",
            methods=self.methods,
            checkpoint=trained.path,
        )
        rows = {row["method"]: row for row in evaluate(conditions).rows}
        count = sum(parameter.numel() for parameter in trained.model.parameters())
        return {"parameters": count, "steps": steps, "rollouts_per_cpu_s": speed(trained.model, data[0])} | rows


def step_cpu_s(config: TrainConfig, data: list[ClipCache]) -> float:
    """CPU-seconds of one training step, the first few left out."""
    marks = []
    with tempfile.TemporaryDirectory() as folder:
        short = dataclasses.replace(config, steps=WARM_UP_STEPS + COUNTED_STEPS, tensorboard=False)
        train(short, data, folder, on_progress=lambda now: marks.append(time.process_time()))
    return (marks[-1] - marks[WARM_UP_STEPS - 1]) / COUNTED_STEPS


def speed(model: WorldModel, data: ClipCache) -> float:
    """Imagined futures of five steps per CPU-second, signals read."""
    clip = data.episode(0)
    belief = model.observe(History(clip.frames[:5], clip.proprio[:5], clip.actions[:4]))
    actions = torch.zeros(CANDIDATES, HORIZON, model.action_dim)
    return CANDIDATES / cpu_s(lambda: model.imagine(belief, actions))


if __name__ == "__main__":
    tyro.cli(Backbones).run()
