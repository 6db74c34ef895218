"""What a batch of worlds is asked and answers, and how both are checked, whoever does the stepping.

    controls = with_grasps(model, controls, {"grasp_tab_left": closed})       # (B,H,nu) -> (B,H,nu + neq)
    rolled = batch.rollout(states, controls, spec=GRASPS)
    rolled.diverged, rolled.good_steps                                        # (B,) bool, (B,) int

B worlds, H steps of the model's own time step. States are MuJoCo's full physics state (time, qpos, qvel, act, ...).
Reference: MuJoCo documentation, "Simulation", state; "Python", rollout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import mujoco
import numpy as np

from rehearse.errors import ConfigError, DataError

PHYSICS = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)
CONTROL = int(mujoco.mjtState.mjSTATE_CTRL)
# Equality flags are user inputs, not physics state: they ride along with the controls, so that a grasp can open and
# close inside a rollout.
GRASPS = CONTROL | int(mujoco.mjtState.mjSTATE_EQ_ACTIVE)
_EQ_ACTIVE = int(mujoco.mjtState.mjSTATE_EQ_ACTIVE)
_USER = int(mujoco.mjtState.mjSTATE_USER)


@dataclass(frozen=True)
class Rolled:
    """Where B worlds went: ``states`` (B,H,nstate) and ``sensors`` (B,H,nsensordata) after each of H steps, float64.

    ``good_steps`` (B,): how many of the H rows are physics; H unless the world diverged. Of a world that diverged
    (or in which MuJoCo ran out of room for contacts) the rows from there on are NaN: nothing of it can be taken for a
    future by mistake.
    """

    states: np.ndarray
    sensors: np.ndarray
    good_steps: np.ndarray

    @property
    def diverged(self) -> np.ndarray:
        """(B,) bool."""
        return self.good_steps < self.states.shape[1]


class Batch(Protocol):
    """Steps B worlds of ``model``, whose fields may be changed between calls (masses, friction), its sizes not."""

    model: mujoco.MjModel

    def rollout(
        self, states: np.ndarray, controls: np.ndarray, *, spec: int = CONTROL, warmstart: np.ndarray | None = None
    ) -> Rolled:
        """Step every world from ``states`` (B,nstate) under ``controls`` (B,H,C).

        ``spec`` says what the C numbers are, in MuJoCo's order of mjtState: nu of CONTROL, or nu + neq of GRASPS, or
        any of its user inputs. What it leaves out is what the model says: no applied force, equalities as in
        ``eq_active0``. ``warmstart`` (B,nv): the solver's accelerations of the step before; 0 unless given.
        ``states`` and ``warmstart`` may lack the first dimension: one start for all worlds. Raises DataError for
        wrong shapes, and for what is not finite (or beyond MuJoCo's mjMAXVAL, 1e10).
        """
        ...


def with_grasps(model: mujoco.MjModel, controls: np.ndarray, active: Mapping[str, np.ndarray]) -> np.ndarray:
    """Controls (B,H,nu) with a column for each equality (B,H,nu + neq): those named in ``active`` (B,H) or (H,) bool
    as told, all others as the model has them at its start. A column of zeros would cut a cloth's own edges.
    """
    controls = np.asarray(controls, float)
    flags = np.broadcast_to(model.eq_active0.astype(float), (*controls.shape[:-1], model.neq)).copy()
    for name, values in active.items():
        equality = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_EQUALITY, name)
        if equality < 0:
            known = ", ".join(filter(None, (model.equality(i).name for i in range(model.neq)))) or "none"
            raise ConfigError(f"the model has no equality {name!r}; those with names are: {known}")
        flags[..., equality] = values
    return np.concatenate([controls, flags], axis=-1)


@dataclass(frozen=True)
class Asked:
    """What a rollout is asked, checked: ``states`` (B,nstate), ``controls`` (B,H,C), ``warmstart`` (B,nv) or None."""

    states: np.ndarray
    controls: np.ndarray
    warmstart: np.ndarray | None
    spec: int

    @classmethod
    def of(
        cls, model: mujoco.MjModel, states: np.ndarray, controls: np.ndarray, spec: int, warmstart: np.ndarray | None
    ) -> "Asked":
        """Raises DataError that names what does not fit."""
        if spec & ~_USER or not spec:
            raise DataError(
                f"spec {spec} names what is no user input; use CONTROL, GRASPS or other bits of mjSTATE_USER"
            )
        width = mujoco.mj_stateSize(model, spec)
        controls = np.ascontiguousarray(controls, float)
        if controls.ndim != 3 or controls.shape[2] != width or 0 in controls.shape[:2]:
            raise DataError(f"controls have shape {controls.shape}; expected (worlds, steps, {width})")
        worlds = len(controls)
        states = _each("states", states, worlds, mujoco.mj_stateSize(model, PHYSICS))
        if warmstart is not None:
            warmstart = _each("warmstart", warmstart, worlds, model.nv)
        if not _usable(controls).all():
            world, step, column = np.argwhere(~_usable(controls))[0]
            raise DataError(f"controls of world {world}, step {step}, column {column} are not finite")
        if spec & _EQ_ACTIVE:
            flags = controls[:, :, equality_columns(model, spec)]
            if not ((flags == 0) | (flags == 1)).all():
                raise DataError("controls hold equality flags other than 0 and 1; see with_grasps")
        return cls(states, controls, warmstart, spec)


def equality_columns(model: mujoco.MjModel, spec: int) -> slice:
    """Where in the controls of ``spec`` the equality flags stand."""
    begin = mujoco.mj_stateSize(model, spec & (_EQ_ACTIVE - 1))
    return slice(begin, begin + model.neq)


def _each(name: str, values: np.ndarray, worlds: int, width: int) -> np.ndarray:
    values = np.asarray(values, float)
    if values.shape not in ((width,), (worlds, width)):
        raise DataError(f"{name} have shape {values.shape}; expected ({worlds}, {width}), or ({width},) for all alike")
    if not _usable(values).all():
        world = 0 if values.ndim == 1 else np.flatnonzero(~_usable(values).all(1))[0]
        raise DataError(f"{name} of world {world} are not finite")
    return np.ascontiguousarray(np.broadcast_to(values, (worlds, width)))


def times_s(begin_s: np.ndarray, steps: int, timestep_s: float) -> np.ndarray:
    """(B,H) the time after each step, added up as MuJoCo adds it up."""
    first = np.concatenate([begin_s[:, None], np.full((len(begin_s), steps), timestep_s)], axis=1)
    return np.add.accumulate(first, axis=1)[:, 1:]


def _usable(values: np.ndarray) -> np.ndarray:
    """What MuJoCo takes for a number; it would zero a control beyond, and reset a world beyond."""
    return np.abs(values) < mujoco.mjMAXVAL


def judged(states: np.ndarray, sensors: np.ndarray, good_steps: np.ndarray) -> Rolled:
    """The answer, with NaN in place of what is no physics."""
    for world in np.flatnonzero(good_steps < states.shape[1]):
        states[world, good_steps[world] :] = sensors[world, good_steps[world] :] = np.nan
    return Rolled(states, sensors, good_steps)
