"""Gymnasium environment ``rehearse/TwoRoom-v0``: go to where the goal picture shows the ball, often behind the wall.

    env = gymnasium.make("rehearse/TwoRoom-v0", split="test")

Everything that goal tasks share (observation, reward, options) is told in rehearse.sim.goal_env, the rest in
rehearse.sim.two_room.world. The action (2,) is the ball's velocity; an episode lasts 100 steps of 0.2 s. Where the wall
and its door are, only pictures tell. ``goal_state`` (2,) is the ball's x and y. ``info`` adds ``way_m``, the length of
the shortest way that is left.
"""

from typing import Any

from rehearse.sim.goal_env import GoalEnv
from rehearse.sim.two_room.world import TwoRoomWorld

EPISODE_STEPS = 100


class TwoRoomEnv(GoalEnv):
    """See the module's first lines. All settings as in GoalEnv."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(TwoRoomWorld(), EPISODE_STEPS, **settings)
