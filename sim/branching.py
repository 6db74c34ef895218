"""Attempts that branch: a planner's own way through a layout, and from moments of it other ways on, each an episode.

    collect(config, path, partial(Attempts, checkpoint), run=partial(branching, 5))     # 5 episodes of each layout

What a planner asks of its model is which of many ways on from one moment is best. Its own attempts may teach it badly:
it is gentle where the dog sleeps lightly and brisk where it sleeps deeply, so that in what it did on purpose harm
hardly depends on what was done. Here one moment is left in several ways, most by plans from where the search would
begin, one by play.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from rehearse.errors import ConfigError
from rehearse.sim.agents import Agent
from rehearse.sim.collect import CollectConfig, prepared, start_worker
from rehearse.sim.planner_agent import PlannerAgent
from rehearse.sim.recording import Recording
from rehearse.sim.takes import Take
from rehearse.sim.task import Task
from rehearse.sim.workers import in_workers


def can_branch(task: Task) -> bool:
    """Whether the task's environment can go back to a moment, as those with factors of variation can (TaskEnv)."""
    return bool(task.variations)


def branching(
    ways: int, config: CollectConfig, make_agent: Callable[[Task], Agent], indices: Sequence[int]
) -> Iterator[Take]:
    """Takes in the order of ``indices``, of a task that can branch: episode i is way i % ways of attempt i // ways.

    Way 0 is the attempt itself, bit for bit as it is without branches.
    """
    attempts = sorted({index // ways for index in indices})
    wanted = set(indices)
    done = in_workers(partial(work, ways), attempts, config.workers, start_worker, (config, make_agent), in_order=True)
    for attempt, takes in zip(attempts, done, strict=True):
        yield from (take for index, take in enumerate(takes, attempt * ways) if index in wanted)


def work(ways: int, attempt: int) -> list[Take]:
    """Record one attempt and its branches, in a process that ``start_worker`` has prepared."""
    config, task, agent, env = prepared(attempt)
    if not isinstance(agent, PlannerAgent):
        raise ConfigError("only a planner's attempts branch: others have no plans that they might have followed")
    layout = config.layout(attempt)
    recording = Recording.begin(task, env, layout)
    agent.reset(env, recording.observations[0], np.random.default_rng((7, layout)))
    rng, generator = np.random.default_rng((13, layout)), torch.Generator().manual_seed(layout)
    moments, plans = [], []
    while not recording.over:
        if not any(map(task.over, recording.infos[1:])):
            moments.append(env.state())
            plans.append(agent.candidates(ways - 1, generator))
        agent.saw(*recording.do(agent.act(env)))
    play = task.play()
    takes = [recording.take()]
    for way in range(ways - 1):
        step = int(rng.integers(len(moments)))
        env.reset(options={"state": moments[step]})
        branch = recording.until(step)
        play.reset(env.world, rng)
        for planned in plans[step][way]:
            if branch.over:
                break
            branch.do(play.act(env.world) if way == ways - 2 else planned)
        takes.append(branch.take())
    return takes
