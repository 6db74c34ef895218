"""Films of a suite's episodes: lived again under their conditions, failures first.

    for i, method, layout in worth_filming(run): story, as_recorded = film(run, i, method, layout)

Where a planner acted, some of its decisions are opened: what was imagined beside what then happened.
"""

from rehearse.page import Story
from rehearse.sim.episode import TIMING, Episode
from rehearse.sim.evaluate import agent_for
from rehearse.sim.planner_agent import PlannerAgent
from rehearse.sim.tasks import get_task
from rehearse.sim.telemetry import innermost
from rehearse.stories import live, outcome_of, spread, story_of
from rehearse.suites.report import main_method
from rehearse.suites.run import SuiteRun

DECISIONS = 2


def worth_filming(run: SuiteRun) -> list[tuple[int, str, int]]:
    """(cell, method, layout) of so many episodes of each part as the suite asks for.

    Of the planner with most futures, under the usual conditions: harm first, then other failures, then successes.
    """
    found = []
    for part in run.suite.parts:
        i = next(i for i, cell in enumerate(run.cells) if cell.part == part.name)
        method = main_method(run.cells[i].config.methods)
        if method is not None:
            episodes = sorted(run.of(i, method), key=lambda e: (e.success, not e.harmed, e.layout))
            found += [(i, method, episode.layout) for episode in episodes[: run.suite.films]]
    return found


def film(run: SuiteRun, i: int, method: str, layout: int) -> tuple[Story, bool]:
    """The episode lived again, and whether it ended as recorded."""
    config, recorded = run.cells[i].config, run.episodes[i][method, layout]
    task = get_task(config.task)
    agent = agent_for(config, method, recorded.delays or None)
    episode, moments = live(config, agent, method, layout)
    decider = innermost(agent)
    views = spread(decider, moments, DECISIONS) if isinstance(decider, PlannerAgent) else ()
    title = f"{method} on layout {layout}: {outcome_of(task, episode)}"
    return story_of(task, title, episode, moments, views), alike(episode, recorded)


def alike(one: Episode, other: Episode) -> bool:
    """Whether all but the times are the same."""
    return all(value == getattr(other, name) for name, value in vars(one).items() if name not in TIMING)
