"""What the planner can be asked for, and how that ended. Knows no ROS.

    goal = goal_of('{"kind": "reach", "time_limit_s": 20}', reachable(TASK))      # or goal_of("home", ...)
    errand = Errand(goal, number=3, began_s=time.monotonic())
    errand.end(Outcome.REACHED, "the jacket is there, the dog asleep"); errand.report()

A goal comes as a name or as a little JSON; what is wrong with it is said in one sentence, a DataError.
"""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from rehearse.errors import DataError
from rehearse.planner import Plan
from rehearse.sim.task import Task

LONGEST_TEXT = 1000  # characters; a goal needs fewer
LONGEST_S = 3600.0
FIELDS = ("kind", "signal", "time_limit_s", "goal_state")  # of a goal that comes as JSON
REACHES = ("progress",)  # signals that a task's objective may reach for
HOME_LIMIT_S = 30.0  # an arm that is not at home by then is being kept from it


class Kind(StrEnum):
    """What is to be done."""

    REACH = "reach"  # the planner's task: a signal, or where its goal is
    HOME = "home"  # the arm's home posture, slowly
    STOP = "stop"  # rest


class Outcome(IntEnum):
    """How a goal ended; the numbers are those of ``PlanToGoal.action``."""

    REACHED = 0
    HARM = 1
    TIME_UP = 2
    CANCELED = 3
    PREEMPTED = 4
    FAULT = 5


class Reachable(NamedTuple):
    """What a planner's task can be asked to reach: ``signals``, its own first, or a goal in numbers.

    ``numbers``: {name: the least and the most that can be asked for}, none where there are no goals.
    """

    signals: tuple[str, ...] = ()
    numbers: Mapping[str, tuple[float, float]] = MappingProxyType({})


def reachable(task: Task) -> Reachable:
    """Of a task."""
    anything = [(-math.inf, math.inf)] * len(task.goal)
    numbers = dict(zip(task.goal, task.goal_within or anything, strict=True))
    return Reachable(tuple(name for name in REACHES if name in task.signals), numbers)


@dataclass(frozen=True)
class Goal:
    """``signal`` belongs to REACH, empty for the task's own; ``time_limit_s`` 0 sets none, but home then has 30 s.

    Where the task has goals, REACH has one of ``goal_state`` (G,) and ``picture`` (h,w,3), or neither: the last one.
    """

    kind: Kind
    signal: str = ""
    time_limit_s: float = 0.0
    goal_state: tuple[float, ...] = ()
    picture: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def told(self) -> str | None:
        """How a planner is told of it, see ``PlannerSettings.goal``; None where nothing is told."""
        return "image" if self.picture is not None else "state" if self.goal_state else None

    @property
    def observed(self) -> dict[str, np.ndarray]:
        """What is told, as an environment's observation has it."""
        if self.picture is not None:
            return {"goal": self.picture}
        return {"goal_state": np.array(self.goal_state, np.float32)} if self.goal_state else {}

    @property
    def limit_s(self) -> float:
        """Seconds after which it is given up."""
        return self.time_limit_s or (HOME_LIMIT_S if self.kind is Kind.HOME else math.inf)


def checked(kind: Any, signal: Any, time_limit_s: Any, known: Reachable, goal_state: Any = ()) -> Goal:
    """A goal made of what came from outside."""
    if kind not in list(Kind):
        raise DataError(f"unknown goal {kind!r:.100}; send one of {', '.join(Kind)}")
    for name, given in (("signal", signal), ("goal_state", goal_state != ())):
        if kind != Kind.REACH and given:
            raise DataError(f"a goal of kind {kind} has no {name}; leave it out")
    if signal and signal not in known.signals:
        can = f"it can reach {', '.join(known.signals)}" if known.signals else "leave it out, and send a goal_state"
        raise DataError(f"this planner cannot reach the signal {signal!r:.100}; {can}")
    if (
        isinstance(time_limit_s, bool)
        or not isinstance(time_limit_s, int | float)
        or not 0 <= time_limit_s <= LONGEST_S
    ):
        raise DataError(f"time_limit_s is {time_limit_s!r:.100}; send a number of seconds from 0 to {LONGEST_S:.0f}")
    own = known.signals[0] if kind == Kind.REACH and known.signals else ""
    place = () if goal_state == () else _numbers(goal_state, known.numbers)
    return Goal(Kind(kind), signal or own, float(time_limit_s), place)


def _numbers(given: Any, known: Mapping[str, tuple[float, float]]) -> tuple[float, ...]:
    """A goal in numbers, of which each is finite and can be asked for."""
    if not known:
        raise DataError("this planner's task has no goal in numbers; leave goal_state out")
    if not isinstance(given, list) or len(given) != len(known) or not all(map(_finite, given)):
        raise DataError(f"goal_state is {given!r:.100}; send a list of {len(known)} finite numbers: {', '.join(known)}")
    for value, (name, (low, high)) in zip(given, known.items(), strict=True):
        if not low <= value <= high:
            raise DataError(f"goal_state has {name} {value:.4g}; send one from {low:g} to {high:g}")
    return tuple(map(float, given))


def _finite(value: Any) -> bool:
    """Whether it is a number, and one that a float can hold: JSON has whole numbers of any length."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def goal_of(text: str, known: Reachable) -> Goal:
    """A goal from a name, or from JSON such as {"kind": "home", "time_limit_s": 20}."""
    if len(text) > LONGEST_TEXT:
        raise DataError(f"the goal has {len(text)} characters; send at most {LONGEST_TEXT}")
    said: Any = {"kind": text.strip()}
    if text.lstrip().startswith("{"):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError) as error:  # of a thousand brackets
            raise DataError(f'the goal is no JSON ({error}); send a name or {{"kind": name}}') from error
    if strange := sorted(set(said) - set(FIELDS)):
        raise DataError(f"the goal has unknown fields {', '.join(strange)!r:.100}; there are {', '.join(FIELDS)}")
    state = said.get("goal_state", ())
    return checked(said.get("kind"), said.get("signal", ""), said.get("time_limit_s", 0), known, state)


@dataclass
class Errand:
    """A goal on its way: how many decisions were made for it, what the last one foresaw, and at last the outcome."""

    goal: Goal
    number: int
    began_s: float
    steps: int = 0
    success: float = math.nan
    risk: float = math.nan
    outcome: Outcome | None = None
    message: str = ""

    def foresee(self, plan: Plan, harm: str | None) -> None:
        """Another decision was made. What its plan leads to, as imagined; not a number where that was not imagined.

        ``harm``: the event that must not happen, if there is one.
        """
        signals = plan.kept[0].signals if plan.kept else {}
        nothing = np.array([math.nan])
        self.steps += 1
        self.success = float(signals.get(self.goal.signal, nothing)[-1])
        self.risk = float(signals.get(harm, nothing).max())

    def end(self, outcome: Outcome, message: str) -> None:
        """It is over, and stays as it first ended."""
        if self.outcome is None:
            self.outcome, self.message = outcome, message

    def report(self) -> dict[str, Any]:
        """For the status."""
        said: dict[str, Any] = {"goal": self.goal.kind.value, "goal_number": self.number}
        if self.goal.told is not None:
            said["goal_told"] = self.goal.told
        if self.goal.goal_state:
            said["goal_state"] = list(self.goal.goal_state)
        if self.goal.kind is Kind.REACH and not math.isnan(self.success):
            said |= {"predicted_success": round(self.success, 3), "predicted_risk": round(self.risk, 3)}
        outcome = "running" if self.outcome is None else self.outcome.name.lower()
        return {**said, "outcome": outcome, "outcome_message": self.message}
