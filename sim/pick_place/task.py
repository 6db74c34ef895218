"""Picking and placing as a task: a block to where a picture shows it.

env = TASK.make_env(split="test"); agent = make_agent(TASK, "oracle")
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rehearse.planner import CEMConfig, Disagreement, Futures, Goal, MPCConfig, Objective, Term
from rehearse.sim.goal_task import goal_task, towards_picture
from rehearse.sim.goal_world import PERIOD_S
from rehearse.sim.pick_place.behaviours import Demonstrator, noisy_play
from rehearse.sim.pick_place.env import EPISODE_STEPS, PickPlaceEnv
from rehearse.sim.pick_place.world import TOLERANCE_M, PickPlaceWorld
from rehearse.sim.task import Situation

AXES = "xyz"


@dataclass(frozen=True)
class Handling(Term):
    """What the hand should be doing, averaged over the horizon, in metres: near the block, and in hold of it or not.

    Far from ``goal_m`` a block that is not held costs 0.1; at the goal one that is held does. Where the block stands
    still whatever the hand does, its own price tells plans apart in nothing.
    """

    goal_m: tuple[float, float, float]
    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        block, grip = (
            torch.stack([futures.signal(f"{what}_{axis}_m") for axis in AXES], -1) for what in ("block", "grip")
        )
        reach = (block - grip).norm(dim=-1)
        far = (block - torch.tensor(self.goal_m).to(block)).norm(dim=-1) > TOLERANCE_M
        holds = futures.signal("holds").clamp(0, 1)
        return torch.where(far, 0.5 * reach + 0.1 * (1 - holds), 0.1 * holds).mean((0, 2))


def objective(now: Situation) -> Objective:
    """The block at the goal, the hand at the block until it is there."""
    if now.goal_moment is not None:
        return towards_picture(now)
    place = {f"block_{axis}_m": float(value) for axis, value in zip(AXES, now.goal_state, strict=True)}
    return 10 * (Goal(place) + Handling(tuple(place.values()))) + 0.2 * now.doubt * Disagreement()


TASK = goal_task(
    PickPlaceWorld,
    name="pick-place",
    env_id="rehearse/PickPlace-v0",
    summary="an arm picks a block up and puts it where a picture shows it, on table or shelf",
    tags=frozenset({"benchmark"}),
    build=PickPlaceEnv,
    episode_steps=EPISODE_STEPS,
    play=noisy_play,
    scripts={"script-best": Demonstrator},
    mpc=MPCConfig(
        action_low=(-1.0,) * 4,
        action_high=(1.0,) * 4,
        horizon=8,
        period_s=PERIOD_S,
        knots=5,
        initial_std=(0.6, 0.6, 0.6, 0.8),
    ),
    oracle_search=CEMConfig(futures=128, iterations=4, elite_fraction=0.15),
    objective=objective,
    success_words="Block in its place",
)
