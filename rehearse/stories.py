"""Film an episode and open up some of its decisions: what was imagined, what was chosen and why, what then happened.

    story = tell(PlannerAgent(task, model), config, layout=3)       # -> page.Story

The imagined futures of a decision are imagined again from the same belief (the model is deterministic) and decoded.
"""

from dataclasses import dataclass

import numpy as np
import torch

from rehearse.page import DecisionView, ImaginedView, Story
from rehearse.planner import Plan
from rehearse.sim.agents import Agent, make_agent
from rehearse.sim.episode import Episode
from rehearse.sim.evaluate import EvalConfig, env_for, run_episode
from rehearse.sim.planner_agent import PlannerAgent
from rehearse.sim.task import Task, TaskEnv
from rehearse.sim.tasks import get_task
from rehearse.sim.telemetry import innermost
from rehearse.verdict import verdict
from rehearse.world_model import Belief

BEST_SHOWN, REJECTED_SHOWN = 3, 4


@dataclass
class Moment:
    """One step of an episode as it was lived."""

    image: np.ndarray
    film: np.ndarray
    progress: float
    strain: float | None
    plan: Plan | None = None
    belief: Belief | None = None


def live(config: EvalConfig, agent: Agent, method: str, layout: int) -> tuple[Episode, list[Moment]]:
    """Run one episode of an evaluation with the film camera on: a moment per observation, and what was decided there.

    Latency is the agent's own affair (evaluate.agent_for).
    """
    task = get_task(config.task)
    env = env_for(config, render_mode="rgb_array", render_size=(360, 480))
    moments: list[Moment] = []

    def remember(env: TaskEnv, agent: Agent, info: dict) -> None:
        decider = innermost(agent)
        # What was decided at the previous moment led here; only a learned model's futures can be looked at.
        if moments and agent.last_plan is not None and isinstance(decider, PlannerAgent):
            fresh = all(moment.plan is not agent.last_plan for moment in moments[-2:-1])
            moments[-1].plan, moments[-1].belief = (agent.last_plan, decider.dynamics.belief) if fresh else (None, None)
        image = env.observe()["image"]
        strain = None if task.harm is None else info[task.harm.strain]
        moments.append(Moment(image, env.render(), info["progress"], strain))

    try:
        return run_episode(task, env, agent, method, layout, config.seed, on_step=remember), moments
    finally:
        env.close()


def outcome_of(task: Task, episode: Episode) -> str:
    """The outcome in words."""
    if episode.success:
        return f"{task.tale.succeeded} after {episode.time_s:.1f} s"
    return f"{task.tale.harmed} after {episode.time_s:.1f} s" if episode.harmed else task.tale.neither


def habit(config: EvalConfig, layout: int) -> Story:
    """The film of the task's contrast."""
    task = get_task(config.task)
    method = task.tale.contrast
    episode, moments = live(config, make_agent(task, method), method, layout)
    return story_of(task, task.tale.habit, episode, moments, ())


def tell(agent: PlannerAgent, config: EvalConfig, layout: int, decisions: int = 3) -> Story:
    """The film of a planner, with ``decisions`` of its decisions opened, spread over the episode."""
    task = agent.task
    episode, moments = live(config, agent, f"planner-{agent.settings.futures}", layout)
    views = spread(agent, moments, decisions)
    return story_of(task, f"Layout {layout}: {_small(task.tale.imagination)}", episode, moments, views)


def spread(agent: PlannerAgent, moments: list[Moment], decisions: int) -> tuple[DecisionView, ...]:
    """So many decisions, opened, spread over the episode."""
    deciding = [i for i, moment in enumerate(moments) if moment.plan is not None]
    if not deciding:
        return ()
    # The last decisions have little left to imagine that then happened, so the spread ends at two thirds.
    chosen = np.unique(np.linspace(0, max(0, 2 * len(deciding) // 3 - 1), decisions).round().astype(int))
    return tuple(open_decision(agent, moments, deciding[i]) for i in chosen)


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def story_of(task: Task, title: str, episode: Episode, moments: list[Moment], views: tuple[DecisionView, ...]) -> Story:
    """The film of an episode with the decisions that were opened."""
    return Story(
        title=title,
        outcome=outcome_of(task, episode),
        film=np.stack([moment.film for moment in moments]),
        progress=np.array([moment.progress for moment in moments]),
        strain=None if task.harm is None else np.array([moment.strain for moment in moments]),
        decisions=views,
    )


def open_decision(agent: PlannerAgent, moments: list[Moment], step: int) -> DecisionView:
    """What was imagined at one step: some of the kept futures, decoded, and what then happened."""
    plan, model, harm = moments[step].plan, agent.dynamics.model, agent.task.harm
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
                actions=candidate.actions,
                verdict=verdict(agent.task, candidate, plan.kept[0]),
                strain=None if harm is None else candidate.signals.get(harm.strain),
                harm=None if harm is None else candidate.signals.get(harm.event),
                progress=candidate.signals.get("progress"),
            )
            for i, candidate in enumerate(shown)
        ),
        happened=np.array([moment.image for moment in moments[step + 1 : step + 1 + horizon]], np.uint8),
    )
