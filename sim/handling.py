"""What the tasks share in which a gripper handles things: how their planners search, and what handling costs.

goal_task(..., mpc=MPC, oracle_search=ORACLE_SEARCH)
objective = brought(("knob_x_m", "knob_y_m", "knob_z_m"), {"opening_m": 0.1}, tolerance_m=0.012, now=situation)
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rehearse.planner import CEMConfig, Disagreement, Futures, Goal, MPCConfig, Objective, Term
from rehearse.sim.goal_world import PERIOD_S
from rehearse.sim.task import Situation

MPC = MPCConfig(
    action_low=(-1.0,) * 4,
    action_high=(1.0,) * 4,
    horizon=8,
    period_s=PERIOD_S,
    knots=5,
    initial_std=(0.6, 0.6, 0.6, 0.8),
)
ORACLE_SEARCH = CEMConfig(futures=128, iterations=4, elite_fraction=0.15)


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
