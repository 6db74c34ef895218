"""The drawer: an arm opens it by its knob as far as a picture shows it, and lets the glass on its cabinet stand."""

from rehearse.sim.drawer.behaviours import Demonstrator, noisy_play
from rehearse.sim.drawer.env import EPISODE_STEPS, DrawerEnv
from rehearse.sim.drawer.world import DrawerFactors, DrawerWorld

__all__ = ["EPISODE_STEPS", "Demonstrator", "DrawerEnv", "DrawerFactors", "DrawerWorld", "noisy_play"]
