"""Two rooms with a door, known exactly: a search that only follows the distance to the goal ends at the wall."""

import numpy as np
import torch

from rehearse.planner import Futures

DOOR = (0.55, 0.85)  # where on the wall x = 0 one gets through
STEP = 0.08


class Rooms:
    """A point that moves by STEP x action within [-1, 1]^2; history is its position (2,). Moments are positions."""

    def observe(self, history):
        return torch.as_tensor(np.asarray(history), dtype=torch.float32)

    def moment(self, belief):
        return belief

    def imagine(self, belief, actions):
        position, track = belief.expand(len(actions), -1), []
        for h in range(actions.shape[1]):
            position = moved(position, actions[:, h])
            track.append(position)
        track = torch.stack(track, 1)
        return Futures(latents=track, signals={}, disagreement=torch.zeros(track.shape[:2]))


def moved(position: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """Positions (N,2) after actions (N,2): the wall stops the way along x, but for the door."""
    reached = (position + STEP * action.clamp(-1, 1)).clamp(-1, 1)
    share = position[:, 0] / (position[:, 0] - reached[:, 0]).where(position[:, 0] != reached[:, 0], torch.ones(()))
    height = position[:, 1] + share * (reached[:, 1] - position[:, 1])
    through = (position[:, 0] * reached[:, 0] < 0) & ((height < DOOR[0]) | (height > DOOR[1]))
    blocked = torch.stack([position[:, 0].sign() * 0.01, reached[:, 1]], -1)
    return torch.where(through[:, None], blocked, reached)
