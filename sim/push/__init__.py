"""Push: a round pusher brings a square or a T to where, and for the T also how, a picture shows it lying."""

from rehearse.sim.push.behaviours import Demonstrator, noisy_play
from rehearse.sim.push.env import EPISODE_STEPS, PushEnv
from rehearse.sim.push.world import PushFactors, PushWorld

__all__ = ["EPISODE_STEPS", "Demonstrator", "PushEnv", "PushFactors", "PushWorld", "noisy_play"]
