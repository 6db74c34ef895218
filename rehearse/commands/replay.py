"""``rehearse replay``: run one episode of an evaluation once more, film it, and see that it ends the same."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command
from rehearse.errors import ConfigError
from rehearse.files import atomic_write
from rehearse.film import encode_mp4
from rehearse.recorded import config_of, recorded_episode
from rehearse.sim.episode import TIMING, Episode
from rehearse.sim.evaluate import EvalConfig, agent_for, env_for, run_episode
from rehearse.sim.task import TaskEnv
from rehearse.sim.tasks import get_task
from rehearse.suites.run import read_row

NOT_COMPARED = {"method", "layout", *TIMING}  # asked for, and what differs from run to run


@dataclass(kw_only=True)
class Replay(Command):
    """Run one episode of an evaluation again. Exit code 0: it ended as recorded; 1: it did not."""

    result: Annotated[Path, tyro.conf.Positional]
    """What `rehearse eval --json` wrote, or the folder of a suite."""
    method: str | None = None
    """Of a result: the method."""
    layout: int | None = None
    """Of a result: the layout, as listed among its episodes."""
    row: int | None = None
    """Of a suite: the number of the row, as its table and its page have it."""
    checkpoint: Path | None = None
    """The world model that was evaluated; the shipped one unless given."""
    policy: Path | None = None
    """The policy that was evaluated, of `cloning`; the shipped one unless given."""
    film: Path | None = None
    """Also write a film of it (mp4)."""

    def run(self, console: Console) -> int:
        """Run, film, compare."""
        recorded, config = self._of_result() if self.row is None else self._of_suite()
        method, layout, task = recorded["method"], recorded["layout"], get_task(config.task)
        env = env_for(config, render_mode="rgb_array" if self.film else None)
        frames: list[np.ndarray] = []

        def shoot(env: TaskEnv, agent: object, info: dict) -> None:
            if self.film is not None:
                frames.append(env.render())

        try:
            agent = agent_for(config, method, recorded.get("delays"))
            episode = run_episode(task, env, agent, method, layout, config.seed, on_step=shoot)
        finally:
            env.close()
        if self.film is not None:
            with atomic_write(self.film) as path:
                path.write_bytes(encode_mp4(np.stack(frames), round(1 / task.period_s)))
        replayed = json.loads(json.dumps(episode.to_row(task.harm)))  # as it would have been written down
        compared = [name for name in replayed if name in recorded and name not in NOT_COMPARED]
        same = all(replayed[name] == recorded.get(name) for name in compared)
        table = Table(title=f"{method}, layout {layout}: {'as recorded' if same else 'NOT as recorded'}")
        for name in ("", "recorded", "replayed"):
            table.add_column(name, justify="right" if name else "left")
        for name in compared:
            table.add_row(name, *(str(row.get(name)) for row in (recorded, replayed)))
        Console().print(table)
        self.write_json({"same": same, "recorded": recorded, "replayed": replayed})
        return 0 if same else 1

    def _of_result(self) -> tuple[dict, EvalConfig]:
        if self.method is None or self.layout is None:
            raise ConfigError(f"{self.result} holds many episodes: name one with --method and --layout, or with --row")
        return recorded_episode(self.result, self.method, self.layout, self.checkpoint, self.policy)

    def _of_suite(self) -> tuple[dict, EvalConfig]:
        """The row, in the words of its task, and its conditions."""
        if self.method is not None or self.layout is not None:
            raise ConfigError("a row of a suite has its own method and layout: leave --method and --layout to a result")
        row = read_row(self.result, self.row)
        given = {
            name: getattr(self, name) or (Path(row[name]) if row[name] else None) for name in ("checkpoint", "policy")
        }
        config = config_of(json.loads(row["conditions"]), row["method"], given["checkpoint"], given["policy"])
        episode = Episode(**{item.name: row[item.name] for item in fields(Episode)})
        return episode.to_row(get_task(config.task).harm), config
