"""``rehearse tasks``: which tasks there are, and what each one is."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command
from rehearse.sim.task import TAGS, Task
from rehearse.sim.tasks import get_task, task_names


@dataclass(kw_only=True)
class Tasks(Command):
    """List the tasks."""

    tag: Literal[TAGS] | None = None
    """Only those with this tag: smoke (runs in seconds), benchmark (is compared with others), flagship."""
    speed: bool = False
    """Also measure control steps per CPU-second on this machine, the camera's picture included."""

    def run(self, console: Console) -> int:
        """Print one row per task."""
        rows = [facts(get_task(name)) for name in task_names(self.tag)]
        if self.speed:
            for row in rows:
                row["steps per CPU-s"] = round(steps_per_cpu_s(get_task(row["task"]), self.seed))
        table = Table(title="tasks", show_lines=True)
        for name in ("task", "what it is"):
            table.add_column(name)
        for row in rows:
            told = [f"[dim]{name}[/] {_text(row[name])}" for name in row if name not in ("task", "summary")]
            table.add_row(f"[bold]{row['task']}", "\n".join([row["summary"], *told]))
        Console().print(table)
        self.write_json({"tasks": rows})
        return 0


def _text(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else f"{value}"


def facts(task: Task) -> dict[str, str | list[str]]:
    """What a row says."""
    return {
        "task": task.name,
        "summary": task.summary,
        "tags": sorted(task.tags),
        "levels": list(task.levels),
        "actions": list(task.actions),
        "signals": list(task.signals),
        "can be varied by": list(task.variations),
        "methods": [*task.scripts, *task.oracles],
    }


def steps_per_cpu_s(task: Task, seed: int, episodes: int = 2) -> float:
    """Of whole episodes of noisy play after one to warm up; laying out counts, making the environment does not."""
    env = task.make_env(split="validation", stop_at_harm=False)
    play, rng = task.play(), np.random.default_rng(seed)
    try:
        for episode in range(episodes + 1):
            if episode == 1:
                begin = time.process_time()
            env.reset(options={"layout": episode})
            play.reset(env.world, rng)
            for _ in range(task.episode_steps):
                env.step(play.act(env.world))
        return episodes * task.episode_steps / (time.process_time() - begin)
    finally:
        env.close()
