"""A world simple enough to be known exactly: a point mass that must get past a dangerous disc."""

import numpy as np
import torch

from rehearse.planner import MPC, CEMConfig, Futures, Hazard, MPCConfig, Reach

PERIOD_S = 0.2
START = np.array([-1.0, 0.0])
GOAL = torch.tensor([1.0, 0.0])
HAZARD_RADIUS = 0.35


class PointMass:
    """A double integrator in A dimensions; history is (position (A,), velocity (A,)) float arrays.

    The hazard is a disc around the origin between start and goal. The members of the ensemble differ in how
    large they take it to be; the first one is right.
    """

    def __init__(self, size: int = 2, members: int = 3):
        self.goal = torch.cat([GOAL, torch.zeros(size)])[:size]
        self.radii = HAZARD_RADIUS + 0.05 * torch.arange(members)

    def observe(self, history):
        return tuple(torch.as_tensor(x, dtype=torch.float32) for x in history)

    def imagine(self, belief, actions):
        position, velocity = (x.expand(len(actions), -1) for x in belief)
        track = []
        for h in range(actions.shape[1]):
            velocity = velocity + PERIOD_S * actions[:, h]
            position = position + PERIOD_S * velocity
            track.append(position)
        track = torch.stack(track, 1)
        inside = torch.sigmoid((self.radii[:, None, None] - track.norm(dim=-1)) / 0.02)
        progress = 1 - (track - self.goal).norm(dim=-1) / 2
        return Futures(
            latents=None,
            signals={
                "hit": inside.cummax(-1).values,
                "progress": progress.expand(len(self.radii), -1, -1),
            },
            disagreement=inside.std(0, unbiased=False),
        )


class Spoiled(PointMass):
    """The point mass whose every `each`-th candidate is imagined as NaN."""

    def __init__(self, each: int):
        super().__init__()
        self.each = each

    def imagine(self, belief, actions):
        futures = super().imagine(belief, actions)
        futures.signals["progress"] = futures.signals["progress"].clone()
        futures.signals["progress"][:, :: self.each] = torch.nan
        return futures


OBJECTIVE = Reach("progress") + 5 * Hazard("hit", limit=0.05)


def config(size=2, **changes):
    return MPCConfig(action_low=(-1.0,) * size, action_high=(1.0,) * size, period_s=PERIOD_S, **changes)


def planner(futures=64, dynamics=None, optimizer=None, **changes):
    return MPC(dynamics or PointMass(), OBJECTIVE, optimizer or CEMConfig(futures=futures), config(**changes))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


AT_REST = (START, np.zeros(2))


def drive(mpc, steps, seed=0):
    """Closed loop from rest at START: positions (steps+1, 2)."""
    position, velocity = START.copy(), np.zeros(2)
    track, dice = [position], generator(seed)
    for t in range(steps):
        action = mpc.plan((position, velocity), t * PERIOD_S, dice).actions[0]
        velocity = velocity + PERIOD_S * action
        position = position + PERIOD_S * velocity
        track.append(position)
    return np.array(track)
