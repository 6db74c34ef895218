"""Decisions of B robots at once: what they all want imagined next is imagined in one go.

    plans = plan_together(dynamics, [Turn(mpc, history, time_s, generator) for ...])

A small population costs a model almost as much as a large one, so eight robots with 64 futures each are served in
little more time than one. Every robot's planner keeps its own search, memory and dice: what it decides does not depend
on who else is there, but for the rounding of a larger product.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from rehearse.planner.mpc import MPC, Ask
from rehearse.planner.protocols import Belief, Futures, Plan, PlanningError


class ManyDynamics(Protocol):
    """A Dynamics that imagines from several beliefs at once."""

    def imagine_many(self, beliefs: Sequence[Belief], actions: Sequence[Tensor]) -> list[Futures]:
        """B beliefs and actions (n_b,H,A), of one H -> B Futures."""
        ...


@dataclass(frozen=True)
class Turn:
    """One robot's decision: the arguments of `MPC.plan`."""

    mpc: MPC
    history: Any
    time_s: float
    generator: torch.Generator
    committed: np.ndarray | None = None


@torch.no_grad()
def plan_together(dynamics: ManyDynamics, turns: Sequence[Turn]) -> list[Plan | PlanningError]:
    """The plan of every robot, or the error of one that has none. All planners' beliefs must be of ``dynamics``."""
    decisions = [turn.mpc.decide(turn.history, turn.time_s, turn.generator, turn.committed) for turn in turns]
    made: list[Plan | PlanningError | None] = [None] * len(turns)
    asks = {i: ask for i, decision in enumerate(decisions) if (ask := _next(decision, None, made, i))}
    while asks:
        waiting, asks = asks, {}
        for steps in sorted({ask.actions.shape[1] for ask in waiting.values()}):
            group = [i for i, ask in waiting.items() if ask.actions.shape[1] == steps]
            futures = dynamics.imagine_many([waiting[i].belief for i in group], [waiting[i].actions for i in group])
            for i, answer in zip(group, futures, strict=True):
                if ask := _next(decisions[i], answer, made, i):
                    asks[i] = ask
    return made


def _next(
    decision: Generator[Ask, Futures, Plan], answer: Futures | None, made: list[Plan | PlanningError | None], i: int
) -> Ask | None:
    """What decision ``i`` asks next; None once it is made, and then its plan or error stands in ``made``."""
    try:
        return decision.send(answer)
    except StopIteration as finished:
        made[i] = finished.value
    except PlanningError as error:
        made[i] = error
    return None
