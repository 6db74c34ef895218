"""A cloned policy as an agent: it acts from what it senses, as a planner does, and imagines nothing.

agent = ClonedAgent(task, load_policy("runs/cloned-dog"))
"""

from typing import Any

import numpy as np

from rehearse.errors import CheckpointError
from rehearse.sim.cloning.policy import Policy
from rehearse.sim.task import Task


class ClonedAgent:
    """Repeats what it was shown."""

    last_plan = None

    def __init__(self, task: Task, policy: Policy) -> None:
        config = policy.config
        found = config.action_dim, config.proprio_dim, config.goal_dim
        wanted = len(task.actions), len(task.proprio), len(task.goal)
        if found != wanted:
            raise CheckpointError(
                f"this policy has {found} action, proprioception and goal dimensions; {task.name} needs {wanted}"
            )
        self.policy = policy

    def reset(self, env: Any, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode with its first observation."""
        self._memory, self._observation = None, observation
        self._goal = observation.get("goal_state", np.zeros(0, np.float32))

    def act(self, env: Any) -> np.ndarray:
        """What the demonstrator would most likely do."""
        seen = self._observation
        action, self._memory = self.policy.act(seen["image"], seen["proprio"], self._goal, self._memory)
        return action

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Look."""
        self._observation = observation
