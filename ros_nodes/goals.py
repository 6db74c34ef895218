"""What the planner can be asked for, and how that ended. Knows no ROS.

    goal = goal_of('{"kind": "reach", "time_limit_s": 20}', known=("progress",))      # or goal_of("home", ...)
    errand = Errand(goal, number=3, began_s=time.monotonic())
    errand.end(Outcome.REACHED, "the jacket is there, the dog asleep"); errand.report()

A goal comes as a name or as a little JSON; what is wrong with it is said in one sentence, a DataError.
"""

import json
import math
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np

from rehearse.errors import DataError
from rehearse.planner import Plan

LONGEST_TEXT = 1000  # characters; a goal needs fewer
LONGEST_S = 3600.0
HOME_LIMIT_S = 30.0  # an arm that is not at home by then is being kept from it


class Kind(StrEnum):
    """What is to be done."""

    REACH = "reach"  # a signal: the planner's task
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


@dataclass(frozen=True)
class Goal:
    """``signal`` belongs to REACH, empty for the task's own; ``time_limit_s`` 0 sets none, but home then has 30 s."""

    kind: Kind
    signal: str = ""
    time_limit_s: float = 0.0

    @property
    def limit_s(self) -> float:
        """Seconds after which it is given up."""
        return self.time_limit_s or (HOME_LIMIT_S if self.kind is Kind.HOME else math.inf)


def checked(kind: Any, signal: Any, time_limit_s: Any, known: tuple[str, ...]) -> Goal:
    """A goal made of what came from outside; ``known``: the signals that can be reached, the task's own first."""
    if kind not in list(Kind):
        raise DataError(f"unknown goal {kind!r:.100}; send one of {', '.join(Kind)}")
    if kind != Kind.REACH and signal:
        raise DataError(f"a goal of kind {kind} has no signal; leave it out")
    if signal and signal not in known:
        raise DataError(f"this planner cannot reach the signal {signal!r:.100}; it can reach {', '.join(known)}")
    if (
        isinstance(time_limit_s, bool)
        or not isinstance(time_limit_s, int | float)
        or not 0 <= time_limit_s <= LONGEST_S
    ):
        raise DataError(f"time_limit_s is {time_limit_s!r:.100}; send a number of seconds from 0 to {LONGEST_S:.0f}")
    return Goal(Kind(kind), (signal or known[0]) if kind == Kind.REACH else "", float(time_limit_s))


def goal_of(text: str, known: tuple[str, ...]) -> Goal:
    """A goal from a name, or from JSON such as {"kind": "home", "time_limit_s": 20}."""
    if len(text) > LONGEST_TEXT:
        raise DataError(f"the goal has {len(text)} characters; send at most {LONGEST_TEXT}")
    said: Any = {"kind": text.strip()}
    if text.lstrip().startswith("{"):
        try:
            said = json.loads(text)
        except ValueError as error:
            raise DataError(f'the goal is no JSON ({error}); send a name or {{"kind": name}}') from error
    names = [item.name for item in fields(Goal)]
    if strange := sorted(set(said) - set(names)):
        raise DataError(f"the goal has unknown fields {', '.join(strange)!r:.100}; there are {', '.join(names)}")
    return checked(said.get("kind"), said.get("signal", ""), said.get("time_limit_s", 0), known)


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

    def foresee(self, plan: Plan, harm: str) -> None:
        """Another decision was made. What its plan leads to, as imagined; not a number where that was not imagined.

        ``harm``: the event that must not happen.
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
        if self.goal.kind is Kind.REACH and not math.isnan(self.success):
            said |= {"predicted_success": round(self.success, 3), "predicted_risk": round(self.risk, 3)}
        outcome = "running" if self.outcome is None else self.outcome.name.lower()
        return {**said, "outcome": outcome, "outcome_message": self.message}
