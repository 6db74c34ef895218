"""The true physics behind the planner's ``Dynamics`` seam: the oracle that every learned model is compared with.

    dynamics = PhysicsDynamics(world); futures = dynamics.imagine(dynamics.observe(world), actions)   # (N, H, 4)

``observe`` snapshots a world; ``imagine`` steps N copies of it as a batch (``rehearse.sim.batch``), one control step at
a time so that the grasp follows the same rule as in the world. Signals have one ensemble member (K = 1); of a future
that diverged they are NaN from there on, which no planner takes.
"""

import copy
import dataclasses
from dataclasses import dataclass

import mujoco
import numpy as np
import torch

from rehearse.planner import Futures
from rehearse.sim.batch import GRASPS, PHYSICS, Batch, Threads
from rehearse.sim.dog_on_jacket import scene
from rehearse.sim.dog_on_jacket.disturbance import SAMPLE_PERIOD_S, WAKE_THRESHOLD, Arousal
from rehearse.sim.dog_on_jacket.factors import FactorRanges
from rehearse.sim.dog_on_jacket.world import DOG_SENSORS, HOLD_SUBSTEPS, SUBSTEPS, World

_PER_SAMPLE = round(SAMPLE_PERIOD_S / scene.TIMESTEP_S)


@dataclass(frozen=True)
class Snapshot:
    """One world frozen in time: physics state, commanded arm, and the dog's arousal so far."""

    state: np.ndarray
    eq_active: np.ndarray
    warmstart: np.ndarray
    q_rad: np.ndarray
    target_m: np.ndarray
    arousal: Arousal
    woken: bool


class PhysicsDynamics:
    """A batch as a Dynamics. ``world`` lends its model; ``batch`` must be of that model, ``Threads`` unless given."""

    def __init__(self, world: World, batch: Batch | None = None) -> None:
        self.world = world
        self._batch = batch or Threads(world.model)
        self._scratch = mujoco.MjData(world.model)

    def observe(self, history: World) -> Snapshot:
        """Freeze ``history``, which is the world itself: the oracle sees everything."""
        data = history.data
        state = np.empty(mujoco.mj_stateSize(history.model, PHYSICS))
        mujoco.mj_getState(history.model, data, state, PHYSICS)
        return Snapshot(
            state=state,
            eq_active=data.eq_active.copy(),
            warmstart=data.qacc_warmstart.copy(),
            q_rad=history.q_rad.copy(),
            target_m=history.target_m.copy(),
            arousal=copy.deepcopy(history.arousal),
            woken=history.woken,
        )

    def imagine(self, belief: Snapshot, actions: torch.Tensor) -> Futures:
        """Actions (N, H, 4) -> Futures with signals disturbance, progress, distance_m and woken, each (1, N, H)."""
        world, count, horizon = self.world, actions.shape[0], actions.shape[1]
        plans = np.clip(actions.detach().double().cpu().numpy(), -1, 1)
        repeat = lambda array: np.repeat(array[None], count, axis=0)  # noqa: E731
        states, eq_active = repeat(belief.state), repeat(belief.eq_active)
        q_rad, target_m = [belief.q_rad] * count, [belief.target_m] * count
        arousal = belief.arousal.repeat(count)
        disturbance, progress, distance_m = np.zeros((3, count, horizon))
        lost = np.zeros((count, horizon), bool)
        for step in range(horizon):
            self._apply_grasp(states, eq_active, plans[:, step, 3] > 0)
            controls = np.empty((count, SUBSTEPS, world.model.nu + world.model.neq))
            for n in range(count):
                control, q_rad[n], target_m[n] = world.controls(plans[n, step], q_rad[n], target_m[n])
                controls[n, :, : world.model.nu] = np.repeat(control, HOLD_SUBSTEPS, axis=0)
            controls[:, :, world.model.nu :] = eq_active[:, None]
            rolled = self._batch.rollout(states, controls, spec=GRASPS, warmstart=belief.warmstart)
            lost[:, step:] |= rolled.diverged[:, None]
            # What is lost goes on from the start, so that the others can: nobody is told of it.
            states = np.where(rolled.diverged[:, None], belief.state, rolled.states[:, -1])
            for sample in range(_PER_SAMPLE - 1, SUBSTEPS, _PER_SAMPLE):
                level = arousal.sample(*(rolled.sensors[:, sample, world.sensor_slice(name)] for name in DOG_SENSORS))
                disturbance[:, step] = np.maximum(disturbance[:, step], level)
            jacket = self._jacket_positions(states)
            progress[:, step], distance_m[:, step] = world.progress(jacket), world.distance_m(jacket)
        woken = np.maximum.accumulate(disturbance >= WAKE_THRESHOLD, axis=1) | belief.woken
        as_signal = lambda array: torch.from_numpy(np.where(lost, np.nan, array).astype(np.float32))[None]  # noqa: E731
        return Futures(
            latents=None,
            signals={
                "disturbance": as_signal(disturbance),
                "progress": as_signal(progress),
                "distance_m": as_signal(distance_m),
                "woken": as_signal(woken),
            },
            disagreement=torch.zeros(count, horizon),
        )

    def _apply_grasp(self, states: np.ndarray, eq_active: np.ndarray, closed: np.ndarray) -> None:
        """The world's grasp rule on N states (N, nstate), (N, neq): only those whose grasp may change are touched."""
        holds = eq_active[:, self.world.grasps].any(axis=1)
        for n in np.flatnonzero(holds != closed):
            scratch = self._scratch
            mujoco.mj_setState(self.world.model, scratch, states[n], PHYSICS)
            mujoco.mj_kinematics(self.world.model, scratch)
            scratch.eq_active[:] = eq_active[n]
            self.world.set_grasp(scratch, bool(closed[n]))
            eq_active[n] = scratch.eq_active

    def _jacket_positions(self, states: np.ndarray) -> np.ndarray:
        """Mean position of the jacket (N, 3) in each state (N, nstate)."""
        positions = np.empty((len(states), 3))
        for n, state in enumerate(states):
            mujoco.mj_setState(self.world.model, self._scratch, state, PHYSICS)
            mujoco.mj_kinematics(self.world.model, self._scratch)
            positions[n] = self.world.jacket_position(self._scratch)
        return positions


class NominalPhysics(PhysicsDynamics):
    """Physics that knows the true state but not what no camera shows: friction and mass are at their nominal values.

    How far MPC gets with it tells how much of a task lies in what can be seen.
    """

    def observe(self, history: World) -> Snapshot:
        """Freeze ``history``; futures run on a world of nominal friction and mass."""
        ranges = FactorRanges()
        hidden = {"friction": np.mean(ranges.friction), "dog_mass_kg": np.mean(ranges.dog_mass_kg)}
        self.world.assume(dataclasses.replace(history.factors, **hidden), history.jacket_start)
        return super().observe(history)
