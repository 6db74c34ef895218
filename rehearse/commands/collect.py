"""``rehearse collect``: scripted-and-noise episodes into a LeRobotDataset v3.0."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rehearse.commands.base import Command, progress_bar
from rehearse.sim.collect import CollectConfig, collect
from rehearse.world_model.data import Clip


@dataclass(kw_only=True)
class Collect(Command):
    """Collect noisy play of the dog-on-jacket task as a LeRobotDataset (parquet and mp4)."""

    out: Path = Path("data/play")
    """Folder of the new dataset; it appears when collection is complete."""
    episodes: int = 8000
    """How many episodes."""
    level: str = "half"
    """easy, half or full; several joined by '+' are collected in turn."""
    jacket: str = "patch"
    """patch or cloth, or both joined by '+'."""
    arm: str = "arm7"
    """arm7, arm6 or arm5; several joined by '+' take turns, in every combination with levels, jackets and cameras."""
    camera: str = "front"
    """front, left, right or high; several joined by '+'."""
    seed: int = 1
    """Seed of the layouts (train split) and of the behaviour."""
    workers: int = CollectConfig.workers
    """Processes that step and render."""

    def run(self, console: Console) -> int:
        """Collect with a progress bar."""
        config = CollectConfig(
            episodes=self.episodes,
            level=self.level,
            jacket=self.jacket,
            arm=self.arm,
            camera=self.camera,
            seed=self.seed,
            workers=self.workers,
        )
        counts = {"episodes": 0, "frames": 0, "woken": 0, "fetched": 0}
        with progress_bar(console) as bar:
            task = bar.add_task("collecting", total=self.episodes, text="")

            def count(clip: Clip) -> None:
                counts["episodes"] += 1
                counts["frames"] += len(clip)
                counts["woken"] += int(clip.signals["woken"][-1])
                counts["fetched"] += int(clip.signals["progress"].max() >= 1 and not clip.signals["woken"][-1])
                bar.update(task, advance=1, text=f"{counts['frames']:,} frames, woken {counts['woken']}")

            collect(config, self.out, on_episode=count)
        console.print(f"{self.out}: " + ", ".join(f"{value:,} {name}" for name, value in counts.items()))
        self.write_json({"path": str(self.out), **counts})
        return 0
