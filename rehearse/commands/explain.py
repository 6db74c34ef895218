"""``rehearse explain RUN STEP``: one decision opened: what was imagined and chosen, and why the rest lost."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from rehearse.branches import tree_figure
from rehearse.commands.base import Command, about
from rehearse.errors import ConfigError
from rehearse.figures import standalone
from rehearse.files import atomic_write
from rehearse.page import write_page
from rehearse.planner import Candidate, Plan, load_tree
from rehearse.recorded import conditions, recorded_episode
from rehearse.sim.agents import make_agent
from rehearse.sim.planner_agent import PlannerAgent
from rehearse.sim.task import Task
from rehearse.sim.tasks import get_task
from rehearse.stories import live, open_decision, story_of
from rehearse.verdict import verdict

NARROW = 95  # columns of a terminal that rank, cost, action and verdict fill


@dataclass(kw_only=True)
class Explain(Command):
    """Open one decision of a run: the futures that were imagined, their prices, and the reasons.

    RUN is a tree of imagined histories (`rehearse eval --trees`), or what `rehearse eval --json` wrote: then name an
    episode with --method and --layout, which is lived through again.
    """

    run_file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run."""
    step: Annotated[int, tyro.conf.Positional, tyro.conf.arg(metavar="STEP")] = 0
    """The decision: 0 is the first."""
    method: str | None = None
    """Of a result: the method."""
    layout: int | None = None
    """Of a result: the layout."""
    checkpoint: Path | None = None
    """Of a result: the world model that was evaluated; the shipped one unless given."""
    picture: Path | None = None
    """Also draw the whole run's tree, this decision opened, as SVG."""
    page: Path | None = None
    """Of a result: also write a page with the film, and with the futures of this decision decoded to films."""

    def run(self, console: Console) -> int:
        """Get the run's decisions, print one, draw."""
        task, plans, title = self._from_tree() if self.run_file.suffix == ".safetensors" else self._lived_again()
        plan = plans[self.step]
        out = Console()
        out.print(table_of(task, plan, f"{title}, decision {self.step}", out.width))
        if self.picture is not None:
            with atomic_write(self.picture) as path:
                path.write_text(standalone(tree_figure(plans, self.step)), encoding="utf-8")
        candidates = [_row(task, candidate, plan.kept[0]) for candidate in plan.kept]
        self.write_json({"health": plan.health, "mode": plan.mode, "candidates": candidates})
        return 0

    def _from_tree(self) -> tuple[Task, list[Plan], str]:
        if self.page is not None or self.method is not None or self.layout is not None:
            raise ConfigError("a tree holds one episode, and no film: leave --method, --layout and --page to a result")
        plans, told = load_tree(self.run_file)
        self._check_step(len(plans))
        return get_task(told["task"]), plans, ", ".join(f"{name} {value}" for name, value in told.items())

    def _lived_again(self) -> tuple[Task, list[Plan], str]:
        if self.method is None or self.layout is None:
            raise ConfigError(f"{self.run_file} holds many episodes: name one with --method and --layout")
        recorded, config = recorded_episode(self.run_file, self.method, self.layout, self.checkpoint)
        task = get_task(config.task)
        agent = make_agent(task, self.method, config.checkpoint, config.planner, config.policy)
        if not isinstance(agent, PlannerAgent) or config.delay_steps or config.measured:
            raise ConfigError("only decisions of a learned planner, without latency, can be opened")
        self._check_step(recorded["steps"])
        episode, moments = live(config, agent, self.method, self.layout)
        if self.page is not None:
            view = open_decision(agent, moments, self.step)
            title = f"Layout {self.layout}: decision {self.step}"
            story = story_of(task, title, episode, moments, (view,))
            write_page(self.page, task, [], [story], about(**conditions(config)))
        plans = [moment.plan for moment in moments if moment.plan is not None]
        return task, plans, f"{self.method}, layout {self.layout}"

    def _check_step(self, count: int) -> None:
        if not 0 <= self.step < count:
            raise ConfigError(f"step is {self.step}; the run has decisions 0 to {count - 1}")


def table_of(task: Task, plan: Plan, title: str, width: int) -> Table:
    """The kept futures, cheapest first; with the parts of their prices where the terminal is wide enough for them."""
    parts = list(plan.kept[0].parts)
    parts = parts if width >= NARROW + sum(len(name) + 3 for name in parts) else []
    table = Table(title=f"{title}: {plan.futures:,} futures in {1e3 * plan.elapsed_s:.0f} ms")
    table.caption = ", ".join(f"{name} {value:.3g}" for name, value in plan.health.items())
    for name in ("rank", "cost", *parts, "first action", "verdict"):
        table.add_column(name, justify="left" if name == "verdict" else "right", no_wrap=name != "verdict")
    for row in (_row(task, candidate, plan.kept[0]) for candidate in plan.kept):
        first = " ".join(f"{value:+.2f}" for value in row["actions"][0])
        prices = (f"{row['parts'].get(name, 0.0):.3f}" for name in parts)
        table.add_row(str(row["rank"]), f"{row['cost']:.3f}", *prices, first, row["verdict"])
    return table


def _row(task: Task, candidate: Candidate, chosen: Candidate) -> dict:
    return {
        "rank": candidate.rank,
        "cost": candidate.cost,
        "parts": candidate.parts,
        "actions": candidate.actions.tolist(),
        "signals": {name: values.tolist() for name, values in candidate.signals.items()},
        "verdict": verdict(task, candidate, chosen),
    }
