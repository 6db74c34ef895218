"""``rehearse explain``: one decision of a recorded episode opened: what was imagined and chosen, why the rest lost."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about
from rehearse.commands.episode import EpisodeCommand
from rehearse.errors import ConfigError
from rehearse.page import write_page
from rehearse.planner import Candidate, Plan
from rehearse.recorded import conditions
from rehearse.sim.agents import make_agent
from rehearse.sim.planner_agent import PlannerAgent
from rehearse.sim.tasks import get_task
from rehearse.stories import live, open_decision, story_of, verdict


@dataclass(kw_only=True)
class Explain(EpisodeCommand):
    """Open one decision of a recorded episode: the futures that were imagined, their prices, and the reasons."""

    step: int = 0
    """The decision: 0 is the first."""
    page: Path | None = None
    """Also write a page with the film, and with the futures of this decision decoded to films."""

    def run(self, console: Console) -> int:
        """Live through the episode again, and open the decision."""
        recorded, config = self.recorded()
        task = get_task(config.task)
        agent = make_agent(task, self.method, config.checkpoint, config.planner)
        usual = config.delay_steps == 0 and config.options == task.checked_options({})
        if not isinstance(agent, PlannerAgent) or not usual:
            raise ConfigError(
                "only decisions of a learned planner, without latency and with the task's usual options, can be opened"
            )
        if not 0 <= self.step < recorded["steps"]:
            raise ConfigError(f"step is {self.step}; the episode has decisions 0 to {recorded['steps'] - 1}")
        episode, moments = live(task, agent, self.method, self.layout, config.level, config.seed)
        plan = moments[self.step].plan
        Console().print(table_of(plan, f"{self.method}, layout {self.layout}, decision {self.step}"))
        if self.page is not None:
            view = open_decision(agent, moments, self.step)
            title = f"Layout {self.layout}: decision {self.step}"
            write_page(self.page, [], [story_of(title, episode, moments, (view,))], about(**conditions(config)))
        self.write_json({"health": plan.health, "candidates": [_row(c, plan.kept[0]) for c in plan.kept]})
        return 0


def table_of(plan: Plan, title: str) -> Table:
    """The kept futures, cheapest first, with the parts of their prices."""
    parts = list(plan.kept[0].parts)
    table = Table(title=f"{title}: {plan.futures} futures in {1e3 * plan.elapsed_s:.0f} ms")
    table.caption = ", ".join(f"{name} {value:.3g}" for name, value in plan.health.items())
    for name in ("rank", "cost", *parts, "verdict", "first action"):
        table.add_column(name, justify="left" if name == "verdict" else "right", no_wrap=name == "verdict")
    for row in (_row(candidate, plan.kept[0]) for candidate in plan.kept):
        first = " ".join(f"{value:+.2f}" for value in row["actions"][0])
        prices = (f"{row['parts'][name]:.3f}" for name in parts)
        table.add_row(str(row["rank"]), f"{row['cost']:.3f}", *prices, row["verdict"], first)
    return table


def _row(candidate: Candidate, chosen: Candidate) -> dict:
    return {
        "rank": candidate.rank,
        "cost": candidate.cost,
        "parts": candidate.parts,
        "actions": candidate.actions.tolist(),
        "signals": {name: values.tolist() for name, values in candidate.signals.items()},
        "verdict": verdict(candidate, chosen),
    }
