"""A task from the world of one: what a GoalWorld says of itself need not be said again.

TASK = goal_task(PushWorld, name="push", build=PushEnv, ...)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rehearse.planner import Disagreement, Futures, Goal, Objective, Term, Toward
from rehearse.sim.goal_world import PERIOD_S, GoalWorld
from rehearse.sim.rollout import RolloutDynamics
from rehearse.sim.task import Situation, Task
from rehearse.sim.variation import varied_in


def goal_task(world: type[GoalWorld], **rest: Any) -> Task:
    """The task of this world; ``rest`` are the other fields of Task."""
    return Task(
        instruction=world.instruction,
        period_s=PERIOD_S,
        hold=world.hold,
        actions=world.action_names,
        proprio=world.proprio,
        signals={name: "event" if name == world.harm else "regression" for name in world.signals},
        variations=varied_in(world.factors_kind),
        goal=world.goal,
        goal_signals=world.goal_signals,
        oracles={"oracle": RolloutDynamics},
        # Where things are is asked for in metres: a picture that is shown shifted would tell it wrong. What moves is
        # small beside the light and the camera of a layout, which would else make up nine tenths of a moment.
        # It is also all that a plan goes by, and worth more than it usually is beside the rest of a moment.
        training={
            "shift_px": 0,
            "motion_weight": 0.05,
            "observed_head_weight": 1.0,
            "imagined_head_weight": 2.0,
        },
        **rest,
    )


def towards_picture(now: Situation) -> Objective:
    """What futures cost when the goal is a picture: their moments' distance from its moment, all along the way."""
    return Toward(now.goal_moment) + now.doubt * Disagreement()


@dataclass(frozen=True)
class Handling(Term):
    """What the hand should be doing, averaged over the horizon, in metres: near the thing, and in hold of it or not.

    ``thing``: the signals (3,) that tell where it is to be taken; ``goal``: {signal: value}, reached within
    ``tolerance_m``. Away from the goal a thing that is not held costs 0.1; at the goal one that is held does. Where it
    stands still whatever the hand does, its own price tells plans apart in nothing.
    """

    thing: tuple[str, str, str]
    goal: Mapping[str, float]
    tolerance_m: float
    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        thing, grip = (
            torch.stack([futures.signal(name) for name in names], -1)
            for names in (self.thing, ("grip_x_m", "grip_y_m", "grip_z_m"))
        )
        reach = (thing - grip).norm(dim=-1)
        left = torch.stack([futures.signal(name) - at for name, at in self.goal.items()], -1).norm(dim=-1)
        holds = futures.signal("holds").clamp(0, 1)
        away = left > self.tolerance_m
        return torch.where(away, 0.5 * reach + 0.1 * (1 - holds), 0.1 * holds).mean((0, 2))


def brought(thing: tuple[str, str, str], goal: Mapping[str, float], tolerance_m: float, now: Situation) -> Objective:
    """What futures cost where a thing is to be brought to ``goal`` by hand: see Handling."""
    return 10 * (Goal(goal) + Handling(thing, goal, tolerance_m)) + 0.2 * now.doubt * Disagreement()
