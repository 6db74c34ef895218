"""Batches on the CPU: MuJoCo's own thread pool, and the plain loop that it is tested against.

    rolled = Threads(model, threads=2).rollout(states, controls)              # bit for bit what Serial(model) gives

How divergence is seen: where MuJoCo finds a bad number it warns, resets the world and goes on from time 0, and the pool
repeats a world's last row after any warning. Time alone tells of both, so it is read instead of every number.
"""

import mujoco
import mujoco.rollout
import numpy as np

from rehearse.errors import ConfigError
from rehearse.sim.batch.batch import CONTROL, PHYSICS, Asked, Rolled, judged, times_s


class Threads:
    """``mujoco.rollout`` on ``threads`` threads; 0 steps in the calling one. Results do not depend on their number."""

    def __init__(self, model: mujoco.MjModel, threads: int = 0) -> None:
        if threads < 0:
            raise ConfigError(f"threads is {threads}; 0 steps in the calling thread, more in a pool")
        self.model = model
        self._pool = mujoco.rollout.Rollout(nthread=threads)
        self._datas = [mujoco.MjData(model) for _ in range(max(1, threads))]

    def rollout(
        self, states: np.ndarray, controls: np.ndarray, *, spec: int = CONTROL, warmstart: np.ndarray | None = None
    ) -> Rolled:
        """See Batch."""
        asked, timestep_s = Asked.of(self.model, states, controls, spec, warmstart), self.model.opt.timestep
        # A world begun at time 0 and reset in its first step would end that step on time: it is begun a step later.
        begin, early = asked.states, np.abs(asked.states[:, 0]) < timestep_s / 2
        if early.any():
            begin = begin.copy()
            begin[early, 0] += timestep_s
        rows, sensors = self._pool.rollout(
            self.model, self._datas, begin, asked.controls, control_spec=spec, initial_warmstart=asked.warmstart
        )
        good_steps = _good_steps(rows, begin[:, 0], timestep_s)
        if early.any():
            rows[early, :, 0] = times_s(asked.states[early, 0], rows.shape[1], timestep_s)
        return judged(rows, sensors, good_steps)


class Serial:
    """``mj_step``, world after world: slow to call, easy to believe."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model = model
        self._data = mujoco.MjData(model)

    def rollout(
        self, states: np.ndarray, controls: np.ndarray, *, spec: int = CONTROL, warmstart: np.ndarray | None = None
    ) -> Rolled:
        """See Batch."""
        asked = Asked.of(self.model, states, controls, spec, warmstart)
        (worlds, steps), data = asked.controls.shape[:2], self._data
        rows = np.full((worlds, steps, asked.states.shape[1]), np.nan)
        sensors = np.full((worlds, steps, self.model.nsensordata), np.nan)
        good_steps = np.zeros(worlds, int)
        bad = [int(getattr(mujoco.mjtWarning, f"mjWARN_BAD{what}")) for what in ("QPOS", "QVEL", "QACC")]
        for world in range(worlds):
            mujoco.mj_resetData(self.model, data)
            mujoco.mj_setState(self.model, data, asked.states[world], PHYSICS)
            if asked.warmstart is not None:
                data.qacc_warmstart[:] = asked.warmstart[world]
            for step in range(steps):
                mujoco.mj_setState(self.model, data, asked.controls[world, step], spec)
                mujoco.mj_step(self.model, data)
                if data.warning.number[bad].any():
                    break
                mujoco.mj_getState(self.model, data, rows[world, step], PHYSICS)
                sensors[world, step] = data.sensordata
                good_steps[world] += 1
                if data.warning.number.any():  # of room that ran out: this step was whole, no later one would be
                    break
            if good_steps[world] == steps and not np.isfinite(rows[world, -1]).all():
                good_steps[world] -= 1
        return judged(rows, sensors, good_steps)


def _good_steps(rows: np.ndarray, begin_s: np.ndarray, timestep_s: float) -> np.ndarray:
    """(B,) how many rows (B,H,nstate) of each world lie one time step after the row before, from the first on."""
    steps = rows.shape[1]
    due_s = begin_s[:, None] + timestep_s * np.arange(1, steps + 1)
    wrong = ~(np.abs(rows[:, :, 0] - due_s) < timestep_s / 2)  # NaN is wrong as well
    wrong[:, -1] |= ~np.isfinite(rows[:, -1]).all(-1)
    return np.where(wrong.any(1), wrong.argmax(1), steps)
