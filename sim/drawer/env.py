"""Gymnasium environment ``rehearse/Drawer-v0``: open the drawer as far as the picture shows, the glass standing.

    env = gymnasium.make("rehearse/Drawer-v0", split="test")

Everything that goal tasks share (observation, reward, options) is told in rehearse.sim.goal_env, the rest in
rehearse.sim.drawer.world. The action (4,) is the velocity of the commanded point, and the grip (above 0 closed); an
episode lasts 35 steps of 0.2 s, or until the glass falls. ``goal`` shows the drawer so far open, the open hand above
its knob. ``goal_state`` (1,) is how far that is, in metres.
"""

from typing import Any

from rehearse.sim.drawer.world import DrawerWorld
from rehearse.sim.goal_env import GoalEnv

EPISODE_STEPS = 35


class DrawerEnv(GoalEnv):
    """See the module's first lines. All settings as in GoalEnv."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(DrawerWorld(), EPISODE_STEPS, **settings)
