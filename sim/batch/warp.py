"""Batches on a GPU: thousands of worlds in one launch by mujoco_warp, in float32.

    rolled = Warp(model).rollout(states, controls)            # pip install 'rehearse[gpu]', and an NVIDIA GPU

The first rollout of a number of worlds compiles kernels and captures one time step as a CUDA graph, which each step
then launches. Close to ``Threads``, not equal to it: single precision, and another order of contacts.
"""

import hashlib

import mujoco
import numpy as np

from rehearse.errors import ConfigError, SetupError
from rehearse.sim.batch.batch import CONTROL, GRASPS, PHYSICS, Asked, Rolled, equality_columns, judged, times_s

# What ran out of room is no physics any more; that a solver used all of its iterations is what models ask for.
_HARMFUL = ("NEFC", "NJMAX_NNZ", "BROADPHASE", "NARROWPHASE", "CCD", "HFIELD", "NVMAX")
GROWN, FEWEST = 3, 64


class Warp:
    """See the module's first lines. ``device`` may be ``cpu``, which compiles for a minute and is slow: for tests.

    Room for contacts and constraints has to be reserved: twice what the first world needs at its start, and twice as
    much again while that does not suffice, at most GROWN times. A world for which it never did counts as diverged.
    """

    def __init__(self, model: mujoco.MjModel, device: str = "cuda") -> None:
        try:
            import mujoco_warp
            import warp
        except ImportError as error:
            raise SetupError(f"the Warp backend needs mujoco-warp: pip install 'rehearse[gpu]' ({error})") from error
        if device != "cpu" and not warp.is_cuda_available():
            raise SetupError("the Warp backend of the extra 'gpu' needs an NVIDIA GPU, and there is none; use Threads")
        if mujoco.mj_stateSize(model, PHYSICS) != 1 + model.nq + model.nv + model.na:
            raise ConfigError("the Warp backend knows no plugins and no delays; use Threads for this model")
        self.model, self.device = model, device
        self._warp, self._mjw = warp, mujoco_warp
        self._room: dict[str, int] = {}
        self._uploaded, self._worlds = "", 0

    def rollout(
        self, states: np.ndarray, controls: np.ndarray, *, spec: int = CONTROL, warmstart: np.ndarray | None = None
    ) -> Rolled:
        """See Batch; of user inputs controls and equality flags alone."""
        if spec not in (CONTROL, GRASPS):
            raise ConfigError("the Warp backend takes controls of CONTROL or GRASPS; use Threads for other inputs")
        asked = Asked.of(self.model, states, controls, spec, warmstart)
        self._reserve(asked.states[0])
        with self._warp.ScopedDevice(self.device):
            for grown in range(GROWN + 1):
                self._prepare(len(asked.states))
                self._begin(asked)
                rolled, overflowed = self._step(asked)
                if not overflowed or grown == GROWN:
                    return rolled
                self._room, self._worlds = {name: 2 * size for name, size in self._room.items()}, 0
        raise AssertionError("the loop returns")

    def _reserve(self, state: np.ndarray) -> None:
        """At least twice the room that a world in ``state`` (nstate,) needs."""
        data = mujoco.MjData(self.model)
        mujoco.mj_setState(self.model, data, state, PHYSICS)
        mujoco.mj_forward(self.model, data)
        needed = {"nconmax": max(FEWEST, 2 * data.ncon), "njmax": max(2 * FEWEST, 2 * data.nefc)}
        room = {name: max(size, self._room.get(name, 0)) for name, size in needed.items()}
        if room != self._room:
            self._room, self._worlds = room, 0

    def _prepare(self, worlds: int) -> None:
        """The model as it is now on the device, room for the worlds, and one step as a graph."""
        raw = np.empty(mujoco.mj_sizeModel(self.model), np.uint8)
        mujoco.mj_saveModel(self.model, None, raw)
        uploaded = hashlib.sha256(raw.tobytes()).hexdigest()
        if (uploaded, worlds) == (self._uploaded, self._worlds):
            return
        self._m = self._mjw.put_model(self.model)
        self._m.opt.warn_overflow = 0  # told in Rolled instead
        self._d = self._mjw.make_data(self.model, nworld=worlds, **self._room)
        self._graph = None
        if self.device != "cpu":
            self._mjw.step(self._m, self._d)  # compiles, which a capture cannot
            with self._warp.ScopedCapture() as capture:
                self._mjw.step(self._m, self._d)
            self._graph = capture.graph
        self._uploaded, self._worlds = uploaded, worlds

    def _begin(self, asked: Asked) -> None:
        nq, nv = self.model.nq, self.model.nv
        self._mjw.reset_data(self._m, self._d)
        _, qpos, qvel, act = np.split(asked.states, [1, 1 + nq, 1 + nq + nv], axis=1)
        warmstart = np.zeros_like(qvel) if asked.warmstart is None else asked.warmstart
        for name, values in (("qpos", qpos), ("qvel", qvel), ("act", act), ("qacc_warmstart", warmstart)):
            if values.shape[1]:
                getattr(self._d, name).assign(np.ascontiguousarray(values, np.float32))
        # Time stays 0 on the device and is told in float64: no single-precision clock adds up its errors.

    def _step(self, asked: Asked) -> tuple[Rolled, bool]:
        """All steps without a word to the host in between, copies go along on the device; and whether room ran out."""
        wp, d, model = self._warp, self._d, self.model
        steps = asked.controls.shape[1]
        along = np.swapaxes(asked.controls, 0, 1)  # (H,B,C), so that a step's controls lie together
        told = {"ctrl": wp.array(np.ascontiguousarray(along[..., : model.nu], np.float32))}
        if asked.spec == GRASPS:
            flags = along[..., equality_columns(model, asked.spec)]
            told["eq_active"] = wp.array(np.ascontiguousarray(flags, bool))
        kept = {
            name: wp.empty((steps, *getattr(d, name).shape), dtype=getattr(d, name).dtype)
            for name in ("qpos", "qvel", "act", "sensordata", "overflow")
        }
        for step in range(steps):
            for name, values in told.items():
                if values.size:
                    wp.copy(getattr(d, name), values[step])
            if self._graph is None:
                self._mjw.step(self._m, d)
            else:
                wp.capture_launch(self._graph)
            for name, rows in kept.items():
                if rows.size:
                    wp.copy(rows[step], getattr(d, name))
        rows = {name: np.swapaxes(array.numpy(), 0, 1) for name, array in kept.items()}
        time_s = times_s(asked.states[:, 0], steps, model.opt.timestep)[..., None]
        states = np.concatenate([time_s, rows["qpos"], rows["qvel"], rows["act"]], axis=2)
        harmful = sum(int(getattr(self._mjw.OverflowType, name)) for name in _HARMFUL)
        overflowed = rows["overflow"] & harmful != 0
        wrong = ~(np.abs(states).max(2) < mujoco.mjMAXVAL) | overflowed
        good_steps = np.where(wrong.any(1), wrong.argmax(1), steps)
        return judged(states, rows["sensordata"].astype(float), good_steps), bool(overflowed.any())
