"""Everything that can be asked to do a task, by name, behind one interface.

    agent = make_agent(task, "planner-512", checkpoint)      # or one of the task's scripts, or its oracle
    agent.reset(env, observation, rng); action = agent.act(env); agent.saw(action, observation)

A planner acts from what it senses alone: of ``env`` it reads nothing. Scripts and the oracle read the true world. All
planners, the oracle included, share the task's objective.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from rehearse.errors import ConfigError, SetupError
from rehearse.planner import MPC, Objective, Plan
from rehearse.sim.cloning.agent import ClonedAgent
from rehearse.sim.cloning.policy import Policy, load_policy
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings
from rehearse.sim.task import Behaviour, Situation, Task, TaskEnv
from rehearse.sim.unchanging import Unchanging
from rehearse.world_model import WorldModel, describe, load

PLANNERS = tuple(f"planner-{futures}" for futures in (1, 8, 64, 512, 4096))
CLONING = "cloning"  # a policy without imagination, learnt from demonstrations
LEROBOT = "lerobot:"  # and the path of a policy that LeRobot has trained
IDENTITY = "identity"  # planner-identity-<futures>: the model replaced by one that imagines no change
USUAL = PlannerSettings()


class Agent(Protocol):
    """Acts in a task's environment; ``last_plan`` is the latest decision of those that plan."""

    last_plan: Plan | None

    def reset(self, env: TaskEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode."""

    def act(self, env: TaskEnv) -> np.ndarray:
        """The action to take now (A,)."""

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Be told what was done and what was then seen."""


class BehaviourAgent:
    """A scripted behaviour as an agent."""

    last_plan = None

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    def reset(self, env: TaskEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self.behaviour.reset(env.world, rng)

    def act(self, env: TaskEnv) -> np.ndarray:
        """What the behaviour does."""
        return self.behaviour.act(env.world)

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Scripts do not look."""


class OracleAgent:
    """The same planner on the true physics: what a perfect model would allow.

    ``method`` is one of the task's oracles; some know less than all, to tell how much of the task lies in that.
    ``scout``: as in PlannerSettings, whether it plans on two levels; on one where its physics knows no moments.
    """

    def __init__(self, task: Task, method: str = "oracle", scout: bool | None = None) -> None:
        self.task, self.method, self.scout = task, method, scout
        self.last_plan: Plan | None = None
        self._world: Any = None

    def reset(self, env: TaskEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode."""
        if self._world is not env.world:
            self._world, self._dynamics = env.world, self.task.oracles[self.method](env.world)
        self._goal_state = observation.get("goal_state")
        self.mpc = MPC(self._dynamics, self._objective(0), self.task.oracle_search, self.task.mpc)
        scout = self.scout if hasattr(self._dynamics, "moment") else False
        self.planner = self.task.planner(self.mpc, self._dynamics, scout)
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**31)))

    def act(self, env: TaskEnv) -> np.ndarray:
        """Plan on copies of the world as it is."""
        self.planner.objective = self._objective(env.steps)
        self.last_plan = self.planner.plan(env.world, env.steps * self.task.period_s, self._generator)
        return np.array(self.last_plan.actions[0], dtype=float)

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """The oracle needs no memory."""

    def _objective(self, steps: int) -> Objective:
        return self.task.objective(Situation(self.task.episode_steps - steps, goal_state=self._goal_state))


@lru_cache(maxsize=2)
def _model(checkpoint: Path) -> WorldModel:
    return load(checkpoint)


@lru_cache(maxsize=2)
def _policy(checkpoint: Path) -> Policy:
    return load_policy(checkpoint)


@lru_cache(maxsize=2)
def _lerobot_policy(path: Path) -> Any:
    try:
        from rehearse.sim.lerobot.agent import load_policy
    except ImportError as error:
        raise SetupError(
            f"policies of LeRobot's need it, on Python 3.12: make test-lerobot makes such an environment ({error})"
        ) from error
    return load_policy(path)


def _moment_errors(checkpoint: Path) -> tuple[float, ...]:
    """The model's squared error of a moment so many steps ahead on held-out episodes; () if it was not measured."""
    return tuple(describe(checkpoint).get("metrics", {}).get("moment", {}).get("mse", ()))


def methods_of(task: Task) -> tuple[str, ...]:
    """What an evaluation of the task compares unless told otherwise."""
    cloning = () if task.cloned is None else (CLONING,)
    return (*task.scripts, *cloning, *PLANNERS, *list(task.oracles)[:1])


def make_agent(
    task: Task,
    method: str,
    checkpoint: Path | None = None,
    settings: PlannerSettings = USUAL,
    policy: Path | None = None,
) -> Agent:
    """The agent called ``method``.

    ``planner-<futures>`` and ``planner-<optimizer>-<futures>`` need a checkpoint, and take all else from ``settings``;
    ``planner-identity-<futures>`` imagines with that checkpoint that nothing changes (unchanging.py);
    ``cloning`` needs the checkpoint of a ``policy``; ``lerobot:PATH`` is a policy that LeRobot has trained.
    """
    if method in task.scripts:
        return BehaviourAgent(task.scripts[method]())
    if method in task.oracles:
        return OracleAgent(task, method, settings.scout)
    if method == CLONING:
        if policy is None:
            raise ConfigError(f"{method} needs a policy: train one with rehearse clone")
        return ClonedAgent(task, _policy(Path(policy)))
    if method.startswith(LEROBOT):
        trained = _lerobot_policy(Path(method.removeprefix(LEROBOT)))
        from rehearse.sim.lerobot.agent import LeRobotAgent

        return LeRobotAgent(task, trained)
    stem, _, futures = method.rpartition("-")
    kind, _, optimizer = stem.partition("-")
    if kind == "planner" and futures.isdigit() and int(futures) > 0:
        if checkpoint is None:
            raise ConfigError(f"{method} needs a checkpoint")
        model, ablated = _model(Path(checkpoint)), optimizer == IDENTITY
        named = replace(settings, futures=int(futures))
        if optimizer and not ablated:
            named = replace(named, optimizer=optimizer)
        dynamics = Unchanging(model) if ablated else None
        return PlannerAgent(task, model, named, _moment_errors(Path(checkpoint)), dynamics)
    known = ", ".join((*task.scripts, *task.oracles, CLONING))
    raise ConfigError(f"unknown method {method!r}; {task.name} knows {known}, planner-<futures> and lerobot:PATH")
