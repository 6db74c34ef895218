"""``rehearse replay``: run one episode of an evaluation once more, film it, and see that it ends the same."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command
from rehearse.files import atomic_write
from rehearse.film import encode_mp4
from rehearse.recorded import recorded_episode
from rehearse.sim.episode import TIMING
from rehearse.sim.evaluate import agent_for, env_for, run_episode
from rehearse.sim.task import TaskEnv
from rehearse.sim.tasks import get_task

NOT_COMPARED = {"method", "layout", *TIMING}  # asked for, and what differs from run to run


@dataclass(kw_only=True)
class Replay(Command):
    """Run one episode of an evaluation again. Exit code 0: it ended as recorded; 1: it did not."""

    result: Annotated[Path, tyro.conf.Positional]
    """What `rehearse eval --json` wrote."""
    method: str
    """The method."""
    layout: int
    """The layout, as listed among the result's episodes."""
    checkpoint: Path | None = None
    """The world model that was evaluated; the shipped one unless given."""
    policy: Path | None = None
    """The policy that was evaluated, of `cloning`; the shipped one unless given."""
    film: Path | None = None
    """Also write a film of it (mp4)."""

    def run(self, console: Console) -> int:
        """Run, film, compare."""
        recorded, config = recorded_episode(self.result, self.method, self.layout, self.checkpoint, self.policy)
        task = get_task(config.task)
        env = env_for(config, render_mode="rgb_array" if self.film else None)
        frames: list[np.ndarray] = []

        def shoot(env: TaskEnv, agent: object, info: dict) -> None:
            if self.film is not None:
                frames.append(env.render())

        try:
            agent = agent_for(config, self.method)
            episode = run_episode(task, env, agent, self.method, self.layout, config.seed, on_step=shoot)
        finally:
            env.close()
        if self.film is not None:
            with atomic_write(self.film) as path:
                path.write_bytes(encode_mp4(np.stack(frames), round(1 / task.period_s)))
        replayed = json.loads(json.dumps(episode.to_row(task.harm)))  # as it would have been written down
        compared = [name for name in replayed if name in recorded and name not in NOT_COMPARED]
        same = all(replayed[name] == recorded.get(name) for name in compared)
        table = Table(title=f"{self.method}, layout {self.layout}: {'as recorded' if same else 'NOT as recorded'}")
        for name in ("", *compared):
            table.add_column(name, justify="right")
        for name, row in (("recorded", recorded), ("replayed", replayed)):
            table.add_row(name, *(str(row.get(key)) for key in compared))
        Console().print(table)
        self.write_json({"same": same, "recorded": recorded, "replayed": replayed})
        return 0 if same else 1
