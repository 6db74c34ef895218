"""Gymnasium environment ``rehearse/Reach-v0``: bring the fingertips of an arm to the ball on the stick.

    env = gymnasium.make("rehearse/Reach-v0", split="test", arm="so101")

Everything that goal tasks share (observation, reward, options) is told in rehearse.sim.goal_env, the rest in
rehearse.sim.reach.world. The action (3,) is the velocity of the commanded point; an episode lasts 25 steps of 0.2 s.
The ball can be seen in ``image``; ``goal`` shows the arm there. ``goal_state`` (3,) is where the ball's middle is.
"""

from typing import Any

from rehearse.errors import ConfigError
from rehearse.sim.goal_env import GoalEnv
from rehearse.sim.menagerie import MENAGERIE, OGBENCH, get_robot
from rehearse.sim.reach.world import ReachWorld

EPISODE_STEPS = 25
ARMS, OTHERS = ("arm7", "so101"), (MENAGERIE, "ogbench:")


class ReachEnv(GoalEnv):
    """See the module's first lines. ``arm`` is one of ARMS, or one of OTHERS (rehearse.sim.menagerie).

    All other settings as in GoalEnv.
    """

    def __init__(self, arm: str = "arm7", **settings: Any) -> None:
        if arm not in ARMS and not arm.startswith(OTHERS):
            raise ConfigError(f"unknown arm {arm!r}; choose one of {', '.join(ARMS)}, {OGBENCH} or {MENAGERIE}NAME")
        super().__init__(ReachWorld(get_robot(arm)), EPISODE_STEPS, **settings)
