"""Gymnasium environment ``rehearse/Push-v0``: push the block to where the goal picture shows it.

    env = gymnasium.make("rehearse/Push-v0", block="T", split="test")

Everything that goal tasks share (observation, reward, options) is told in rehearse.sim.goal_env, the rest in
rehearse.sim.push.world. The action (2,) is the pusher's velocity; an episode lasts 40 steps of 0.2 s (60 for the T).
In ``goal`` the pusher stands where a straight push would leave it, but only the block counts. ``goal_state`` (4,) is
the block's x and y, and the sine and cosine of its angle. ``info`` adds ``angle_rad``, the turn that is left.
"""

from typing import Any

from rehearse.sim.goal_env import GoalEnv
from rehearse.sim.push.world import PushWorld

EPISODE_STEPS = {"square": 40, "T": 60}


class PushEnv(GoalEnv):
    """See the module's first lines. ``block`` is ``square`` or ``T``; the rest as in GoalEnv."""

    def __init__(self, block: str = "square", **settings: Any) -> None:
        world = PushWorld(block)
        super().__init__(world, EPISODE_STEPS[block], **settings)
