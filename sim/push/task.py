"""Pushing as tasks: a square to a place, and a T to a place and an angle.

env = PUSH.make_env(split="test"); agent = make_agent(PUSH, "oracle")
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from rehearse.planner import Disagreement, Futures, Goal, MPCConfig, Objective, Term
from rehearse.sim.goal_task import goal_task, towards_picture
from rehearse.sim.goal_world import PERIOD_S
from rehearse.sim.push.behaviours import Demonstrator, noisy_play
from rehearse.sim.push.env import EPISODE_STEPS, PushEnv
from rehearse.sim.push.shapes import SHAPES
from rehearse.sim.push.world import TOLERANCE_M, PushWorld
from rehearse.sim.task import Situation, Task

BEHIND_M = 0.065  # of the pusher's middle from the block's, where it pushes
NEARBY = 0.2  # what a metre of the pusher costs, of a metre of the block


@dataclass(frozen=True)
class Behind(Term):
    """Distance (m) of the pusher from where it would push the block straight to ``goal_m``, averaged over the horizon.

    Where the block stands still whatever the pusher does, its own price tells plans apart in nothing.
    """

    goal_m: tuple[float, float]
    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        block, pusher = (
            torch.stack([futures.signal(f"{what}_{axis}_m") for axis in "xy"], -1) for what in ("block", "pusher")
        )
        away = block - torch.tensor(self.goal_m).to(block)
        spot = block + BEHIND_M * away / away.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        return (pusher - spot).norm(dim=-1).mean((0, 2))


def objective(now: Situation, turn_m: float) -> Objective:
    """Block at the goal, pusher where it can push; ``turn_m``: what a radian of the block's turn costs, in metres."""
    if now.goal_moment is not None:
        return towards_picture(now)
    x, y, sin, cos = (float(value) for value in now.goal_state)
    place = Goal({"block_x_m": x, "block_y_m": y}, end=0) + NEARBY * Behind((x, y))
    if turn_m:
        place = place + turn_m * Goal({"block_sin": sin, "block_cos": cos}, end=0)
    return 10 * place + 0.2 * now.doubt * Disagreement()


def _task(name: str, block: str, summary: str, checkpoint: str, cloned: str | None = None) -> Task:
    # Success allows as much of each, distance and turn; of a turn that is no matter an infinite one.
    turn_m = TOLERANCE_M / SHAPES[block].angle_tolerance_rad
    return goal_task(
        PushWorld,
        name=name,
        env_id="rehearse/Push-v0",
        summary=summary,
        tags=frozenset({"benchmark"}),
        build=partial(PushEnv, block),
        episode_steps=EPISODE_STEPS[block],
        play=noisy_play,
        scripts={"script-best": Demonstrator},
        mpc=MPCConfig(
            action_low=(-1.0, -1.0),
            action_high=(1.0, 1.0),
            horizon=12,
            period_s=PERIOD_S,
            knots=5,
            initial_std=(0.7, 0.7),
        ),
        objective=partial(objective, turn_m=turn_m),
        success_words="Block at the goal",
        checkpoint=checkpoint,
        cloned=cloned,
    )


PUSH = _task("push", "square", "a pusher brings a square block to where a picture shows it", "push-tiny", "push-cloned")
PUSH_T = _task("push-t", "T", "a pusher brings a T-shaped block to where, and how, a picture shows it", "push-tiny")
