"""A task from the world of one: what a GoalWorld says of itself need not be said again.

TASK = goal_task(PushWorld, name="push", build=PushEnv, ...)
"""

from collections.abc import Mapping
from typing import Any

from rehearse.planner import Disagreement, Objective, Toward
from rehearse.sim.goal_world import PERIOD_S, GoalWorld
from rehearse.sim.rollout import RolloutDynamics
from rehearse.sim.task import Situation, Task
from rehearse.sim.variation import varied_in


def goal_task(world: type[GoalWorld], training: Mapping[str, Any] | None = None, **rest: Any) -> Task:
    """The task of this world; ``training``: what its models need beside all goal tasks'; ``rest``: other fields."""
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
            **(training or {}),
        },
        **rest,
    )


def towards_picture(now: Situation) -> Objective:
    """What futures cost when the goal is a picture: their moments' distance from its moment, all along the way."""
    return Toward(now.goal_moment) + now.doubt * Disagreement()
