"""``rehearse replay``: run one episode of an evaluation once more, film it, and see that it ends the same."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command, read_evaluation
from rehearse.commands.eval import default_checkpoint, digest
from rehearse.errors import ConfigError
from rehearse.files import atomic_write
from rehearse.film import encode_mp4
from rehearse.sim.env import DogOnJacketEnv
from rehearse.sim.evaluate import EvalConfig, agent_for, run_episode

FILM_FPS = 5
MEASURED = {"cpu_ms"}  # differs from run to run
CONDITIONS = ("task", "level", "jacket", "split", "seed", "delay_steps", "compensate", "checkpoint_sha256")
COMPARED = ("success", "woken", "time_s", "disturbance", "progress", "steps")


@dataclass(kw_only=True)
class Replay(Command):
    """Run one episode of an evaluation again. Exit code 0: it ended as recorded; 1: it did not."""

    result: Annotated[Path, tyro.conf.Positional]
    """What `rehearse eval --json` wrote."""
    method: str
    """The method."""
    layout: int
    """The layout, as listed among the result's episodes."""
    film: Path | None = None
    """Also write a film of it (mp4)."""
    checkpoint: Path | None = None
    """The world model that was evaluated; the shipped one unless given."""

    def run(self, console: Console) -> int:
        """Run, film, compare."""
        result = read_evaluation(self.result)
        recorded = _find(result["episodes"], self.method, self.layout)
        config = _config(result["about"], self.method, self.checkpoint or default_checkpoint((self.method,)))
        env = DogOnJacketEnv(
            level=config.level,
            split=config.split,
            jacket=config.jacket,
            render_mode="rgb_array" if self.film else None,
        )
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
                path.write_bytes(encode_mp4(np.stack(frames), FILM_FPS))
        same = all(replayed[name] == recorded[name] for name in recorded.keys() - MEASURED)
        table = Table(title=f"{self.method}, layout {self.layout}: {'as recorded' if same else 'NOT as recorded'}")
        for name in ("", *COMPARED):
            table.add_column(name, justify="right")
        for name, episode in (("recorded", recorded), ("replayed", replayed)):
            table.add_row(name, *(str(episode[key]) for key in COMPARED))
        Console().print(table)
        self.write_json({"same": same, "recorded": recorded, "replayed": replayed})
        return 0 if same else 1


def _find(episodes: list[dict], method: str, layout: int) -> dict:
    for episode in episodes:
        if (episode["method"], episode["layout"]) == (method, layout):
            return episode
    methods = ", ".join(sorted({episode["method"] for episode in episodes}))
    raise ConfigError(f"no episode of {method} on layout {layout} is recorded; the methods are {methods}")


def _config(about: dict[str, str], method: str, checkpoint: Path | None) -> EvalConfig:
    """The conditions that were written down, read back; ConfigError if the checkpoint is another one."""
    if missing := [name for name in CONDITIONS if name not in about]:
        raise ConfigError(f"the result does not say under which {missing[0]} it was made; evaluate again")
    if checkpoint is not None and (found := digest(checkpoint)) != about["checkpoint_sha256"]:
        raise ConfigError(
            f"{checkpoint} is not the checkpoint that was evaluated (SHA-256 {found}, recorded "
            f"{about['checkpoint_sha256']}); give that one with --checkpoint"
        )
    return EvalConfig(
        task=about["task"],
        level=about["level"],
        jacket=about["jacket"],
        split=about["split"],
        seed=int(about["seed"]),
        delay_steps=int(about["delay_steps"]),
        compensate=about["compensate"] == "True",
        methods=(method,),
        checkpoint=checkpoint,
    )
