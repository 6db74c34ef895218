"""A planner on a learned model as an agent: it acts from pictures and proprioception, and knows nothing else.

agent = PlannerAgent(task, model, PlannerSettings(futures=512, doubt=0.5))
agent.reset(None, observation, rng); action = agent.act(None); agent.saw(action, observation)
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from rehearse.errors import CheckpointError, ConfigError
from rehearse.planner import MPC, Futures, Objective, Plan, make_optimizer
from rehearse.sim.task import GOALS, Situation, Task
from rehearse.world_model import Belief, History, WorldModel


@dataclass(frozen=True)
class PlannerSettings:
    """How a planner plans."""

    futures: int = 512  # imagined for a decision
    optimizer: str = "cem"
    fear: float = 1.0  # of harm, as a multiple of what is usual in the task
    doubt: float = 1.0  # of what the model has not seen, as such a multiple
    noise: float = 0.0  # standard deviation of what is added to its actions
    goal: str = "state"  # where there is one: numbers that signals are compared with, or "image", a picture of it
    deadline_s: float | None = None  # no search goes on for longer; None: to its end

    def __post_init__(self) -> None:
        if self.goal not in GOALS:
            raise ConfigError(f"unknown goal {self.goal!r}; choose one of {', '.join(GOALS)}")
        if self.futures < 1 or min(self.fear, self.doubt, self.noise) < 0:
            raise ConfigError("a planner imagines at least 1 future; fear, doubt and noise are not negative")
        if self.deadline_s is not None and self.deadline_s <= 0:
            raise ConfigError(f"deadline_s is {self.deadline_s}; it must be above 0, or None")


class LearnedDynamics:
    """A WorldModel behind the planner's Dynamics seam; remembers the belief, so each frame is encoded once."""

    def __init__(self, model: WorldModel) -> None:
        self.model = model
        self.belief: Belief | None = None

    def reset(self) -> None:
        """Forget the episode."""
        self.belief = None

    def observe(self, history: History) -> Belief:
        """Encode what is new in ``history``."""
        self.belief = self.model.observe(history, self.belief)
        return self.belief

    def imagine(self, belief: Belief, actions: torch.Tensor) -> Futures:
        """N action sequences (N, H, A) imagined."""
        imagined = self.model.imagine(belief, actions)
        return Futures(imagined.latents, imagined.signals, imagined.disagreement)


class PlannerAgent:
    """Model-predictive control on a learned model. ``settings`` may be changed between episodes by ``use``."""

    def __init__(self, task: Task, model: WorldModel, settings: PlannerSettings = PlannerSettings()) -> None:
        _check_fits(task, model, settings)
        self.task = task
        self.dynamics = LearnedDynamics(model)
        self.last_plan: Plan | None = None
        self.committed: list[np.ndarray] = []  # actions still on their way, if there is latency
        self.use(settings)

    def use(self, settings: PlannerSettings) -> None:
        """Plan in this way from the next episode on."""
        self.settings = settings
        self._search = make_optimizer(settings.optimizer, settings.futures)

    def reset(self, env: Any, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode with its first observation."""
        self.dynamics.reset()
        self.committed = []
        self._rng = rng
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        self._frames, self._proprio, self._actions = [observation["image"]], [observation["proprio"]], []
        self._goal: dict[str, Any] = {}
        if self.task.goal and self.settings.goal == "image":
            self._goal["goal_moment"] = moment_of(self.dynamics.model, observation["goal"])
        elif self.task.goal:
            self._goal["goal_state"] = observation["goal_state"]
        config = replace(self.task.mpc, deadline_s=self.settings.deadline_s)
        self.mpc = MPC(self.dynamics, self.objective(), self._search, config, limits=self.task.limits)

    def history(self) -> History:
        """What was seen and done so far in this episode."""
        actions = np.array(self._actions, np.float32) if self._actions else None
        return History(np.stack(self._frames), np.stack(self._proprio), actions)

    def objective(self) -> Objective:
        """What futures cost now."""
        steps_left = self.task.episode_steps - len(self._actions)
        return self.task.objective(Situation(steps_left, self.settings.fear, self.settings.doubt, **self._goal))

    def act(self, env: Any) -> np.ndarray:
        """Imagine, choose, and give the first action."""
        self.mpc.objective = self.objective()
        begins_s = (len(self._actions) + len(self.committed)) * self.task.period_s
        committed = np.array(self.committed) if self.committed else None
        self.last_plan = self.mpc.plan(self.history(), begins_s, self._generator, committed)
        action = np.array(self.last_plan.actions[0], dtype=float)
        if self.settings.noise:
            low, high = self.task.mpc.action_low, self.task.mpc.action_high
            action = np.clip(action + self._rng.normal(0, self.settings.noise, len(action)), low, high)
        return action

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Remember."""
        self._frames.append(observation["image"])
        self._proprio.append(observation["proprio"])
        self._actions.append(np.asarray(action, np.float32))


def moment_of(model: WorldModel, image: np.ndarray) -> torch.Tensor:
    """What a single picture (h,w,3) is encoded to, (D,)."""
    return model.observe(History(image[None])).moment[0]


def _check_fits(task: Task, model: WorldModel, settings: PlannerSettings) -> None:
    """Raise CheckpointError if the model belongs to another robot, or does not tell what the objective reads."""
    config = model.config
    asked = set() if task.goal and settings.goal == "image" else set(task.signals)
    found = config.action_dim, config.proprio_dim
    if found != (len(task.actions), len(task.proprio)) or not asked <= set(config.signals):
        raise CheckpointError(
            f"this model has {found[0]} action and {found[1]} proprioception dimensions and the signals "
            f"{sorted(config.signals)}; {task.name} needs {len(task.actions)}, {len(task.proprio)} and {sorted(asked)}"
        )
