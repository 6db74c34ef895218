"""True physics behind the planner's ``Dynamics`` seam, for every world whose controls follow from actions alone.

    oracle = RolloutDynamics(world); futures = oracle.imagine(oracle.observe(world), actions)     # (N, H, A)

``observe`` takes the whole state of a world; ``imagine`` steps N copies of it as a batch (``rehearse.sim.batch``) under
the world's own controls, and measures them with the world's own ``outcomes``. On the CPU what is imagined is bit for
bit what the world then does. A future that diverged is NaN, which no planner takes. K = 1, no disagreement.
"""

from dataclasses import dataclass
from typing import Protocol

import mujoco
import numpy as np
import torch

from rehearse.planner import Futures
from rehearse.sim.batch import PHYSICS, Batch, Threads


class Steppable(Protocol):
    """What is asked of a world; see rehearse.sim.goal_world."""

    model: mujoco.MjModel
    data: mujoco.MjData
    substeps: int
    command: np.ndarray

    def controls(self, actions: np.ndarray, command: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...

    def outcomes(self, qpos: np.ndarray) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class Snapshot:
    """One world frozen in time: physics state (n,), the solver's warm start (nv,), what is commanded (C,)."""

    state: np.ndarray
    warmstart: np.ndarray
    command: np.ndarray


class RolloutDynamics:
    """A batch as a Dynamics. ``world`` lends its model; ``batch`` must be of that model, ``Threads`` unless given."""

    def __init__(self, world: Steppable, batch: Batch | None = None) -> None:
        self.world = world
        self._batch = batch or Threads(world.model)

    def observe(self, history: Steppable) -> Snapshot:
        """Freeze ``history``, which is the world itself: the oracle sees everything."""
        model, data = history.model, history.data
        state = np.empty(mujoco.mj_stateSize(model, PHYSICS))
        mujoco.mj_getState(model, data, state, PHYSICS)
        # The warm start is no part of the physics state, yet the solver's result depends on it in the last digits.
        return Snapshot(state, data.qacc_warmstart.copy(), history.command.copy())

    def imagine(self, belief: Snapshot, actions: torch.Tensor) -> Futures:
        """Actions (N, H, A) -> Futures with all that the world's ``outcomes`` names, each (1, N, H)."""
        world, (count, horizon) = self.world, actions.shape[:2]
        plans = np.clip(actions.detach().double().cpu().numpy(), -1, 1)
        # All steps in one rollout: begun anew at every step, the solver would lose its warm start.
        rolled = self._batch.rollout(
            belief.state,
            np.stack([world.controls(plan, belief.command)[0] for plan in plans]),
            warmstart=belief.warmstart,
        )
        arrived = rolled.states[:, world.substeps - 1 :: world.substeps]
        qpos = arrived[..., 1 : 1 + world.model.nq]  # time stands before it
        signals = world.outcomes(qpos)
        lost = np.isnan(qpos).any(-1)
        return Futures(
            latents=None,
            signals={
                name: torch.from_numpy(np.where(lost, np.nan, value).astype(np.float32))[None]
                for name, value in signals.items()
            },
            disagreement=torch.zeros(count, horizon),
        )
