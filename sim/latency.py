"""Fixed latency: what is decided now is carried out some steps later, on every run exactly alike.

    agent = Delayed(make_agent(task, "planner-512", checkpoint), task.hold, steps=2)     # 0.4 s

Sensing, planning and sending take time on a robot. With ``compensate`` a planner is told which actions are still on
their way, and plans from where they will have led; without, it plans as if it acted at once. Scripts cannot be told.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np

from rehearse.errors import ConfigError
from rehearse.planner import Plan
from rehearse.sim.agents import Agent
from rehearse.sim.task import TaskEnv


class Delayed:
    """An Agent whose actions arrive ``steps`` control periods late; until the first arrives, ``hold`` (A,) is done."""

    def __init__(self, agent: Agent, hold: Sequence[float], steps: int, compensate: bool = True) -> None:
        if steps < 0:
            raise ConfigError(f"latency cannot be negative, got {steps} steps")
        self.agent, self.hold, self.steps, self.compensate = agent, np.array(hold, float), steps, compensate

    @property
    def last_plan(self) -> Plan | None:
        """The agent's latest decision."""
        return self.agent.last_plan

    def reset(self, env: TaskEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode with nothing on its way."""
        self._on_their_way = deque([self.hold] * self.steps)
        self.agent.reset(env, observation, rng)

    def act(self, env: TaskEnv) -> np.ndarray:
        """Decide, and give what was decided ``steps`` ago."""
        if self.compensate and hasattr(self.agent, "committed"):
            self.agent.committed = list(self._on_their_way)
        self._on_their_way.append(self.agent.act(env))
        return self._on_their_way.popleft()

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Pass on what was done and seen."""
        self.agent.saw(action, observation)
