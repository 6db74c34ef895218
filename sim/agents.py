"""Everything that can be asked to fetch the jacket, by name, behind one interface.

    agent = make_agent("planner-512", checkpoint)      # or nothing, random, script-fast, script-best, oracle
    agent.reset(env, observation, rng); action = agent.act(env); agent.saw(action, observation)

A planner acts from camera frames and proprioception alone: of ``env`` it reads nothing. Scripts and the oracle read
the true world. All planners, the oracle included, share one objective and one optimizer.
"""

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from rehearse.errors import CheckpointError, ConfigError
from rehearse.planner import MPC, CEMConfig, Excess, Futures, Hazard, MPCConfig, Objective, Plan, Reach
from rehearse.sim.behaviours import Behaviour, Nothing, Random, StraightPull
from rehearse.sim.env import PROPRIO_NAMES, DogOnJacketEnv
from rehearse.sim.physics import PhysicsDynamics
from rehearse.sim.world import PERIOD_S
from rehearse.world_model import Belief, History, WorldModel, load

HOLD = np.array([0.0, 0.0, 0.0, 1.0])  # the action that keeps still and keeps hold
ACTION_DIM = 4
SIGNALS = ("disturbance", "progress", "woken")
# The fastest straight pull, and the best constant pull of `rehearse sweep` (validation layouts, level half).
SCRIPT_FAST = StraightPull(direction_rad=0.0, speed=1.0, rise=0.3)
SCRIPT_BEST = StraightPull(direction_rad=0.0, speed=0.35, rise=0.0, follow=True)
ORACLE_FUTURES = 32
MPC_CONFIG = MPCConfig(
    action_low=(-1.0, -1.0, -0.6, 0.9),
    action_high=(1.0, 1.0, 0.6, 1.0),
    horizon=10,
    period_s=PERIOD_S,
    knots=4,
    initial_mean=(-0.3, 0.0, 0.0, 1.0),
    initial_std=(0.4, 0.4, 0.25, 0.01),
)


def objective(fear: float = 1.0) -> Objective:
    """Bring it soon; almost never wake the dog; stay clear of the edge of waking. ``fear`` scales the last two."""
    return Reach("progress") + fear * (3 * Hazard("woken") + Excess("disturbance", above=0.7))


class Agent(Protocol):
    """Acts in a DogOnJacketEnv; ``last_plan`` is the latest decision of those that plan."""

    last_plan: Plan | None

    def reset(self, env: DogOnJacketEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode."""

    def act(self, env: DogOnJacketEnv) -> np.ndarray:
        """The action to take now (4,)."""

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Be told what was done and what was then seen."""


class BehaviourAgent:
    """A scripted behaviour as an agent."""

    last_plan = None

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    def reset(self, env: DogOnJacketEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode."""
        self.behaviour.reset(env.world, rng)

    def act(self, env: DogOnJacketEnv) -> np.ndarray:
        """What the behaviour does."""
        return self.behaviour.act(env.world)

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Scripts do not look."""


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


def _check_fits(model: WorldModel) -> None:
    config = model.config
    found = (config.action_dim, config.proprio_dim, set(config.signals))
    if found != (ACTION_DIM, len(PROPRIO_NAMES), set(SIGNALS)):
        raise CheckpointError(
            f"this model has {found[0]} action and {found[1]} proprioception dimensions and the signals "
            f"{sorted(found[2])}; dog-on-jacket needs {ACTION_DIM}, {len(PROPRIO_NAMES)} and {sorted(SIGNALS)}"
        )


class PlannerAgent:
    """Model-predictive control on a learned model, from pixels and proprioception."""

    def __init__(self, model: WorldModel, futures: int) -> None:
        _check_fits(model)
        self.dynamics = LearnedDynamics(model)
        self.noise = 0.0
        self.last_plan: Plan | None = None
        self.use(futures, objective())

    def use(self, futures: int, objective: Objective) -> None:
        """Plan with this many imagined futures and this objective from now on."""
        self.futures = futures
        self.mpc = MPC(self.dynamics, objective, CEMConfig(futures=futures), MPC_CONFIG)

    def reset(self, env: DogOnJacketEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode with its first observation."""
        self.dynamics.reset()
        self.mpc.reset()
        self._rng = rng
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        self._frames, self._proprio, self._actions = [observation["image"]], [observation["proprio"]], []

    def history(self) -> History:
        """What was seen and done so far in this episode."""
        actions = np.array(self._actions, np.float32) if self._actions else None
        return History(np.stack(self._frames), np.stack(self._proprio), actions)

    def act(self, env: DogOnJacketEnv) -> np.ndarray:
        """Imagine, choose, and give the first action."""
        self.last_plan = self.mpc.plan(self.history(), len(self._actions) * PERIOD_S, self._generator)
        action = np.array(self.last_plan.actions[0], dtype=float)
        if self.noise:
            action[:3] = np.clip(action[:3] + self._rng.normal(0, self.noise, 3), -1, 1)
        return action

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Remember."""
        self._frames.append(observation["image"])
        self._proprio.append(observation["proprio"])
        self._actions.append(np.asarray(action, np.float32))


class OracleAgent:
    """The same planner on the true physics: what a perfect model would allow."""

    def __init__(self, futures: int = ORACLE_FUTURES) -> None:
        self.futures = futures
        self.last_plan: Plan | None = None
        self._dynamics: PhysicsDynamics | None = None

    def reset(self, env: DogOnJacketEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode."""
        if self._dynamics is None or self._dynamics.world is not env.world:
            self._dynamics = PhysicsDynamics(env.world)
        config = CEMConfig(futures=self.futures, iterations=2, elite_fraction=0.15)
        self.mpc = MPC(self._dynamics, objective(), config, MPC_CONFIG)
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**31)))

    def act(self, env: DogOnJacketEnv) -> np.ndarray:
        """Plan on copies of the world as it is."""
        self.last_plan = self.mpc.plan(env.world, env.steps * PERIOD_S, self._generator)
        return np.array(self.last_plan.actions[0], dtype=float)

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """The oracle needs no memory."""


@lru_cache(maxsize=2)
def _model(checkpoint: Path) -> WorldModel:
    return load(checkpoint)


def make_agent(method: str, checkpoint: Path | None = None) -> Agent:
    """The agent called ``method``; ``planner-<futures>`` needs a checkpoint."""
    scripts = {
        "nothing": Nothing(),
        "random": Random(),
        "script-fast": SCRIPT_FAST,
        "script-best": SCRIPT_BEST,
    }
    if method in scripts:
        return BehaviourAgent(scripts[method])
    if method == "oracle":
        return OracleAgent()
    kind, _, futures = method.partition("-")
    if kind == "planner" and futures.isdigit() and int(futures) > 0:
        if checkpoint is None:
            raise ConfigError(f"{method} needs a checkpoint")
        return PlannerAgent(_model(Path(checkpoint)), int(futures))
    raise ConfigError(f"unknown method {method!r}; methods are {', '.join(scripts)}, oracle and planner-<futures>")
