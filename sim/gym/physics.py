"""True physics of Gymnasium's own MuJoCo environments behind the planner's ``Dynamics`` seam.

    oracle = Twin(env.world, "Reacher-v5"); futures = oracle.imagine(oracle.observe(env.world), actions)    # (N,H,A)

A second environment is given a copy of the first one's MjData and stepped, one future after the other, for the reward
is Python. It is exact where MuJoCo's data are all that the environment remembers, as in gymnasium.envs.mujoco. Derived
numbers are copied too: after a step they are a substep old, and rewards are computed from them as they are.
"""

from copy import copy
from typing import Any

import gymnasium
import mujoco
import numpy as np
import torch

from rehearse.planner import Futures


def has_physics(env: gymnasium.Env) -> bool:
    """Whether its state can be copied."""
    from gymnasium.envs.mujoco import MujocoEnv

    return isinstance(env.unwrapped, MujocoEnv)


class Twin:
    """A Dynamics that observes ``world``, an unwrapped environment, and imagines with another of its ``name``."""

    def __init__(self, world: Any, name: str) -> None:
        self._twin = gymnasium.make(name).unwrapped
        self._twin.reset(seed=0)
        box = self._twin.action_space
        self._middle, self._half = (box.high + box.low) / 2, (box.high - box.low) / 2

    def observe(self, history: Any) -> mujoco.MjData:
        """Freeze ``history``, which is the world itself: the oracle sees everything."""
        return copy(history.data)

    def imagine(self, belief: mujoco.MjData, actions: torch.Tensor) -> Futures:
        """Actions (N,H,A) -> ``reward`` and ``ended`` (1,N,H); what follows an end earns nothing."""
        twin, (count, horizon) = self._twin, actions.shape[:2]
        plans = self._middle + self._half * np.clip(actions.detach().double().cpu().numpy(), -1, 1)
        reward, ended = np.zeros((2, 1, count, horizon), np.float32)
        for n, plan in enumerate(plans):
            mujoco.mj_copyData(twin.data, twin.model, belief)
            for h, action in enumerate(plan):
                _, reward[0, n, h], over, _, _ = twin.step(action)
                if over:
                    ended[0, n, h:] = 1
                    break
        signals = {"reward": torch.from_numpy(reward), "ended": torch.from_numpy(ended)}
        return Futures(latents=None, signals=signals, disagreement=torch.zeros(count, horizon))
