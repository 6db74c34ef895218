"""True physics behind the planner's ``Dynamics`` seam, for every world whose controls follow from actions alone.

    oracle = RolloutDynamics(world); futures = oracle.imagine(oracle.observe(world), actions)     # (N, H, A)

``observe`` takes the whole state of a world; ``imagine`` steps N copies of it as a batch (``rehearse.sim.batch``) under
the world's own controls, and measures them with the world's own ``outcomes``. On the CPU what is imagined is bit for
bit what the world then does. A future that diverged is NaN, which no planner takes. K = 1, no disagreement. A moment is
where everything is, its generalised positions.
"""

from collections.abc import Sequence
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
    """One world frozen in time: physics state (n,), the solver's warm start (nv,), what is commanded (C,).

    Of B imagined branches (B,n) and (B,C), and no warm start.
    """

    state: np.ndarray
    warmstart: np.ndarray | None
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

    def moment(self, belief: Snapshot) -> torch.Tensor:
        """The moment (D,) that it is in now: where everything is."""
        return torch.from_numpy(self._positions(belief.state).astype(np.float32))

    def _positions(self, states: np.ndarray) -> np.ndarray:
        return states[..., 1 : 1 + self.world.model.nq]  # time stands before them

    def imagine(self, belief: Snapshot, actions: torch.Tensor) -> Futures:
        """Actions (N, H, A) -> Futures with all that the world's ``outcomes`` names, each (1, N, H)."""
        futures, _ = self._carried_out(belief.state, [belief.command] * len(actions), actions, belief.warmstart)
        return futures

    def go_on(self, belief: Snapshot, rows: torch.Tensor, actions: torch.Tensor) -> tuple[Futures, Snapshot]:
        """The same, each from the branch of ``belief`` that rows (N,) names, and the branches that they end in.

        What is observed has one branch, 0. Without its warm start the solver differs in the last digits.
        """
        chosen = rows.cpu().numpy()
        states, commands = np.atleast_2d(belief.state)[chosen], np.atleast_2d(belief.command)[chosen]
        return self._carried_out(states, commands, actions, None)

    def _carried_out(
        self, states: np.ndarray, commands: Sequence[np.ndarray], actions: torch.Tensor, warmstart: np.ndarray | None
    ) -> tuple[Futures, Snapshot]:
        world, (count, horizon) = self.world, actions.shape[:2]
        plans = np.clip(actions.detach().double().cpu().numpy(), -1, 1)
        told = [world.controls(plan, command) for plan, command in zip(plans, commands, strict=True)]
        # All steps in one rollout: begun anew at every step, the solver would lose its warm start.
        rolled = self._batch.rollout(states, np.stack([controls for controls, _ in told]), warmstart=warmstart)
        qpos = self._positions(rolled.states[:, world.substeps - 1 :: world.substeps])
        signals = world.outcomes(qpos)
        lost = np.isnan(qpos).any(-1)
        ends = Snapshot(rolled.states[:, -1], None, np.stack([command for _, command in told]))
        futures = Futures(
            latents=torch.from_numpy(qpos.astype(np.float32)),
            signals={
                name: torch.from_numpy(np.where(lost, np.nan, value).astype(np.float32))[None]
                for name, value in signals.items()
            },
            disagreement=torch.zeros(count, horizon),
        )
        return futures, ends
