"""When the world departs from what was imagined: does the planner notice, and what does noticing do?

    python benchmarks/departures.py --json benchmarks/results/departures.json

The same layouts with and without trust (rehearse.planner.trust), undisturbed and with something going wrong for good
in mid-episode. Seen: the camera goes black, freezes, or is knocked aside. Done: the arm stands still while it
is told to move.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about, progress_bar
from rehearse.files import atomic_write
from rehearse.planner import Plan
from rehearse.planner.trust import HOLD, TRUST
from rehearse.recorded import default_checkpoint
from rehearse.sim.agents import make_agent
from rehearse.sim.episode import summarise
from rehearse.sim.evaluate import run_episode
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings
from rehearse.sim.tasks import get_task

KNOCKED_PX = 8
SEEN: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {  # image, the last good one -> what is seen
    "nothing goes wrong": lambda image, last: image,
    "camera black": lambda image, last: np.zeros_like(image),
    "camera frozen": lambda image, last: last,
    "camera knocked aside": lambda image, last: np.roll(image, KNOCKED_PX, axis=1),
    "arm stands still": lambda image, last: image,
}


class Disturbed:
    """An agent to whom something happens after ``after`` steps; counts what it makes of it."""

    def __init__(self, agent: PlannerAgent, kind: str, after: int) -> None:
        self.agent, self.kind, self.after = agent, kind, after

    @property
    def last_plan(self) -> Plan | None:
        return self.agent.last_plan

    def reset(self, env, observation: dict, rng: np.random.Generator) -> None:
        self.agent.reset(env, observation, rng)
        self.step, self.last, self.modes = 0, observation["image"], []

    def act(self, env) -> np.ndarray:
        self.meant = self.agent.act(env)
        self.modes.append(self.agent.last_plan.mode)
        stuck = self.kind == "arm stands still" and self.step >= self.after
        return np.array(self.agent.task.hold) if stuck else self.meant

    def saw(self, action: np.ndarray, observation: dict) -> None:
        self.step += 1
        if self.step >= self.after:
            observation = {**observation, "image": SEEN[self.kind](observation["image"], self.last)}
        else:
            self.last = observation["image"]
        self.agent.saw(self.meant, observation)


@dataclass
class Departures:
    """Every disturbance, with and without trust."""

    task: str = "dog-on-jacket"
    """The task."""
    futures: int = 64
    """Imagined for a decision."""
    episodes: int = 100
    """Layouts."""
    after: int = 5
    """Steps before it happens."""
    seed: int = 6
    """Seed of the test layouts."""
    json: Path = field(default=Path("out/departures.json"))
    """Where the rows go."""

    def run(self) -> None:
        """Run all, write, print."""
        torch.set_num_threads(1)
        task, rows = get_task(self.task), []
        checkpoint = default_checkpoint(task, ("planner-1",))
        env = task.make_env(split="test")
        with progress_bar(Console(stderr=True)) as bar:
            for kind in SEEN:
                for trust in (False, True):
                    agent = make_agent(task, f"planner-{self.futures}", checkpoint, PlannerSettings(trust=trust))
                    disturbed, episodes, modes = Disturbed(agent, kind, self.after), [], []
                    bar_task = bar.add_task(kind, total=self.episodes, text="with trust" if trust else "without")
                    for i in range(self.episodes):
                        layout = self.seed * LAYOUTS_PER_SEED + i
                        episodes.append(run_episode(task, env, disturbed, agent.settings.optimizer, layout, self.seed))
                        modes.append(disturbed.modes)
                        bar.update(bar_task, advance=1)
                    row = summarise(kind, episodes, task.harm) | {"trust": trust}
                    rows.append(row | self._noticed(modes))
        env.close()
        report = {"rows": rows, "about": about(task=self.task, seed=self.seed, after=self.after, futures=self.futures)}
        with atomic_write(self.json) as path:
            path.write_text(json.dumps(report, indent=1) + "\n")
        Console().print(_table(rows))

    def _noticed(self, modes: list[list[str]]) -> dict:
        """Of episodes that lasted so long: the share that noticed afterwards, how soon, and the share that held."""
        later = [each[self.after :] for each in modes if len(each) > self.after]
        soon = [next(i for i, mode in enumerate(each) if mode != TRUST) for each in later if set(each) != {TRUST}]
        return {
            "lasting": len(later),
            "noticed": len(soon) / max(1, len(later)),
            "noticed_after_decisions": float(np.median(soon)) if soon else None,
            "held": sum(HOLD in each for each in later) / max(1, len(later)),
        }


def _table(rows: list[dict]) -> Table:
    table = Table(title="When the world departs from what was imagined")
    for name in ("what goes wrong", "trust", "n", "success", "woken", "noticed", "after decisions", "held"):
        table.add_column(name, justify="left" if name == "what goes wrong" else "right")
    for row in rows:
        rates = (
            f"{100 * row[name]:.0f} % [{100 * row[f'{name}_low']:.0f}, {100 * row[f'{name}_high']:.0f}]"
            for name in ("success", "woken")
        )
        soon = "-" if row["noticed_after_decisions"] is None else f"{row['noticed_after_decisions']:.0f}"
        shares = (f"{100 * row['noticed']:.0f} %", soon, f"{100 * row['held']:.0f} %")
        table.add_row(row["method"], "yes" if row["trust"] else "no", str(row["n"]), *rates, *shares)
    return table


if __name__ == "__main__":
    tyro.cli(Departures).run()
