"""Film an episode and open up some of its decisions: what was imagined, what was chosen and why, what then happened.

    story = tell(task, PlannerAgent(task, model), layout=3)       # -> page.Story

The imagined futures of a decision are imagined again from the same belief (the model is deterministic) and decoded.
"""

from dataclasses import dataclass

import numpy as np
import torch

from rehearse.page import DecisionView, ImaginedView, Story
from rehearse.planner import Plan
from rehearse.sim.agents import Agent
from rehearse.sim.episode import Episode
from rehearse.sim.evaluate import run_episode
from rehearse.sim.planner_agent import PlannerAgent
from rehearse.sim.task import Task, TaskEnv
from rehearse.verdict import verdict
from rehearse.world_model import Belief

BEST_SHOWN, REJECTED_SHOWN = 3, 4


@dataclass
class Moment:
    """One step of an episode as it was lived."""

    image: np.ndarray
    film: np.ndarray
    disturbance: float
    progress: float
    plan: Plan | None = None
    belief: Belief | None = None


def live(
    task: Task, agent: Agent, method: str, layout: int, level: str | None = None, seed: int = 0
) -> tuple[Episode, list[Moment]]:
    """Run one test episode with the film camera on; a moment per observation, with the decision taken there."""
    env = task.make_env(level, "test", render_mode="rgb_array", render_size=(360, 480))
    moments: list[Moment] = []

    def remember(env: TaskEnv, agent: Agent, info: dict) -> None:
        if moments and agent.last_plan is not None:  # what was decided at the previous moment led here
            moments[-1].plan, moments[-1].belief = agent.last_plan, agent.dynamics.belief
        image = env.observe()["image"]
        moments.append(Moment(image, env.render(), info["disturbance"], info["progress"]))

    try:
        return run_episode(task, env, agent, method, layout, seed, on_step=remember), moments
    finally:
        env.close()


def outcome_of(episode: Episode) -> str:
    """The outcome in words."""
    if episode.success:
        return f"fetched in {episode.time_s:.1f} s, the dog asleep"
    return f"the dog woke after {episode.time_s:.1f} s" if episode.harmed else "not there when the time was up"


def habit(task: Task, agent: Agent, layout: int, level: str | None = None, seed: int = 0) -> Story:
    """The film of a script."""
    episode, moments = live(task, agent, "script-fast", layout, level, seed)
    return story_of("A habit pulls", episode, moments, ())


def tell(
    task: Task, agent: PlannerAgent, layout: int, level: str | None = None, seed: int = 0, decisions: int = 3
) -> Story:
    """The film of a planner, with ``decisions`` of its decisions opened, spread over the episode."""
    episode, moments = live(task, agent, f"planner-{agent.settings.futures}", layout, level, seed)
    deciding = [i for i, moment in enumerate(moments) if moment.plan is not None]
    # The last decisions have little left to imagine that then happened, so the spread ends at two thirds.
    chosen = np.unique(np.linspace(0, max(0, 2 * len(deciding) // 3 - 1), decisions).round().astype(int))
    views = tuple(open_decision(agent, moments, deciding[i]) for i in chosen)
    return story_of(f"Layout {layout}: imagination pulls", episode, moments, views)


def story_of(title: str, episode: Episode, moments: list[Moment], views: tuple[DecisionView, ...]) -> Story:
    """The film of an episode with the decisions that were opened."""
    return Story(
        title=title,
        outcome=outcome_of(episode),
        film=np.stack([moment.film for moment in moments]),
        disturbance=np.array([moment.disturbance for moment in moments]),
        progress=np.array([moment.progress for moment in moments]),
        decisions=views,
    )


def open_decision(agent: PlannerAgent, moments: list[Moment], step: int) -> DecisionView:
    """What was imagined at one step: some of the kept futures, decoded, and what then happened."""
    plan, model = moments[step].plan, agent.dynamics.model
    best = [c for c in plan.kept if c.rank < BEST_SHOWN]
    rest = [c for c in plan.kept if c.rank >= BEST_SHOWN]
    worst_first = rest[:: -max(1, len(rest) // REJECTED_SHOWN)][:REJECTED_SHOWN]
    shown = [*best, *worst_first[::-1]]
    imagined = model.imagine(moments[step].belief, torch.from_numpy(np.stack([c.actions for c in shown])))
    frames = model.decode(imagined.latents.float()).numpy()
    horizon = len(plan.actions)
    return DecisionView(
        step=step,
        time_s=float(plan.times_s[0]),
        futures=plan.futures,
        milliseconds=1e3 * plan.elapsed_s,
        candidates=tuple(
            ImaginedView(
                frames=frames[i],
                cost=candidate.cost,
                parts=candidate.parts,
                disturbance=candidate.signals["disturbance"],
                progress=candidate.signals["progress"],
                woken=candidate.signals["woken"],
                actions=candidate.actions,
                verdict=verdict(candidate, plan.kept[0]),
            )
            for i, candidate in enumerate(shown)
        ),
        happened=np.array([moment.image for moment in moments[step + 1 : step + 1 + horizon]], np.uint8),
    )
