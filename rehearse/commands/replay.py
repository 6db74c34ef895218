"""``rehearse replay``: run one episode of an evaluation once more, film it, and see that it ends the same."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from rehearse.commands.episode import EpisodeCommand
from rehearse.files import atomic_write
from rehearse.film import encode_mp4
from rehearse.page import FPS
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.evaluate import agent_for, env_for, run_episode

MEASURED = {"cpu_ms"}  # differs from run to run
COMPARED = ("success", "woken", "time_s", "disturbance", "progress", "steps")


@dataclass(kw_only=True)
class Replay(EpisodeCommand):
    """Run one episode of an evaluation again. Exit code 0: it ended as recorded; 1: it did not."""

    film: Path | None = None
    """Also write a film of it (mp4)."""

    def run(self, console: Console) -> int:
        """Run, film, compare."""
        recorded, config = self.recorded()
        env = env_for(config, render_mode="rgb_array" if self.film else None)
        frames: list[np.ndarray] = []

        def shoot(env: DogOnJacketEnv, agent: object, info: dict) -> None:
            if self.film is not None:
                frames.append(env.render())

        try:
            agent = agent_for(config, self.method)
            replayed = asdict(run_episode(env, agent, self.method, self.layout, config.seed, on_step=shoot))
        finally:
            env.close()
        if self.film is not None:
            with atomic_write(self.film) as path:
                path.write_bytes(encode_mp4(np.stack(frames), FPS))
        same = all(replayed[name] == recorded[name] for name in recorded.keys() - MEASURED)
        table = Table(title=f"{self.method}, layout {self.layout}: {'as recorded' if same else 'NOT as recorded'}")
        for name in ("", *COMPARED):
            table.add_column(name, justify="right")
        for name, episode in (("recorded", recorded), ("replayed", replayed)):
            table.add_row(name, *(str(episode[key]) for key in COMPARED))
        Console().print(table)
        self.write_json({"same": same, "recorded": recorded, "replayed": replayed})
        return 0 if same else 1
