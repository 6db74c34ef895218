"""A planner on a learned model as an agent: it acts from pictures and proprioception, and knows nothing else.

agent = PlannerAgent(task, model, PlannerSettings(futures=512, doubt=0.5))
agent.reset(None, observation, rng); action = agent.act(None); agent.saw(action, observation)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from rehearse.errors import CheckpointError, ConfigError
from rehearse.planner import (
    MPC,
    OPTIMIZERS,
    RISKS,
    Futures,
    Gradient,
    GradientConfig,
    Objective,
    Plan,
    Proposer,
    TrustConfig,
    Verifier,
    make_optimizer,
)
from rehearse.sim.task import GOALS, Situation, Task
from rehearse.world_model import Belief, History, Imagined, WorldModel
from rehearse.world_model.heads import Signals


@dataclass(frozen=True)
class PlannerSettings:
    """How a planner plans; docs/planner.md says what each is worth."""

    futures: int = 512  # imagined for a decision
    optimizer: str = "cem"
    fear: float = 1.0  # of harm, as a multiple of what is usual in the task
    doubt: float = 1.0  # of what the model has not seen, as such a multiple
    risk: str = "worst"  # what is made of the ensemble's several views of harm: worst, mean, cvar or mean_plus_std
    at_most: float | None = (
        None  # the chance of harm that a plan may bring; one that brings more comes after all others
    )
    goal: str = "state"  # where there is one: its numbers, "image", its picture, or "reading", numbers read off that
    deadline_s: float | None = None  # no search goes on for longer; None: to its end
    trust: bool = False  # look less far ahead, plan anew, and hold still, when the world departs from what was imagined
    scout: bool | None = None  # find the way by a coarse search far ahead, and follow it; None: as usual in the task
    skills: bool = False  # imagine also what the task's skills, or a goal-conditioned model, would do
    carry: int = 0  # so many of the last decision's best candidates are tried again
    refine: int = 0  # gradient steps on the best few candidates
    verify: int = 0  # so many of the best drafts are looked at again by the true physics, which no robot has
    compile: bool = False  # the imagining, which takes a minute once; worth it on a GPU, or for long runs
    noise: float = 0.0  # standard deviation of what is added to the actions

    def __post_init__(self) -> None:
        for name, known in (("goal", GOALS), ("risk", RISKS), ("optimizer", OPTIMIZERS)):
            if (value := getattr(self, name)) not in known:
                raise ConfigError(f"unknown {name} {value!r}; choose one of {', '.join(known)}")
        if self.futures < 1 or min(self.fear, self.doubt, self.noise, self.carry, self.refine, self.verify) < 0:
            raise ConfigError(
                "a planner imagines at least 1 future; fear, doubt, noise, carry, refine and verify are not negative"
            )
        if self.verify and (self.trust or self.goal == "image"):
            other = "trust" if self.trust else "a goal that is a picture"
            raise ConfigError(f"verify asks true physics, and {other} needs what the model imagines; use one of them")
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

    def moment(self, belief: Belief) -> torch.Tensor:
        """The moment (D,) that it is in now."""
        return belief.moment[0]

    def blindness(self, history: History, belief: Belief) -> float:
        """Squared error of the last frame as the model would draw it, of values in [0, 1]."""
        drawn = self.model.decode(belief.moment)[0].float()
        return float((drawn - torch.as_tensor(history.frames[-1]).float()).square().mean() / 255**2)

    def signals_now(self, belief: Belief) -> dict[str, torch.Tensor]:
        """What the heads read off the present: {signal: (K,)}."""
        with torch.no_grad():
            told = Signals(self.model.heads, self.model.heads.raw(belief.memory.feature.float()))
            return {name: told[name][:, 0] for name in told}

    def imagine(self, belief: Belief, actions: torch.Tensor) -> Futures:
        """N action sequences (N, H, A) imagined."""
        return _futures(self.model.imagine(belief, actions))

    def go_on(self, belief: Belief, rows: torch.Tensor, actions: torch.Tensor) -> tuple[Futures, Belief]:
        """N action sequences (N, H, A) imagined from branches ``rows`` (N,) of a belief, and the N that they end in."""
        imagined, ends = self.model.go_on(belief, rows, actions)
        return _futures(imagined), ends

    def imagine_many(self, beliefs: Sequence[Belief], actions: Sequence[torch.Tensor]) -> list[Futures]:
        """Of several robots' beliefs of this model, each its own action sequences (N_b, H, A)."""
        return [_futures(imagined) for imagined in self.model.imagine_many(beliefs, actions)]


def _futures(imagined: Imagined) -> Futures:
    return Futures(imagined.latents, imagined.signals, imagined.disagreement)


class PlannerAgent:
    """Model-predictive control on a learned model. ``settings`` may be changed between episodes by ``use``.

    moment_errors: the model's squared error of a moment 1, 2, ... steps ahead, as its checkpoint tells; trust needs it.
    dynamics: how the model imagines, if not as usual.
    """

    def __init__(
        self,
        task: Task,
        model: WorldModel,
        settings: PlannerSettings = PlannerSettings(),
        moment_errors: Sequence[float] = (),
        dynamics: LearnedDynamics | None = None,
    ) -> None:
        _check_fits(task, model, settings)
        self.task, self.moment_errors = task, tuple(moment_errors)
        if settings.compile:
            model.compile_imagining()
        self.dynamics = dynamics or LearnedDynamics(model)
        self.last_plan: Plan | None = None
        self.committed: list[np.ndarray] = []  # actions still on their way, if there is latency
        self.use(settings)

    def use(self, settings: PlannerSettings) -> None:
        """Plan in this way from the next episode on."""
        if settings.trust and not self.moment_errors:
            raise ConfigError(
                "trust needs to know how exact the model is, and its checkpoint does not tell; train anew"
            )
        if settings.goal == "reading" and self.task.goal and not self.task.goal_signals:
            raise ConfigError(f"{self.task.name} has no goal_signals to read a goal by; use goal state or image")
        self.settings = settings

    def reset(self, env: Any, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode with its first observation."""
        self.dynamics.reset()
        self.committed = []
        self._rng = rng
        self._generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        self._frames, self._proprio, self._actions = [observation["image"]], [observation["proprio"]], []
        self._views = {name: [picture] for name, picture in observation.get("views", {}).items()}
        self._goal: dict[str, Any] = {}
        proposes = self.settings.skills and self.dynamics.model.goals is not None
        if self.task.goal and (self.settings.goal == "image" or proposes):
            self._goal["goal_moment"] = moment_of(self.dynamics.model, observation["goal"])
        if self.task.goal and self.settings.goal == "state":
            self._goal["goal_state"] = observation["goal_state"]
        if self.task.goal and self.settings.goal == "reading":
            self._goal["goal_state"] = read_off(self.dynamics.model, observation["goal"], self.task.goal_signals)
        self.mpc = self._mpc(env)
        self.planner = self.task.planner(self.mpc, self.dynamics, self.settings.scout)

    def _mpc(self, env: Any) -> MPC:
        task, settings = self.task, self.settings
        config = replace(
            task.mpc,
            deadline_s=settings.deadline_s,
            carry=settings.carry,
            rest=task.hold,
            trust=TrustConfig(self.moment_errors) if settings.trust else None,
        )
        return MPC(
            self.dynamics,
            self.objective(),
            make_optimizer(settings.optimizer, settings.futures),
            config,
            proposers=self._proposers() if settings.skills else (),
            limits=task.limits,
            refine=Gradient(GradientConfig(settings.refine)) if settings.refine else None,
            verifier=Verifier(OfWorld(task, env.world), settings.verify) if settings.verify else None,
        )

    def _proposers(self) -> list[Proposer]:
        """What else is imagined: the task's skills, and the way to the goal's picture as the model has it."""
        model, goal = self.dynamics.model, self._goal.get("goal_moment")
        proposers: list[Proposer] = []
        if self.task.skills is not None:
            proposers.append(lambda history, belief, times_s: torch.from_numpy(self.task.skills(len(times_s))))
        if model.goals is not None and goal is not None:
            proposers.append(lambda history, belief, times_s: model.propose(belief, goal, len(times_s))[None])
        if not proposers:
            raise ConfigError(f"{self.task.name} has no skills, and the model proposes no actions towards a goal")
        return proposers

    @property
    def belief(self) -> Belief | None:
        """What the model knew at the last decision."""
        return self.dynamics.belief

    def history(self) -> History:
        """What was seen and done so far in this episode."""
        actions = np.array(self._actions, np.float32) if self._actions else None
        views = {name: np.stack(pictures) for name, pictures in self._views.items()}
        return History(np.stack(self._frames), np.stack(self._proprio), actions, views=views)

    def objective(self) -> Objective:
        """What futures cost now."""
        settings = self.settings
        steps_left = self.task.episode_steps - len(self._actions)
        goal = self._goal if settings.goal == "image" else {k: v for k, v in self._goal.items() if k == "goal_state"}
        return self.task.objective(
            Situation(steps_left, settings.fear, settings.doubt, settings.risk, settings.at_most, **goal)
        )

    def act(self, env: Any) -> np.ndarray:
        """Imagine, choose, and give the first action."""
        self.planner.objective = self.objective()
        begins_s = (len(self._actions) + len(self.committed)) * self.task.period_s
        committed = np.array(self.committed) if self.committed else None
        self.last_plan = self.planner.plan(self.history(), begins_s, self._generator, committed)
        action = np.array(self.last_plan.actions[0], dtype=float)
        if self.settings.noise:
            low, high = self.task.mpc.action_low, self.task.mpc.action_high
            action = np.clip(action + self._rng.normal(0, self.settings.noise, len(action)), low, high)
        return action

    def candidates(self, count: int, generator: torch.Generator) -> np.ndarray:
        """Plans (count, H, A) from where the search of the next decision would begin."""
        begins_s = len(self._actions) * self.task.period_s
        return self.mpc.draw(self.history(), begins_s, count, generator).numpy()

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Remember."""
        self._frames.append(observation["image"])
        self._proprio.append(observation["proprio"])
        for name, pictures in self._views.items():
            pictures.append(observation["views"][name])
        self._actions.append(np.asarray(action, np.float32))


class OfWorld:
    """The task's oracle as a planner's verifier: whatever history it is shown, it observes the true world."""

    def __init__(self, task: Task, world: Any) -> None:
        if not task.oracles:
            raise ConfigError(f"{task.name} has no true physics to verify by; leave out planner.verify")
        self._world, self._physics = world, next(iter(task.oracles.values()))(world)

    def observe(self, history: History) -> Any:
        """The world as it is."""
        return self._physics.observe(self._world)

    def imagine(self, belief: Any, actions: torch.Tensor) -> Futures:
        """N action sequences (N, H, A) carried out on copies of it."""
        return self._physics.imagine(belief, actions)


def moment_of(model: WorldModel, image: np.ndarray) -> torch.Tensor:
    """What a single picture (h,w,3) is encoded to, (D,)."""
    return model.observe(History(image[None])).moment[0]


def read_off(model: WorldModel, image: np.ndarray, signals: Sequence[str]) -> np.ndarray:
    """What a single picture (h,w,3) tells of these signals (G,): the mean of what the ensemble's members say."""
    told = LearnedDynamics(model).signals_now(model.observe(History(image[None])))
    return np.array([float(told[name].mean()) for name in signals], np.float32)


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
