"""Gymnasium environment ``rehearse/Reach-v0``: bring the fingertips of a 7-DoF arm to the ball on the stick.

    env = gymnasium.make("rehearse/Reach-v0", split="test")

Everything that goal tasks share (observation, reward, options) is told in rehearse.sim.goal_env, the rest in
rehearse.sim.reach.world. The action (3,) is the velocity of the commanded point; an episode lasts 25 steps of 0.2 s.
The ball can be seen in ``image``; ``goal`` shows the arm there. ``goal_state`` (3,) is where the ball's middle is.
"""

from typing import Any

from rehearse.sim.goal_env import GoalEnv
from rehearse.sim.reach.world import ReachWorld

EPISODE_STEPS = 25


class ReachEnv(GoalEnv):
    """See the module's first lines. All settings as in GoalEnv."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(ReachWorld(), EPISODE_STEPS, **settings)
