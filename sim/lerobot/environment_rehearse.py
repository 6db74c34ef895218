"""Our tasks as LeRobot environments: ``--env.type=rehearse --env.task=push``, always on test layouts.

Any LeRobot policy can be evaluated in them: ``pixels`` is the camera, ``agent_pos`` the proprioception; ``goal``
and ``goal_state``, where there is a goal, go on as ``observation.goal`` and ``observation.goal_state``.
"""

from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.envs.configs import EnvConfig

from rehearse.sim.tasks import get_task

GYM_ID = "rehearse-lerobot/Task-v0"
NAMES = {"image": "pixels", "proprio": "agent_pos"}


class LeRobotEnv(gymnasium.Wrapper):
    """A task's environment with LeRobot's names for what it senses and tells."""

    def __init__(self, task: str, level: str | None = None, render_mode: str | None = None) -> None:
        found = get_task(task)
        super().__init__(found.make_env(level, "test", render_mode=render_mode))
        self.observation_space = gymnasium.spaces.Dict(
            {NAMES.get(name, name): space for name, space in self.env.observation_space.items()}
        )
        self._success, self._max_episode_steps = found.success, found.episode_steps
        self.task_description = self.task = found.instruction
        self.metadata = {**self.env.metadata, "render_fps": round(1 / found.period_s)}

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Lay out what the seed draws; LeRobot's own options mean nothing here."""
        observation, info = self.env.reset(seed=seed)
        return self._renamed(observation), self._told(info)

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        """One control period."""
        observation, reward, terminated, truncated, info = self.env.step(np.asarray(action, float))
        return self._renamed(observation), reward, terminated, truncated, self._told(info)

    def _renamed(self, observation: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {NAMES.get(name, name): value for name, value in observation.items()}

    def _told(self, info: dict[str, Any]) -> dict[str, Any]:
        return info | {"is_success": bool(info[self._success])}


gymnasium.register(GYM_ID, entry_point=LeRobotEnv)


@EnvConfig.register_subclass("rehearse")
@dataclass
class RehearseEnvConfig(EnvConfig):
    """``task`` is one of ``rehearse tasks``; its usual ``level`` unless given."""

    task: str | None = "push"
    fps: int = 5
    level: str | None = None
    features: dict[str, PolicyFeature] = field(default_factory=dict)
    features_map: dict[str, str] = field(
        default_factory=lambda: {
            "action": "action",
            "pixels": "observation.image",
            "agent_pos": "observation.state",
            "goal_state": "observation.goal_state",
        }
    )

    def __post_init__(self) -> None:
        task = get_task(self.task)
        self.fps = round(1 / task.period_s)
        vector = lambda kind, names: PolicyFeature(type=kind, shape=(len(names),))  # noqa: E731
        self.features = {
            "action": vector(FeatureType.ACTION, task.actions),
            "pixels": PolicyFeature(type=FeatureType.VISUAL, shape=(64, 64, 3)),
            "agent_pos": vector(FeatureType.STATE, task.proprio),
        }
        if task.goal:
            self.features["goal_state"] = vector(FeatureType.ENV, task.goal)

    @property
    def gym_id(self) -> str:
        """Where Gymnasium finds it."""
        return GYM_ID

    @property
    def gym_kwargs(self) -> dict[str, Any]:
        """What it is made with."""
        return {"task": self.task, "level": self.level, "render_mode": "rgb_array"}
