"""Latency: what is decided now is carried out later, by a fixed time or by the time that the decision really took.

    clock = Clock.parse("fixed:400", task.period_s)          # or "ideal", or "measured"
    agent = clock.late(make_agent(task, "planner-512", checkpoint), task)

Sensing, planning and sending take time on a robot. ``ideal``: none. ``fixed``: every action comes so many control
periods late, on every run exactly alike. ``measured``: an action is late by the time that its decision took on this
machine, rounded up to control periods; until it is done the robot goes on with the plan that it has, and then holds
still. With ``told`` a planner knows which actions are still on their way, and plans from where they will have led;
without, it plans as if it acted at once. Scripts cannot be told.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from rehearse.errors import ConfigError
from rehearse.planner import Plan
from rehearse.sim.agents import Agent
from rehearse.sim.task import Task, TaskEnv


@dataclass(frozen=True)
class Clock:
    """How late actions come: ``steps`` control periods, or as was measured. ``told``: planners know it."""

    steps: int = 0
    measured: bool = False
    told: bool = True

    def __post_init__(self) -> None:
        if self.steps < 0 or (self.steps and self.measured):
            raise ConfigError(f"latency is {self.steps} periods; it must be 0 or more, and 0 where it is measured")

    @classmethod
    def parse(cls, text: str, period_s: float, told: bool = True) -> Self:
        """``ideal``, ``measured`` or ``fixed:<ms>``, in whole control periods; ConfigError for anything else."""
        kind, _, rest = text.partition(":")
        if text in ("ideal", "measured"):
            return cls(measured=text == "measured", told=told)
        if kind != "fixed" or not rest.isdigit():
            raise ConfigError(f"unknown clock {text!r}; choose ideal, measured or fixed:<ms>, such as fixed:400")
        period_ms = round(1000 * period_s)
        steps, left = divmod(int(rest), period_ms)
        if left:
            raise ConfigError(
                f"the clock is {text}; it must be a multiple of {period_ms} ms, the task's control period"
            )
        return cls(steps, told=told)

    def words(self, period_s: float) -> str:
        """What ``parse`` reads."""
        return (
            "measured" if self.measured else f"fixed:{round(1000 * period_s * self.steps)}" if self.steps else "ideal"
        )

    def late(self, agent: Agent, task: Task, delays: Sequence[int] | None = None) -> Agent:
        """The agent under this clock; ``delays``: those of an episode that was measured, to live it again."""
        if self.measured:
            return Measured(agent, task.hold, task.period_s, self.told, delays)
        return Delayed(agent, task.hold, self.steps, self.told) if self.steps else agent


class Delayed:
    """An Agent whose actions arrive ``steps`` control periods late; until the first arrives, ``hold`` (A,) is done."""

    def __init__(self, agent: Agent, hold: Sequence[float], steps: int, compensate: bool = True) -> None:
        if steps < 0:
            raise ConfigError(f"latency cannot be negative, got {steps} steps")
        self.agent, self.hold, self.steps, self.compensate = agent, np.array(hold, float), steps, compensate

    @property
    def last_plan(self) -> Plan | None:
        """The agent's latest decision."""
        return self.agent.last_plan

    def reset(self, env: TaskEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode with nothing on its way."""
        self._on_their_way = deque([self.hold] * self.steps)
        self.agent.reset(env, observation, rng)

    def act(self, env: TaskEnv) -> np.ndarray:
        """Decide, and give what was decided ``steps`` ago."""
        if self.compensate and hasattr(self.agent, "committed"):
            self.agent.committed = list(self._on_their_way)
        self._on_their_way.append(self.agent.act(env))
        return self._on_their_way.popleft()

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Pass on what was done and seen."""
        self.agent.saw(action, observation)


class Measured:
    """An Agent whose decisions take the time that they take, one after another.

    A decision that is begun at one step arrives ``ceil(time / period)`` steps later; the next is begun at that step.
    How long it will take is not known when it is begun: planners are told to expect the time that the last one took,
    and what has gone by when the plan arrives is left out of it. ``delays``: these instead of the clock's.
    """

    def __init__(
        self,
        agent: Agent,
        hold: Sequence[float],
        period_s: float,
        compensate: bool = True,
        delays: Sequence[int] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.agent, self.hold, self.period_s, self.compensate = agent, np.array(hold, float), period_s, compensate
        self._recorded, self._clock = delays, clock

    @property
    def last_plan(self) -> Plan | None:
        """The agent's latest decision, which may not have arrived yet."""
        return self.agent.last_plan

    def reset(self, env: TaskEnv, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode with nothing on its way."""
        self.delays: list[int] = []
        self._step = 0
        self._ahead: list[np.ndarray] = []  # what is done from now on
        self._coming: tuple[int, int, list[np.ndarray]] | None = None  # arrives at, is for, actions
        self.agent.reset(env, observation, rng)

    def act(self, env: TaskEnv) -> np.ndarray:
        """Take in what has arrived, decide if the last decision is done, and give the action that is due."""
        self._take_in()
        if self._coming is None:
            self._decide(env)
        self._step += 1
        return self._ahead.pop(0) if self._ahead else self.hold

    def _take_in(self) -> None:
        if self._coming is None or self._coming[0] > self._step:
            return
        _, meant_for, actions = self._coming
        self._coming = None
        passed = self._step - meant_for
        # One that arrives early waits behind what was on its way; of one that arrives late the beginning has passed.
        kept = (self._ahead + [self.hold] * max(0, -passed))[: max(0, -passed)]
        self._ahead = kept + actions[max(0, passed) :]

    def _decide(self, env: TaskEnv) -> None:
        expected = self.delays[-1] if self.delays else 1
        told = self.compensate and hasattr(self.agent, "committed")
        if told:
            self.agent.committed = (self._ahead + [self.hold] * expected)[:expected]
        begin = self._clock()
        action = self.agent.act(env)
        took_s = self._clock() - begin
        delay = max(1, math.ceil(took_s / self.period_s))
        if self._recorded is not None and len(self.delays) < len(self._recorded):
            delay = self._recorded[len(self.delays)]
        self.delays.append(delay)
        plan = self.agent.last_plan
        following = [] if plan is None else [np.array(each, float) for each in plan.actions[1:]]
        arrives = self._step + delay
        self._coming = arrives, self._step + expected if told else arrives, [action, *following]

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Pass on what was done and seen."""
        self.agent.saw(action, observation)
