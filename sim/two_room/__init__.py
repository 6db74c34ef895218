"""Two rooms and a door: a ball goes to where a picture shows it, which is often behind the wall."""

from rehearse.sim.two_room.behaviours import Demonstrator, noisy_play
from rehearse.sim.two_room.env import EPISODE_STEPS, TwoRoomEnv
from rehearse.sim.two_room.world import TwoRoomFactors, TwoRoomWorld

__all__ = ["EPISODE_STEPS", "Demonstrator", "TwoRoomEnv", "TwoRoomFactors", "TwoRoomWorld", "noisy_play"]
