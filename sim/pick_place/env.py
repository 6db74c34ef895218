"""Gymnasium environment ``rehearse/PickPlace-v0``: put the block where the goal picture shows it, on table or shelf.

    env = gymnasium.make("rehearse/PickPlace-v0", split="test")

Everything that goal tasks share (observation, reward, options) is told in rehearse.sim.goal_env, the rest in
rehearse.sim.pick_place.world. The action (4,) is the velocity of the commanded point, and the grip (above 0 closed); an
episode lasts 40 steps of 0.2 s. ``goal`` shows the block lying there, the open hand above it. ``goal_state`` (3,) is
where the block's middle is.
"""

from typing import Any

from rehearse.sim.goal_env import GoalEnv
from rehearse.sim.pick_place.world import PickPlaceWorld

EPISODE_STEPS = 40


class PickPlaceEnv(GoalEnv):
    """See the module's first lines. All settings as in GoalEnv."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(PickPlaceWorld(), EPISODE_STEPS, **settings)
