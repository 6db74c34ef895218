"""``rehearse clone``: a policy that repeats demonstrations, to be compared with what imagination does."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rehearse.commands.base import Command, progress_bar
from rehearse.sim.cloning.learn import clone, clone_config
from rehearse.sim.tasks import DEFAULT, get_task
from rehearse.world_model import describe
from rehearse.world_model.card import fingerprint


@dataclass(kw_only=True)
class Clone(Command):
    """Train a policy to repeat what episodes show: the baseline without imagination.

    Killed, the same command goes on where it stopped. rehearse eval --methods cloning --policy RUN evaluates it.
    """

    task: str = DEFAULT
    """The task; `rehearse tasks` lists them."""
    data: tuple[Path, ...] = (Path("data/demonstrations"),)
    """LeRobotDataset folders, as rehearse collect --behaviour script-best makes them; or the play of a world model."""
    out: Path | None = None
    """Folder of the run, runs/<task>-cloned unless given."""
    steps: int = 1500
    """Training steps."""
    batch: int = 32
    """Episodes per step."""

    def run(self, console: Console) -> int:
        """Train with a progress bar."""
        task = get_task(self.task)
        out = self.out or Path("runs") / f"{task.name}-cloned"
        shift = {name: value for name, value in task.training.items() if name == "shift_px"}
        config = clone_config(steps=self.steps, batch=self.batch, seed=self.seed, **shift)
        data = [{"dataset": path.name, "fingerprint": fingerprint(path)} for path in self.data]
        with progress_bar(console) as bar:
            cloning = bar.add_task("cloning", total=self.steps, text="")

            def show(now: dict) -> None:
                text = f"{now['rate']:,.0f} frames/s, unlikeliness {now['unlikeliness']:.2f}"
                bar.update(cloning, completed=now["step"], text=text)

            weights = clone(task, self.data, config, out, show, data)
        side = describe(weights)
        console.print(f"{weights}: {side['metrics']}")
        self.write_json({"policy": str(weights), **side})
        return 0
