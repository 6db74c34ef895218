"""Are the goal tasks sound? Nothing 0, random near 0, the best script and MPC on true physics high.

    python benchmarks/soundness.py --tasks push two-room --layouts 100 --oracle-layouts 20 --json out/soundness.json

Every row is of validation layouts 0, 1, 2, ... of one task: success with its Wilson 95 % interval, the steps that
successes took (10th, 50th and 90th percentile), how far starts are from the goal. The oracle plans with ``Reach``
("progress") alone.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.files import atomic_write
from rehearse.planner import MPC, CEMConfig, Reach
from rehearse.sim.episode import wilson
from rehearse.sim.goal_world import PERIOD_S, GoalWorld
from rehearse.sim.layouts import layout_seed
from rehearse.sim.rollout import RolloutDynamics
from rehearse.sim.task import Behaviour, Task
from rehearse.sim.tasks import get_task

TASKS = ("push", "push-t", "two-room", "reach")
SEARCH = {"push": (15, 6), "push-t": (15, 6), "two-room": (20, 5), "reach": (6, 3)}  # horizon and knots of the oracle


class Oracle:
    """MPC on true physics, as a behaviour."""

    def __init__(self, world: GoalWorld, task: Task, futures: int) -> None:
        self.search, self.dynamics = CEMConfig(futures=futures, iterations=3), RolloutDynamics(world)
        horizon, knots = SEARCH[task.name]
        std = (0.6,) * len(task.actions)
        self.config = replace(task.mpc, horizon=horizon, knots=knots, initial_std=std, tempos=(0.0, 0.5, 1.5))

    def reset(self, world: GoalWorld, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self.mpc = MPC(self.dynamics, Reach("progress"), self.search, self.config)
        self.generator, self.step = torch.Generator().manual_seed(int(rng.integers(2**31))), 0

    def act(self, world: GoalWorld) -> np.ndarray:
        """Plan, and give the first action."""
        plan = self.mpc.plan(world, self.step * PERIOD_S, self.generator)
        self.step += 1
        return plan.actions[0]


def rate(name: str, behaviour: Behaviour, world: GoalWorld, steps: int, layouts: int) -> dict:
    """One row: how often ``behaviour`` succeeds on validation layouts."""
    took, starts = [], []
    for layout in range(layouts):
        world.reset(np.random.default_rng(layout_seed("validation", layout)))
        behaviour.reset(world, np.random.default_rng((0, layout)))
        starts.append(world.outcome()["distance_m"])
        for step in range(1, steps + 1):
            world.step(behaviour.act(world))
            if world.outcome()["success"]:
                took.append(step)
                break
    percentiles = lambda values: np.percentile(values, [10, 50, 90]).round(3).tolist() if values else None  # noqa: E731
    low, high = wilson(len(took), layouts)
    return {
        "behaviour": name,
        "n": layouts,
        "success": len(took) / layouts,
        "success_low": low,
        "success_high": high,
        "steps": percentiles(took),
        "start_m": percentiles(starts),
    }


@dataclass
class Soundness:
    """Success of the scripts, of noisy play and of the oracle on validation layouts."""

    tasks: tuple[str, ...] = TASKS
    """Of push, push-t, two-room, reach."""
    layouts: int = 100
    """Layouts per task."""
    oracle_layouts: int = 20
    """Layouts for the oracle; 0 leaves it out."""
    futures: int = 256
    """Futures per decision of the oracle."""
    json: Path = Path("out/soundness.json")
    """Where the rows go."""

    def run(self, console: Console) -> None:
        """Measure, show and write."""
        torch.set_num_threads(1)
        rows = []
        for name in self.tasks:
            task = get_task(name)
            world = task.make_env().world
            behaviours = {
                **{label: (make(), self.layouts) for label, make in task.scripts.items()},
                "noisy play": (task.play(), self.layouts),
                "oracle": (Oracle(world, task, self.futures), self.oracle_layouts),
            }
            for label, (behaviour, layouts) in behaviours.items():
                if layouts:
                    rows.append({"task": name, **rate(label, behaviour, world, task.episode_steps, layouts)})
                    console.print(rows[-1])
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*map(str, row.values()))
        console.print(table)
        with atomic_write(self.json) as path:
            path.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    tyro.cli(Soundness).run(Console())
