"""Reach: an arm brings its fingertips to a ball on a stick."""

from rehearse.sim.reach.behaviours import Demonstrator, noisy_play
from rehearse.sim.reach.env import EPISODE_STEPS, ReachEnv
from rehearse.sim.reach.world import ReachFactors, ReachWorld

__all__ = ["EPISODE_STEPS", "Demonstrator", "ReachEnv", "ReachFactors", "ReachWorld", "noisy_play"]
