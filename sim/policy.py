"""A planner as a plain function of what is sensed, for harnesses that know nothing else.

    policy = planner_policy("push", futures=512)       # the shipped model; or checkpoint="runs/push"
    policy.reset(); action = policy(observation)       # {"image": (64,64,3), "proprio": (P,), ...} -> (A,) in [-1, 1]

An episode begins with the first call after ``reset``. The policy remembers what it saw and did in it, and takes for
granted that its actions are carried out, unless it is told otherwise: ``policy(observation, done=action)``.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rehearse.errors import ConfigError, DataError
from rehearse.planner import Plan
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings
from rehearse.sim.task import Task
from rehearse.sim.tasks import get_task
from rehearse.world_model import describe, load, shipped_checkpoint


class PlannerPolicy:
    """``reset()``, then one call a step. ``last_plan`` is the latest decision, with all that was imagined for it."""

    def __init__(self, task: Task, agent: PlannerAgent, seed: int = 0) -> None:
        self.task, self._agent, self._seed = task, agent, seed
        self.reset()

    @property
    def last_plan(self) -> Plan | None:
        """The latest decision."""
        return self._agent.last_plan

    def reset(self, episode: int = 0) -> None:
        """Forget the episode; chance in the next one comes from the seed and this number."""
        self._episode, self._action = episode, None

    def __call__(self, observation: Mapping[str, np.ndarray], done: np.ndarray | None = None) -> np.ndarray:
        """The action (A,) to take now; ``done`` is what was carried out since the last call, where that differs."""
        wanted = ("image", "proprio", *(("goal", "goal_state") if self.task.goal else ()))
        if missing := [name for name in wanted if name not in observation]:
            raise DataError(f"the observation has no {missing[0]!r}; {self.task.name} senses {', '.join(wanted)}")
        # Before anything is remembered: the next call may go on after a reading that was refused.
        _check("proprio", observation["proprio"], len(self.task.proprio))
        image, size = np.asarray(observation["image"]), self._agent.dynamics.model.config.image_size
        if image.shape != (size, size, 3) or image.dtype != np.uint8:
            raise DataError(f"image is {image.dtype} of shape {image.shape}; this model sees ({size}, {size}, 3) uint8")
        if done is not None:
            _check("done", done, len(self.task.actions))
        if self._action is None:
            self._agent.reset(None, dict(observation), np.random.default_rng((self._seed, self._episode)))
        else:
            self._agent.saw(self._action if done is None else np.asarray(done, float), dict(observation))
        self._action = self._agent.act(None)
        return self._action.copy()


def _check(name: str, values: np.ndarray, size: int) -> None:
    """Raise DataError unless these are ``size`` finite numbers."""
    if np.shape(values) != (size,) or not np.isfinite(values).all():
        raise DataError(f"{name} is {np.asarray(values).tolist()}; expected {size} finite numbers, for this one step")


def planner_policy(
    task: str, checkpoint: str | Path | None = None, seed: int = 0, futures: int = 512, **settings: object
) -> PlannerPolicy:
    """The policy of a task and a model, the shipped one unless given; ``settings`` are those of PlannerSettings."""
    found = get_task(task)
    if checkpoint is None and found.checkpoint is None:
        raise ConfigError(f"no model is shipped for {task}: train one and give its checkpoint")
    if settings.get("verify"):
        raise ConfigError("verify looks at the true world, which a policy has none of")
    path = shipped_checkpoint(found.checkpoint) if checkpoint is None else Path(checkpoint)
    errors = tuple(describe(path).get("metrics", {}).get("moment", {}).get("mse", ()))
    return PlannerPolicy(found, PlannerAgent(found, load(path), PlannerSettings(futures, **settings), errors), seed)
