"""``rehearse collect``: scripted-and-noise episodes into a LeRobotDataset v3.0."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from rehearse.commands.base import about, parsed, progress_bar
from rehearse.commands.of_task import TaskCommand
from rehearse.errors import ConfigError
from rehearse.sim.collect import CollectConfig, Take, collect, in_processes, noisy_play, scripted
from rehearse.sim.on_ray import connected, takes_on_ray

PLAY = "play"


@dataclass(kw_only=True)
class Collect(TaskCommand):
    """Collect noisy play of a task as a LeRobotDataset (parquet and mp4).

    The level and any of the task's options may be several joined by '+' (--arm arm7+arm6); combinations take turns.
    """

    out: Path = Path("data/play")
    """Folder of the new dataset; it appears when collection is complete. Until then finished episodes wait in
    OUT.partial, and the same command goes on after a kill."""
    episodes: int = 8000
    """How many episodes."""
    behaviour: str = PLAY
    """play, which world models learn from, or a script of the task, such as script-best, which policies are cloned
    from."""
    seed: int = 1
    """Seed of the layouts (train split) and of the behaviour."""
    variations: str | None = None
    """What may go otherwise than usual: comma-separated FACTOR=STRENGTH, from 0 to 1, such as camera=0.5,background=1.
    Each episode takes each factor to a strength of its own, up to that one. `rehearse tasks` lists them."""
    workers: int = CollectConfig.workers
    """Processes that step and render."""
    ray_address: str | None = None
    """Record on a Ray cluster: auto, local or host:port. Needs the extra `ray`."""

    def run(self, console: Console) -> int:
        """Collect with a progress bar."""
        config = CollectConfig(
            task=self.task,
            episodes=self.episodes,
            level=self.level,
            seed=self.seed,
            workers=self.workers,
            options=self.given_options(),
            variations=parsed(self.variations, float, "--variations", "FACTOR=STRENGTH"),
        )
        task = self.found_task()
        if self.behaviour not in (PLAY, *task.scripts):
            known = ", ".join((PLAY, *task.scripts))
            raise ConfigError(f"{task.name} knows no behaviour {self.behaviour!r}; choose one of {known}")
        harm = task.harm
        counts = {"episodes": 0, "frames": 0, "success": 0} | ({} if harm is None else {harm.event: 0})
        with progress_bar(console) as bar:
            collecting = bar.add_task("collecting", total=self.episodes, text="")

            def count(take: Take) -> None:
                counts["episodes"] += 1
                counts["frames"] += len(take.clip)
                counts["success"] += take.success
                if harm is not None:
                    counts[harm.event] += take.harmed
                bar.update(collecting, advance=1, text=f"{counts['frames']:,} frames, success {counts['success']}")

            play = self.behaviour == PLAY
            make_agent = noisy_play if play else partial(scripted, self.behaviour)
            name = "noisy play" if play else self.behaviour
            keep = {"code": about()["code"]}
            with nullcontext() if self.ray_address is None else connected(self.ray_address):
                run = in_processes if self.ray_address is None else takes_on_ray
                collect(config, self.out, make_agent, count, name, run, keep)
        console.print(f"{self.out}: " + ", ".join(f"{name} {value:,}" for name, value in counts.items()))
        self.write_json({"path": str(self.out), **counts})
        return 0
