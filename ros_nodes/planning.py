"""A thread that plans, so that the executor never waits: observations in, decisions out. Knows no ROS.

    thread = PlanningThread(agent, seed=0, on_decision=decisions.append)     # called in the planning thread
    thread.submit(Observed(key=stamp, episode=1, observation={"image": ..., "proprio": ...}, action=None))
    thread.close()

It is a mailbox with one slot: what came in while a decision was being made is all remembered by the agent, and one
decision is made, for the newest.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rehearse.planner import Plan


class Agent(Protocol):
    """What plans: ``rehearse.sim.planner_agent.PlannerAgent``, which reads nothing of the ``env`` it is given."""

    last_plan: Plan | None
    committed: list[np.ndarray]
    belief: Any

    def reset(self, env: Any, observation: dict, rng: np.random.Generator) -> None: ...
    def act(self, env: Any) -> np.ndarray: ...
    def saw(self, action: np.ndarray, observation: dict) -> None: ...


@dataclass(frozen=True)
class Observed:
    """What was sensed, and the ``action`` (4,) that led there; None begins a history.

    ``committed``: actions that the robot carries out from here on whatever is decided now, for they are on their way.
    """

    key: Any
    episode: int
    observation: dict[str, np.ndarray]
    action: np.ndarray | None
    committed: tuple[np.ndarray, ...] = ()


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
        self._waiting: list[Observed] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="planning", daemon=True)
        self._thread.start()

    def submit(self, observed: Observed) -> None:
        """Hand in an observation; returns at once."""
        with self._changed:
            if observed.action is None:
                self._waiting.clear()  # of an episode that is over
            self._waiting.append(observed)
            self._changed.notify()

    def close(self) -> None:
        """Finish the decision being made, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                taken, self._waiting = self._waiting, []
            newest = taken[-1]
            try:
                for observed in taken:
                    if observed.action is None:
                        self._agent.reset(None, observed.observation, np.random.default_rng(self._seed))
                    else:
                        self._agent.saw(observed.action, observed.observation)
                self._agent.committed = list(newest.committed)
                action = self._agent.act(None)
                agent, seen = self._agent, newest.observation
                decision = Decision(newest.key, newest.episode, action, agent.last_plan, None, seen, agent.belief)
            except Exception as error:  # whatever it was, the node must hear of it and hold
                decision = Decision(newest.key, newest.episode, error=error)
            self._on_decision(decision)
