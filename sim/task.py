"""What a task is: all that collecting, training, evaluating, replaying and planning ask of one, in one dataclass.

    TASK = Task(name="push", env_id="rehearse/Push-v0", ...)                  # in sim/push/task.py
    env = get_task("push").make_env(split="test", options={...})

Letters: A action dimension, P proprioception, G numbers that say where the goal is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from rehearse.errors import ConfigError, DataError
from rehearse.planner import MPC, CEMConfig, Dynamics, MPCConfig, Objective, Scout, ScoutConfig, TwoLevel
from rehearse.planner.mpc import Limits
from rehearse.sim.baselines import Nothing, Random
from rehearse.sim.tale import Tale
from rehearse.sim.variation import checked
from rehearse.world_model.config import TrainConfig

if TYPE_CHECKING:
    from rehearse.sim.arm_motion import ArmMotion
    from rehearse.sim.live import LiveWorld
    from rehearse.world_model.data import ClipCache

TAGS = ("smoke", "benchmark", "flagship")  # runs in seconds; is compared with others; is the story of the project
# How a planner is told where the goal is: as numbers, as a picture, or as numbers that its model reads off the picture.
GOALS = ("state", "image", "reading")
SIGNAL_KINDS = ("regression", "event")
RESERVED = (  # what results and datasets say of themselves
    *("task", "level", "split", "seed", "delay_steps", "compensate", "planner", "episodes", "checkpoint"),
    *("clock", "variations"),
    *("code", "code_version", "python", "machine", "date", "behaviour", "workers", "image_size"),
)
NONE: Mapping = MappingProxyType({})
Physics = Callable[[Any], Dynamics]  # a task's world -> a Dynamics that observes worlds
ORACLE_SEARCH = CEMConfig(futures=32, iterations=2, elite_fraction=0.15)


def within_bounds(action: np.ndarray, world: Any) -> np.ndarray:
    """What a robot that stops nowhere makes of an action (A,)."""
    return np.clip(action, -1, 1)


class TaskEnv(Protocol):
    """A Gymnasium environment, and what is asked of it besides.

    Observation: ``image`` (s,s,3) uint8 and ``proprio`` (P,) float32; where there is a goal, also ``goal`` (s,s,3)
    uint8, a picture of it reached, and ``goal_state`` (G,) float32. ``info``: the task's signals, ``progress``
    (0 .. 1), ``time_s``, ``layout``, and what the task calls success and harm. ``reset(options={"layout": n})`` lays
    out layout n; ``"variations": {factor: strength}`` beside it takes factors beyond what training has seen. Where
    there are such factors, ``state()`` gives this moment as arrays, and ``reset(options={"state": state})`` goes to
    it. ``world`` is the true world: scripts and the oracle read it, a planner never does.
    """

    world: Any
    steps: int  # taken in this episode

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]: ...

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]: ...

    def observe(self) -> dict: ...

    def render(self) -> np.ndarray | None: ...

    def close(self) -> None: ...


class Behaviour(Protocol):
    """Anything hand-written that acts in a task's world, whose true state it reads."""

    def reset(self, world: Any, rng: np.random.Generator) -> None:
        """Begin an episode."""

    def act(self, world: Any) -> np.ndarray:
        """The next action (A,)."""


@dataclass(frozen=True)
class Situation:
    """What is known when a decision is due, and what the objective is made from.

    ``fear`` of harm and ``doubt`` of what the model has not seen are multiples of what is usual in the task. ``risk``:
    what is made of the ensemble's several views of harm; ``at_most``: the chance of harm that is allowed. Of a goal
    one of two is given, as the planner's settings say: ``goal_state`` (G,), or ``goal_moment`` (D,), which is what the
    model encodes its picture to.
    """

    steps_left: int
    fear: float = 1.0
    doubt: float = 1.0
    risk: str = "worst"
    at_most: float | None = None
    goal_state: np.ndarray | None = None
    goal_moment: torch.Tensor | None = None


@dataclass(frozen=True)
class Harm:
    """What must not happen: the name of its event in ``info``, and of the ``strain`` that leads to it and is then 1.

    ``words`` head its column.
    """

    event: str
    strain: str
    words: str


@dataclass(frozen=True)
class Option:
    """A choice that only this task's environment has; the first of the ``choices`` is the usual one.

    ``others``: how further values may begin, which cannot be listed; ``find`` raises for one of which there is nothing.
    """

    choices: tuple[str, ...]
    meaning: str
    others: tuple[str, ...] = ()
    find: Callable[[str], Any] | None = None


@dataclass(frozen=True)
class Task:
    """One task. ``nothing`` and ``random`` join its scripts, whatever it is; ``script-best`` demonstrates it."""

    name: str
    env_id: str  # with Gymnasium
    summary: str
    instruction: str  # what a person would ask for; datasets carry it
    tags: frozenset[str]
    build: Callable[..., TaskEnv]  # takes what make_env does and the options, by keyword; level and harm if it has them
    period_s: float
    episode_steps: int
    hold: tuple[float, ...]  # the action (A,) that does nothing
    actions: tuple[str, ...]  # names of A
    proprio: tuple[str, ...]  # names of P
    signals: Mapping[str, str]  # {name: kind}: what its datasets tell
    play: Callable[[], Behaviour]  # what training data comes from
    scripts: Mapping[str, Callable[[], Behaviour]]  # {method: a new behaviour}
    oracles: Mapping[str, Physics]  # {method: true physics}, best first; none where it cannot be had
    mpc: MPCConfig
    objective: Callable[[Situation], Objective]
    limits: Limits | None = None  # a planner's candidates as the robot would make of them
    skills: Callable[[int], np.ndarray] | None = None  # T steps -> actions (M,T,A) that are worth imagining
    scout: ScoutConfig = field(default_factory=ScoutConfig)  # how a search far ahead goes about it
    two_levels: bool = False  # whether planners, the oracle too, look far ahead unless told otherwise
    carried_out: Callable[[np.ndarray, Any], np.ndarray] = within_bounds  # the same of one action in the true world
    oracle_search: CEMConfig = ORACLE_SEARCH
    levels: tuple[str, ...] = ("usual",)
    level: str = ""  # the usual one; the first unless given
    options: Mapping[str, Option] = field(default_factory=dict)
    changeable: frozenset[str] = frozenset()  # of level and options: what may be set on an environment between episodes
    variations: tuple[str, ...] = ()  # the factors of variation that its environment can be given
    training: Mapping[str, Any] = field(default_factory=dict)  # {field of TrainConfig: what its models need of it}
    tops: Mapping[str, float] = field(default_factory=dict)  # {signal: where it is cut, for more tells nothing}
    success: str = "success"  # its name in info
    success_words: str = "Success"
    harm: Harm | None = None
    goal: tuple[str, ...] = ()  # names of G; none where there is no goal
    goal_signals: tuple[str, ...] = ()  # the signals (G,) that are these numbers once the goal is reached, if there are
    goal_within: tuple[tuple[float, float], ...] = ()  # (G,2): the least and the most of each that can be asked for
    motion: Callable[..., "ArmMotion"] | None = None  # an arm's name, or its usual one -> its actions as joints' motion
    live: Callable[[Any], "LiveWorld"] | None = None  # its environment -> the same at a robot's pace
    views: tuple[str, ...] = ()  # further cameras that its environment may have
    checkpoint: str | None = None  # the shipped model's name
    cloned: str | None = None  # that of the policy that repeats demonstrations
    robot: str = ""  # its name in datasets, in terms of {options}
    tale: Tale | None = None  # how it is told to people; in plain words unless given

    def __post_init__(self) -> None:
        baselines = {"nothing": partial(Nothing, self.hold), "random": partial(Random, len(self.hold))}
        filled = {
            "scripts": baselines | dict(self.scripts),
            "level": self.level or self.levels[0],
            "robot": self.robot or f"rehearse_{self.name}",
            "tale": self.tale or Tale(self.summary[:1].upper() + self.summary[1:]),
        }
        for name, value in filled.items():
            object.__setattr__(self, name, value)
        if len(self.hold) != len(self.actions) or len(self.mpc.action_low) != len(self.actions):
            raise ConfigError(f"task {self.name}: hold and mpc need {len(self.actions)} numbers, one an action")
        if self.mpc.period_s != self.period_s:
            raise ConfigError(f"task {self.name}: mpc plans in steps of {self.mpc.period_s} s, not {self.period_s} s")
        for what, found, known in (
            ("tag", self.tags, TAGS),
            ("kind of signal", self.signals.values(), SIGNAL_KINDS),
            ("level", (self.level,), self.levels),
            ("signal", (*self.tops, *self.goal_signals), self.signals),
            ("signal of harm", () if self.harm is None else (self.harm.event, self.harm.strain), self.signals),
            ("changeable thing", self.changeable, ("level", *self.options)),
        ):
            if unknown := sorted(set(found) - set(known)):
                raise ConfigError(f"task {self.name}: unknown {what} {unknown[0]!r}; known are {', '.join(known)}")
        for name, what in (("goal_signals", "names"), ("goal_within", "pairs")):
            if (told := getattr(self, name)) and len(told) != (count := len(self.goal)):
                raise ConfigError(f"task {self.name}: {name} need {count} {what}, one a number of the goal")
        if taken := set(self.options) & set(RESERVED):
            raise ConfigError(f"task {self.name}: option {sorted(taken)[0]} has the name of something general")

    def make_env(
        self,
        level: str | None = None,
        split: str = "train",
        options: Mapping[str, str] = NONE,
        *,
        image_size: int = 64,
        stop_at_harm: bool = True,
        render_mode: str | None = None,
        render_size: tuple[int, int] = (480, 640),
        variations: Mapping[str, float] = NONE,
        views: Sequence[str] = (),
    ) -> TaskEnv:
        """The environment; ConfigError for a level, an option, a camera or a factor of variation that there is not."""
        settings = {"split": split, "image_size": image_size, "render_mode": render_mode, "render_size": render_size}
        settings |= self.checked_options(options)
        if variations := checked(variations, self.variations):
            settings["variations"] = variations
        if unknown := sorted(set(views) - set(self.views)):
            known = ", ".join(self.views) or "none"
            raise ConfigError(f"unknown camera {unknown[0]!r}; {self.name} has these further ones: {known}")
        if views:
            settings["views"] = tuple(views)
        level = self.checked_level(level)
        if len(self.levels) > 1:
            settings["level"] = level
        if self.harm is not None:
            settings["stop_at_harm"] = stop_at_harm
        return self.build(**settings)

    def checked_level(self, level: str | None) -> str:
        """The level, or the usual one for None; ConfigError lists the levels."""
        if level is None:
            return self.level
        if level not in self.levels:
            raise ConfigError(f"unknown level {level!r}; choose one of {', '.join(self.levels)}")
        return level

    def checked_options(self, given: Mapping[str, str]) -> dict[str, str]:
        """A value for every option, the usual one where none is given; ConfigError for what there is not."""
        if unknown := sorted(set(given) - set(self.options)):
            known = ", ".join(self.options) or "none"
            raise ConfigError(f"{self.name} has no option {unknown[0]}; its options are: {known}")
        chosen = {name: given.get(name, option.choices[0]) for name, option in self.options.items()}
        for name, value in chosen.items():
            option = self.options[name]
            if value in option.choices:
                continue
            if not value.startswith(option.others):
                known = (*option.choices, *(f"{other}…" for other in option.others))
                raise ConfigError(f"unknown {name} {value!r}; choose one of {', '.join(known)}")
            if option.find is not None:
                option.find(value)
        return chosen

    def planner(self, mpc: MPC, dynamics: Dynamics, scout: bool | None = None) -> MPC | TwoLevel:
        """``mpc`` itself, or on two levels with a scout that imagines by ``dynamics``; None: as is usual here."""
        if not (self.two_levels if scout is None else scout):
            return mpc
        return TwoLevel(mpc, Scout(dynamics, mpc.objective, self.scout, self.mpc.action_low, self.mpc.action_high))

    def signals_of(self, infos: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
        """What T moments' infos tell, as datasets have it: {signal: (T,)}, events as bool."""
        told = {}
        for name, kind in self.signals.items():
            values = np.array([info[name] for info in infos], bool if kind == "event" else np.float32)
            told[name] = values.clip(max=self.tops[name]) if name in self.tops else values
        return told

    def check_data(self, data: "ClipCache") -> None:
        """Raise DataError if the episodes are not of this task's robot, or tell of signals and not of this task's."""
        found, wanted = (data.action_dim, data.proprio_dim), (len(self.actions), len(self.proprio))
        if found != wanted:
            raise DataError(f"{data}: {found} action and proprioception dimensions, {self.name} has {wanted}")
        if data.signal_kinds and (missing := sorted(set(self.signals) - set(data.signal_kinds))):
            raise DataError(f"{data}: no signal {missing[0]!r}, which {self.name} has; is it data of another task?")

    def suited(self, config: TrainConfig) -> TrainConfig:
        """The same training as models of this task need it.

        Where there is a goal, they also learn how the way to one begins.
        """
        model = replace(config.model, goals=bool(self.goal))
        return replace(config, model=model, **self.training)

    def harmed(self, info: Mapping[str, Any]) -> bool:
        """Whether harm was done; never where nothing can be harmed."""
        return self.harm is not None and bool(info[self.harm.event])

    def over(self, info: Mapping[str, Any]) -> bool:
        """Whether an episode has come to its end, good or bad."""
        return bool(info[self.success]) or self.harmed(info)
