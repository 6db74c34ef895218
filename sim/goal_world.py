"""Base of the worlds in which something has to be brought to a goal: the physics of one episode, without pictures.

    world = PushWorld("square"); world.reset(np.random.default_rng(0)); world.step(np.array([1.0, 0.0]))
    world.outcome()              # {"block_x_m": 0.05, ..., "distance_m": 0.2, "progress": 0.1, "success": False}

A step is 0.2 s. Controls follow from actions and from the ``command`` so far alone, never from the simulated state, so
that ``rehearse.sim.rollout`` can imagine whole plans at once; and all that is measured follows from positions, so that
the world and what is imagined of it are measured by the same lines.
"""

from collections.abc import Collection, Mapping

import mujoco
import numpy as np

from rehearse.errors import DataError
from rehearse.sim.actions import checked_action
from rehearse.sim.variation import NONE, Look, draw

PERIOD_S = 0.2
_EVERYTHING = mujoco.mjtState.mjSTATE_INTEGRATION  # warm start included: going on is bit for bit the same
NO_COMMAND = np.empty(0)


class GoalWorld:
    """One task's physics. A subclass says what varies, how a layout is laid out, and what is measured.

    signals: names, of what ``measure`` gives, that a model is to learn: they do not tell where the goal is, unless it
    can be seen. proprio, goal: names of the numbers in ``proprioception()`` and ``goal_state``. goal_signals: the
    signals that are these numbers once the goal is reached. harm: of what ``measure`` gives, the event that must not
    happen, if there is one: where it has, nothing is a success.
    """

    action_names: tuple[str, ...]
    hold: tuple[float, ...]  # the action (A,) that does nothing
    signals: tuple[str, ...]
    proprio: tuple[str, ...]
    goal: tuple[str, ...]
    goal_signals: tuple[str, ...]
    harm: str | None = None
    factors_kind: type[Look]
    instruction: str

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model = model
        self.data = mujoco.MjData(model)
        self.substeps = round(PERIOD_S / model.opt.timestep)
        self.command = NO_COMMAND

    # -- what a task defines -------------------------------------------------------------------------------------

    def lay_out(self, rng: np.random.Generator) -> None:
        """Apply ``self.factors``, draw start and goal: set ``data.qpos``, ``goal_state`` (G,) and ``command``."""
        raise NotImplementedError

    def controls(self, actions: np.ndarray, command: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions (H, A) in [-1, 1] from a command -> controls (H * substeps, nu) and the command that they leave."""
        raise NotImplementedError

    def measure(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """Positions (..., nq) -> every signal (...,), ``distance_m`` to the goal among them."""
        raise NotImplementedError

    def excess(self, measured: dict[str, np.ndarray]) -> np.ndarray:
        """How far (...,) beyond what counts as success, in tolerances; 0 is success."""
        raise NotImplementedError

    def proprioception(self) -> np.ndarray:
        """What the robot feels of itself (P,) float32."""
        raise NotImplementedError

    def pose_goal(self, data: mujoco.MjData) -> None:
        """Set ``data.qpos`` to a state in which the goal is reached, as its picture shows it."""
        raise NotImplementedError

    def mark_goal(self, scene: mujoco.MjvScene) -> None:
        """Add the goal to what is drawn for people."""
        raise NotImplementedError

    # -- episode -------------------------------------------------------------------------------------------------

    def reset(
        self, rng: np.random.Generator, fixed: Collection[str] = (), variations: Mapping[str, float] = NONE
    ) -> None:
        """Lay out a new episode; factors named in ``fixed`` take the middle of their range.

        ``variations``: {factor: strength}, see rehearse.sim.variation.
        """
        mujoco.mj_resetData(self.model, self.data)
        self.factors = draw(self.factors_kind, rng, fixed, variations)
        self.lay_out(rng)
        mujoco.mj_kinematics(self.model, self.data)
        self._start_excess = float(self.excess(self.measure(self.data.qpos)))

    def step(self, action: np.ndarray) -> None:
        """Advance 0.2 s under ``action`` (A,); raises DataError for a wrong shape or a non-finite value."""
        action = checked_action(action, self.action_names)
        controls, self.command = self.controls(action[None], self.command)
        for control in controls:
            self.data.ctrl[:] = control
            mujoco.mj_step(self.model, self.data)
        mujoco.mj_kinematics(self.model, self.data)  # mj_step leaves positions of bodies one substep behind

    def outcomes(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """``measure``, and progress (0 at the start, 1 is success) and success, of positions (..., nq)."""
        measured = self.measure(qpos)
        excess = self.excess(measured)
        progress = np.clip(1 - excess / self._start_excess, 0, 1)
        success = excess <= 0 if self.harm is None else (excess <= 0) & ~measured[self.harm]
        return measured | {"progress": progress, "success": success}

    def outcome(self) -> dict[str, float | bool]:
        """``outcomes`` of where the world is now."""
        return {name: value.item() for name, value in self.outcomes(self.data.qpos).items()}

    def get_state(self) -> np.ndarray:
        """All that a layout's physics goes on from, bit for bit: (n,) float64."""
        state = np.empty(mujoco.mj_stateSize(self.model, _EVERYTHING))
        mujoco.mj_getState(self.model, self.data, state, _EVERYTHING)
        return np.concatenate([self.command, state])

    def set_state(self, state: np.ndarray) -> None:
        """Go back to a state (n,) of the layout that is laid out."""
        size = len(self.command)
        wanted = size + mujoco.mj_stateSize(self.model, _EVERYTHING)
        if np.shape(state) != (wanted,):
            raise DataError(f"state has shape {np.shape(state)}; this world's has ({wanted},): use get_state's")
        self.command = np.array(state[:size])
        mujoco.mj_setState(self.model, self.data, state[size:], _EVERYTHING)
        mujoco.mj_kinematics(self.model, self.data)
