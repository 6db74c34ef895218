"""Pick and place: an arm takes a block by friction between its fingers, and puts it where a picture shows it."""

from rehearse.sim.pick_place.behaviours import Demonstrator, noisy_play
from rehearse.sim.pick_place.env import EPISODE_STEPS, PickPlaceEnv
from rehearse.sim.pick_place.world import PickPlaceFactors, PickPlaceWorld

__all__ = ["EPISODE_STEPS", "Demonstrator", "PickPlaceEnv", "PickPlaceFactors", "PickPlaceWorld", "noisy_play"]
