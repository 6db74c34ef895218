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
from rehearse.planner import (
    MPC,
    CEMConfig,
    Deadline,
    Disagreement,
    Excess,
    Futures,
    Hazard,
    MPCConfig,
    Objective,
    Plan,
    Reach,
    make_optimizer,
)
from rehearse.sim.dog_on_jacket.behaviours import Behaviour, Nothing, Random, StraightPull
from rehearse.sim.dog_on_jacket.env import EPISODE_STEPS, PROPRIO_NAMES, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.physics import NominalPhysics, PhysicsDynamics
from rehearse.sim.dog_on_jacket.world import PERIOD_S, STEP_M, WORKSPACE_HIGH_M, WORKSPACE_LOW_M, World
from rehearse.world_model import Belief, History, WorldModel, load

HOLD = np.array([0.0, 0.0, 0.0, 1.0])  # the action that keeps still and keeps hold
ACTION_DIM = 4
# What the datasets of this task tell besides pictures. The planner minds the first three; the others are what they
# follow from, and are learnt beside them. How deeply the dog sleeps shows in how it holds its head: a few pixels, which
# an encoder that is asked for it learns to look at.
SIGNALS = (
    *("disturbance", "progress", "woken"),
    *("distance_m", "dog_speed_mps", "dog_turn_radps", "dog_shift_m", "sleep_depth"),
)
# The fastest straight pull, and the best constant pull of `rehearse sweep` (validation layouts, level half).
SCRIPT_FAST = StraightPull(direction_rad=0.0, speed=1.0, rise=0.3)
SCRIPT_BEST = StraightPull(direction_rad=0.0, speed=0.4, rise=0.2, follow=True)
ORACLE_FUTURES = 32
MPC_CONFIG = MPCConfig(
    action_low=(-1.0, -1.0, -0.6, 0.9),
    action_high=(1.0, 1.0, 0.6, 1.0),
    horizon=10,
    period_s=PERIOD_S,
    knots=4,
    initial_mean=(-0.3, 0.0, 0.0, 1.0),
    initial_std=(0.4, 0.4, 0.25, 0.01),
    tempos=(0.0, 0.5, 0.75, 1.5, 2.0),
)


def objective(fear: float = 0.6, doubt: float = 2.0, steps_left: int = EPISODE_STEPS) -> Objective:
    """Bring it soon and in time; almost never wake the dog, and stay clear of that; do not trust what is doubtful.

    ``fear`` scales the second, ``doubt`` the third: where the members of the ensemble disagree, the model has not been,
    and what looks good there is mostly its mistake.
    """
    soon = Reach("progress") + 2 * Deadline("progress", steps_left)
    calm = 3 * Hazard("woken") + Excess("disturbance", above=0.5)
    return soon + fear * calm + doubt * Disagreement()


def arm_limits(history: History, actions: torch.Tensor) -> torch.Tensor:
    """Candidates (N, H, 4) as the arm would carry them out: motion ends at the edge of its workspace.

    Where the arm is commanded to is in its proprioception: the gripper's position plus its lag.
    """
    target = torch.as_tensor(history.proprio[-1, :3] + history.proprio[-1, 3:6]).to(actions)
    step, low, high = (torch.as_tensor(x).to(actions) for x in (STEP_M, WORKSPACE_LOW_M, WORKSPACE_HIGH_M))
    carried_out = actions.clone()
    for h in range(actions.shape[1]):
        reached = (target + actions[:, h, :3] * step).clamp(low, high)
        carried_out[:, h, :3] = (reached - target) / step
        target = reached
    return carried_out


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

    def __init__(self, model: WorldModel, futures: int, optimizer: str = "cem") -> None:
        _check_fits(model)
        self.dynamics = LearnedDynamics(model)
        self.noise = 0.0
        self.last_plan: Plan | None = None
        self.committed = []
        self.optimizer = optimizer
        self.use(futures)

    def use(self, futures: int, fear: float = 0.6, doubt: float = 2.0) -> None:
        """Plan with this many imagined futures, this fear of waking and this doubt from now on."""
        self.futures, self.fear, self.doubt = futures, fear, doubt
        search = make_optimizer(self.optimizer, futures)
        self.mpc = MPC(self.dynamics, objective(fear, doubt), search, MPC_CONFIG, limits=arm_limits)

    def reset(self, env: DogOnJacketEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode with its first observation."""
        self.dynamics.reset()
        self.mpc.reset()
        self.committed: list[np.ndarray] = []  # actions still on their way, if there is latency
        self._rng = rng
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        self._frames, self._proprio, self._actions = [observation["image"]], [observation["proprio"]], []

    def history(self) -> History:
        """What was seen and done so far in this episode."""
        actions = np.array(self._actions, np.float32) if self._actions else None
        return History(np.stack(self._frames), np.stack(self._proprio), actions)

    def act(self, env: DogOnJacketEnv) -> np.ndarray:
        """Imagine, choose, and give the first action."""
        self.mpc.objective = objective(self.fear, self.doubt, steps_left=EPISODE_STEPS - len(self._actions))
        begins_s = (len(self._actions) + len(self.committed)) * PERIOD_S
        committed = np.array(self.committed) if self.committed else None
        self.last_plan = self.mpc.plan(self.history(), begins_s, self._generator, committed)
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
    """The same planner on the true physics: what a perfect model would allow.

    ``nominal`` keeps the state true but friction and mass at their nominal values: what sight alone would allow.
    """

    def __init__(self, futures: int = ORACLE_FUTURES, nominal: bool = False) -> None:
        self.futures = futures
        self.nominal = nominal
        self.last_plan: Plan | None = None
        self._dynamics: PhysicsDynamics | None = None

    def reset(self, env: DogOnJacketEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode."""
        if self.nominal:
            self._dynamics = self._dynamics or NominalPhysics(World(env.world.jacket, env.world.arm))
        elif self._dynamics is None or self._dynamics.world is not env.world:
            self._dynamics = PhysicsDynamics(env.world)
        config = CEMConfig(futures=self.futures, iterations=2, elite_fraction=0.15)
        self.mpc = MPC(self._dynamics, objective(), config, MPC_CONFIG)
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**31)))

    def act(self, env: DogOnJacketEnv) -> np.ndarray:
        """Plan on copies of the world as it is."""
        self.mpc.objective = objective(steps_left=EPISODE_STEPS - env.steps)
        self.last_plan = self.mpc.plan(env.world, env.steps * PERIOD_S, self._generator)
        return np.array(self.last_plan.actions[0], dtype=float)

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """The oracle needs no memory."""


@lru_cache(maxsize=2)
def _model(checkpoint: Path) -> WorldModel:
    return load(checkpoint)


def make_agent(method: str, checkpoint: Path | None = None) -> Agent:
    """The agent called ``method``; ``planner-<futures>`` and ``planner-<optimizer>-<futures>`` need a checkpoint."""
    scripts = {
        "nothing": Nothing(),
        "random": Random(),
        "script-fast": SCRIPT_FAST,
        "script-best": SCRIPT_BEST,
    }
    if method in scripts:
        return BehaviourAgent(scripts[method])
    if method in ("oracle", "oracle-nominal"):
        return OracleAgent(nominal=method != "oracle")
    stem, _, futures = method.rpartition("-")
    kind, _, optimizer = stem.partition("-")
    if kind == "planner" and futures.isdigit() and int(futures) > 0:
        if checkpoint is None:
            raise ConfigError(f"{method} needs a checkpoint")
        return PlannerAgent(_model(Path(checkpoint)), int(futures), optimizer or "cem")
    known = ", ".join((*scripts, "oracle", "oracle-nominal"))
    raise ConfigError(f"unknown method {method!r}; methods are {known} and planner-<futures>")
