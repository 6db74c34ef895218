"""A thread that plans, so that the executor never waits: observations in, decisions out. Knows no ROS.

    thread = PlanningThread(agent, seed=0, on_decision=decisions.append)     # called in the planning thread
    thread.submit(Observed(key=stamp, episode=1, observation={"image": ..., "proprio": ...}, action=None))
    thread.close()

What came in while a decision was being made is all remembered by the agent, and one decision is made, for the newest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from rehearse.planner import Plan
from rehearse.ros_nodes.worker import Worker


class Agent(Protocol):
    """What plans: ``rehearse.sim.planner_agent.PlannerAgent``, which reads nothing of the ``env`` it is given."""

    last_plan: Plan | None
    settings: Any
    committed: list[np.ndarray]
    belief: Any

    def use(self, settings: Any) -> None: ...
    def reset(self, env: Any, observation: dict, rng: np.random.Generator) -> None: ...
    def act(self, env: Any) -> np.ndarray: ...
    def saw(self, action: np.ndarray, observation: dict) -> None: ...


@dataclass(frozen=True)
class Observed:
    """What was sensed, and the ``action`` (A,) that led there; None begins a history.

    ``committed``: actions that the robot carries out from here on whatever is decided now, for they are on their way.
    ``told``: how the observation tells of a goal, see ``PlannerSettings.goal``; None where there is none.
    """

    key: Any
    episode: int
    observation: dict[str, np.ndarray]
    action: np.ndarray | None
    committed: tuple[np.ndarray, ...] = ()
    told: str | None = None


@dataclass(frozen=True)
class Decision:
    """The answer to the observation with this key: an action and its plan, or the error that stood in the way.

    ``observation`` and ``belief``: what was seen, and what the model made of it, for whoever shows what was imagined.
    """

    key: Any
    episode: int
    action: np.ndarray | None = None
    plan: Plan | None = None
    error: Exception | None = None
    observation: dict[str, np.ndarray] | None = None
    belief: Any = None


class PlanningThread:
    """Owns the agent from now on."""

    def __init__(self, agent: Agent, seed: int, on_decision: Callable[[Decision], None]) -> None:
        self._agent, self._seed, self._on_decision = agent, seed, on_decision
        self._worker = Worker("planning", self._decide)

    def submit(self, observed: Observed) -> None:
        """Hand in an observation; returns at once."""
        self._worker.give(observed, alone=observed.action is None)  # what waits is of an episode that is over

    def close(self) -> None:
        """Finish the decision being made, then end the thread."""
        self._worker.close()

    def _decide(self, taken: list[Observed]) -> None:
        agent, newest = self._agent, taken[-1]
        try:
            for observed in taken:
                if observed.action is None:
                    if observed.told is not None:
                        agent.use(replace(agent.settings, goal=observed.told))
                    agent.reset(None, observed.observation, np.random.default_rng(self._seed))
                else:
                    agent.saw(observed.action, observed.observation)
            agent.committed = list(newest.committed)
            action, seen = agent.act(None), newest.observation
            decision = Decision(newest.key, newest.episode, action, agent.last_plan, None, seen, agent.belief)
        except Exception as error:  # whatever it was, the node must hear of it and hold
            decision = Decision(newest.key, newest.episode, error=error)
        self._on_decision(decision)
