"""The dog-on-jacket world: physics of one episode, without rendering and without Gymnasium.

    world = World(); world.reset(factors); outcome = world.step(np.array([-1.0, 0.0, 0.0, 1.0]))

A step is 0.2 s. The action (4,) in [-1, 1] is the gripper's velocity along x, y, z (1 = MAX_SPEED_MPS) and the grip
(> 0 closed). The same control law drives many imagined copies in ``physics.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np

from rehearse.errors import DataError
from rehearse.sim.actions import checked_action
from rehearse.sim.arms import ARMS
from rehearse.sim.dog_on_jacket import scene
from rehearse.sim.dog_on_jacket.disturbance import SAMPLE_PERIOD_S, WAKE_THRESHOLD, Arousal
from rehearse.sim.dog_on_jacket.factors import DEEPEST_SLEEP, LIGHTEST_SLEEP, Factors
from rehearse.sim.kinematics import ArmKinematics
from rehearse.sim.robots import Robot

ACTION_NAMES = ("velocity_x", "velocity_y", "velocity_z", "grip")
PERIOD_S = 0.2
SUBSTEPS = round(PERIOD_S / scene.TIMESTEP_S)
HOLD_SUBSTEPS = 4  # joint targets move every 20 ms (sim.live), as from a robot's own interpolator
MAX_JOINT_SPEED_RADPS = 1.0
MAX_SPEED_MPS = np.array([0.4, 0.4, 0.3])
STEP_M = MAX_SPEED_MPS * PERIOD_S  # the longest move of one step
WORKSPACE_LOW_M, WORKSPACE_HIGH_M = np.array([-0.62, -0.22, 0.008]), np.array([0.20, 0.26, 0.32])
DOG_SENSORS = ("dog_position", "dog_velocity", "dog_gyro")
_EVERYTHING = mujoco.mjtState.mjSTATE_INTEGRATION  # warm start included: going on is bit for bit the same
_AROUSAL = ("level", "velocity", "origin", "sleep_depth")
GRASP_REACH_M, HOVER_M = 0.04, 0.08
# Taking hold nudges the jacket: time begins when the dog has lain still for half a second, or after 4 s at the latest.
STILL_MPS, STILL_RADPS, STILL_SUBSTEPS, SETTLE_SUBSTEPS = 0.01, 0.04, 100, 800


@dataclass(frozen=True)
class Outcome:
    """What a step did. ``disturbance`` is the highest arousal within the step; 1 wakes the dog.

    ``distance_m`` is from the jacket's middle to the edge of the drop zone, negative inside. The dog's greatest speed
    and rotation within the step, and how far it lies from where it fell asleep, are what its arousal is made of.
    """

    disturbance: float
    woken: bool
    progress: float
    success: bool
    distance_m: float
    dog_speed_mps: float
    dog_turn_radps: float
    dog_shift_m: float


class World:
    """One arm of J joints, one jacket, one dog. ``jacket`` is ``patch`` or ``cloth``."""

    def __init__(self, jacket: str = "patch", arm: Robot = ARMS["arm7"]) -> None:
        self.jacket, self.arm = jacket, arm
        self.model = scene.build(jacket, arm).compile()
        self.data = mujoco.MjData(self.model)
        self.kinematics = ArmKinematics(arm)
        model = self.model
        self.jacket_bodies = scene.jacket_bodies(model)
        self.grasps = np.array([model.equality(f"grasp_{tab}").id for tab in scene.TABS])
        self.tab_sites = np.array([model.site(tab).id for tab in scene.TABS])
        arm_joints = [model.joint(f"arm/{name}") for name in arm.joints]
        self._joints = len(arm_joints)
        self._arm_qpos = np.array([joint.qposadr[0] for joint in arm_joints])
        self._arm_dofs = np.array([joint.dofadr[0] for joint in arm_joints])
        self._nominal_mass = model.body_mass.copy(), model.body_inertia.copy()
        self._dog_bodies = np.array([i for i in range(model.nbody) if model.body(i).name.startswith("dog/")])
        self._dog_geoms = np.isin(model.geom_bodyid, self._dog_bodies)
        self._sensor = {
            model.sensor(i).name: slice(model.sensor(i).adr[0], model.sensor(i).adr[0] + 3)
            for i in range(model.nsensor)
        }

    # -- reset ---------------------------------------------------------------------------------------------------

    def reset(self, factors: Factors, held: bool = True) -> None:
        """Lay out the scene, let everything come to rest, and take hold of the tab (or hover open above it)."""
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        self.factors = factors
        self._apply_physical(factors)
        jacket = np.array([factors.jacket_x_m, factors.jacket_y_m])
        distance = 0.30 * (1 - factors.overlap)
        bearing = factors.jacket_yaw_rad + factors.dog_bearing_rad
        dog = jacket + distance * np.array([np.cos(bearing), np.sin(bearing)])
        scene.place_jacket(model, data, jacket, factors.jacket_yaw_rad)
        self._place("dog/root", [*dog, 0.094], factors.dog_yaw_rad)
        self.q_rad = self.kinematics.home_rad.copy()
        self._put_arm(closed=False)
        mujoco.mj_step(model, data, nstep=160)
        self._reach_tab(factors.tab, held)
        self._start_measuring()

    def assume(self, factors: Factors, jacket_start_m: np.ndarray) -> None:
        """Take these factors and this start for true without laying out a scene: for imagining on another's state."""
        self.factors, self.jacket_start = factors, jacket_start_m
        self._apply_physical(factors)

    def _apply_physical(self, factors: Factors) -> None:
        model = self.model
        scale = factors.dog_mass_kg / self._nominal_mass[0][self._dog_bodies].sum()
        model.body_mass[self._dog_bodies] = self._nominal_mass[0][self._dog_bodies] * scale
        model.body_inertia[self._dog_bodies] = self._nominal_mass[1][self._dog_bodies] * scale
        model.geom_friction[self._dog_geoms, 0] = factors.friction
        model.flex_friction[:, 0] = factors.friction
        # A light sleeper holds its head and ears up: the one thing about its sleep that a camera can see.
        neck = model.joint("dog/neck")
        lightness = np.log(DEEPEST_SLEEP / factors.sleep_depth) / np.log(DEEPEST_SLEEP / LIGHTEST_SLEEP)
        model.qpos_spring[neck.qposadr[0]] = 0.3 - 1.35 * np.clip(lightness, 0, 1)

    def _place(self, joint: str, position: list[float], yaw_rad: float) -> None:
        self.data.joint(joint).qpos[:] = [*position, np.cos(yaw_rad / 2), 0, 0, np.sin(yaw_rad / 2)]

    def _put_arm(self, closed: bool) -> None:
        self.data.qpos[self._arm_qpos] = self.data.ctrl[: self._joints] = self.q_rad
        self.data.ctrl[self._joints :] = self.arm.closed if closed else self.arm.open

    def _reach_tab(self, tab: int, held: bool) -> None:
        model, data = self.model, self.data
        height = 0.004 if held else HOVER_M
        above = data.site_xpos[self.tab_sites[tab]] + np.array([0, 0, height])
        self.target_m = np.clip(above, WORKSPACE_LOW_M, WORKSPACE_HIGH_M)
        self.q_rad = self.kinematics.solve(self.q_rad, self.target_m, iterations=60)
        self._put_arm(closed=held)
        data.qvel[self._arm_dofs] = 0
        data.eq_active[self.grasps[tab]] = held
        mujoco.mj_step(model, data, nstep=40)
        self._settle()

    def _settle(self) -> None:
        still = 0
        for _ in range(0, SETTLE_SUBSTEPS, 20):
            mujoco.mj_step(self.model, self.data, nstep=20)
            speed, rotation = (np.linalg.norm(self.read(name)) for name in DOG_SENSORS[1:])
            still = still + 20 if speed < STILL_MPS and rotation < STILL_RADPS else 0
            if still >= STILL_SUBSTEPS:
                break

    def _start_measuring(self) -> None:
        self.jacket_start = self.jacket_position()
        self.arousal = Arousal(
            level=np.zeros(1),
            velocity=self.read("dog_velocity")[None],
            origin=self.read("dog_position")[None],
            sleep_depth=np.array([self.factors.sleep_depth]),
        )
        self._still = np.stack([self.read("dog_position"), np.zeros(3), np.zeros(3)])
        self.woken, self._rows = False, 0

    # -- step ----------------------------------------------------------------------------------------------------

    def step(self, action: np.ndarray) -> Outcome:
        """Advance 0.2 s under ``action`` (4,); raises DataError for a wrong shape or a non-finite value."""
        action = checked_action(action, ACTION_NAMES)
        controls, self.q_rad, self.target_m = self.controls(action, self.q_rad, self.target_m)
        return self._advance(controls, closed=action[3] > 0)

    def step_joints(self, action: np.ndarray) -> Outcome:
        """Advance 0.2 s under ``action`` (J + 1,): joint velocities (1 = MAX_JOINT_SPEED_RADPS) and grip."""
        action = checked_action(action, (*self.arm.joints, "grip"))
        q_next = self.kinematics.within_limits(self.q_rad + action[:-1] * MAX_JOINT_SPEED_RADPS * PERIOD_S)
        controls = self._interpolate(self.q_rad, q_next, closed=action[-1] > 0)
        self.q_rad, self.target_m = q_next, self.kinematics.forward(q_next)
        return self._advance(controls, closed=action[-1] > 0)

    def follow(self, q_rad: np.ndarray, closed: bool = True) -> Outcome:
        """Advance 20 ms under joint targets (J,) that a controller outside gives, without regard to limits."""
        self.q_rad, self.target_m = np.array(q_rad, float), self.kinematics.forward(q_rad)
        fingers = np.full(self.model.nu - self._joints, self.arm.closed if closed else self.arm.open)
        return self._advance(np.append(self.q_rad, fingers)[None], closed)

    def _advance(self, controls: np.ndarray, closed: bool) -> Outcome:
        """Step the physics through ``controls`` (rows of 20 ms, nu), measuring the dog on the way."""
        self.set_grasp(self.data, closed)
        peak, motion = 0.0, np.zeros(3)
        per_sample = round(SAMPLE_PERIOD_S / scene.TIMESTEP_S) // HOLD_SUBSTEPS
        for control in controls:
            self.data.ctrl[:] = control
            mujoco.mj_step(self.model, self.data, nstep=HOLD_SUBSTEPS)
            self._rows += 1
            if self._rows % per_sample == 0:
                sensed = [self.read(name) for name in DOG_SENSORS]
                peak = max(peak, float(self.arousal.sample(*(value[None] for value in sensed))[0]))
                motion = np.maximum(motion, np.linalg.norm(sensed - self._still, axis=-1))
        mujoco.mj_kinematics(self.model, self.data)  # mj_step leaves positions one substep behind
        self.woken = self.woken or peak >= WAKE_THRESHOLD
        jacket = self.jacket_position()
        progress = float(self.progress(jacket))
        return Outcome(
            disturbance=peak,
            woken=self.woken,
            progress=progress,
            success=progress >= 1 and not self.woken,
            distance_m=float(self.distance_m(jacket)),
            dog_speed_mps=float(motion[1]),
            dog_turn_radps=float(motion[2]),
            dog_shift_m=float(motion[0]),
        )

    def controls(self, action: np.ndarray, q_rad: np.ndarray, target_m: np.ndarray) -> tuple[np.ndarray, ...]:
        """Joint targets (SUBSTEPS / HOLD_SUBSTEPS, nu) for one step, and the arm's new commanded joints and point."""
        target = np.clip(target_m + action[:3] * STEP_M, WORKSPACE_LOW_M, WORKSPACE_HIGH_M)
        q_next = self.kinematics.solve(q_rad, target)
        return self._interpolate(q_rad, q_next, closed=action[3] > 0), q_next, target

    def _interpolate(self, q_rad: np.ndarray, q_next: np.ndarray, closed: bool) -> np.ndarray:
        fraction = np.linspace(0, 1, SUBSTEPS // HOLD_SUBSTEPS + 1)[1:, None]
        shape = len(fraction), self.model.nu - self._joints
        fingers = np.full(shape, self.arm.closed if closed else self.arm.open)
        return np.concatenate([q_rad + (q_next - q_rad) * fraction, fingers], axis=1)

    def set_grasp(self, data: mujoco.MjData, closed: bool) -> None:
        """Open hand: let go. Closed hand: keep hold, or take hold of the nearest tab within reach."""
        if not closed:
            data.eq_active[self.grasps] = 0
        elif not data.eq_active[self.grasps].any():
            grip = data.site_xpos[self.model.site("arm/grip").id]
            distance = np.linalg.norm(data.site_xpos[self.tab_sites] - grip, axis=-1)
            if distance.min() <= GRASP_REACH_M:
                data.eq_active[self.grasps[distance.argmin()]] = 1

    # -- any moment again ----------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, np.ndarray]:
        """All that the physics and the dog's sleep go on from, as arrays, bit for bit."""
        physics = np.empty(mujoco.mj_stateSize(self.model, _EVERYTHING))
        mujoco.mj_getState(self.model, self.data, physics, _EVERYTHING)
        arousal = {name: getattr(self.arousal, name).copy() for name in _AROUSAL}
        progress = {"woken": np.bool_(self.woken), "rows": np.int64(self._rows), "still": self._still.copy()}
        arm = {"q_rad": self.q_rad.copy(), "target_m": self.target_m.copy()}
        # Sensors are what the last substep measured on its way, not what the state it led to would measure.
        return {"physics": physics, "sensors": self.data.sensordata.copy(), **arousal, **progress, **arm}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to a state of the layout that is laid out; raises DataError for one of another scene."""
        wanted = mujoco.mj_stateSize(self.model, _EVERYTHING)
        if np.shape(state["physics"]) != (wanted,):
            raise DataError(f"state has shape {np.shape(state['physics'])}; this scene's has ({wanted},)")
        mujoco.mj_setState(self.model, self.data, state["physics"], _EVERYTHING)
        mujoco.mj_kinematics(self.model, self.data)
        self.data.sensordata[:] = state["sensors"]
        for name in _AROUSAL:
            setattr(self.arousal, name, np.array(state[name]))
        self.woken, self._rows, self._still = bool(state["woken"]), int(state["rows"]), np.array(state["still"])
        self.q_rad, self.target_m = np.array(state["q_rad"]), np.array(state["target_m"])

    # -- what can be read ----------------------------------------------------------------------------------------

    def read(self, sensor: str) -> np.ndarray:
        """A copy of a 3-vector sensor."""
        return self.data.sensordata[self._sensor[sensor]].copy()

    def arm_state(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (J,) of the arm's joints, rad and rad/s."""
        return self.data.qpos[self._arm_qpos].copy(), self.data.qvel[self._arm_dofs].copy()

    def sensor_slice(self, sensor: str) -> slice:
        """Where a 3-vector sensor stands in ``sensordata``."""
        return self._sensor[sensor]

    def jacket_position(self, data: mujoco.MjData | None = None) -> np.ndarray:
        """Mean position of the jacket's plates or vertices (3,), here or in another ``data`` of the same model."""
        return (data or self.data).xpos[self.jacket_bodies].mean(0)

    @staticmethod
    def distance_m(jacket_m: np.ndarray) -> np.ndarray:
        """Jacket positions (..., 3) -> distance to the edge of the drop zone (...,), negative inside."""
        return np.linalg.norm(jacket_m[..., :2] - np.array(scene.DROP_ZONE_M), axis=-1) - scene.DROP_RADIUS_M

    def progress(self, jacket_m: np.ndarray) -> np.ndarray:
        """Share of the way to the drop zone, (...,) in [0, 1], for jacket positions (..., 3). 1 is delivered."""
        return np.clip(1 - self.distance_m(jacket_m) / self.distance_m(self.jacket_start), 0, 1)

    def proprioception(self) -> np.ndarray:
        """(10,) gripper position, commanded minus actual position, wrist force / 20 N, and whether the hand holds."""
        grip = self.read("grip_position")
        holds = float(self.data.eq_active[self.grasps].any())
        return np.concatenate([grip, self.target_m - grip, self.read("wrist_force") / 20, [holds]]).astype(np.float32)


def within_workspace(action: np.ndarray, target_m: np.ndarray) -> np.ndarray:
    """What an arm that is commanded to ``target_m`` (3,) does of an action (4,): the motion ends at the workspace."""
    action = np.clip(action, -1, 1)
    reached = np.clip(target_m + action[:3] * STEP_M, WORKSPACE_LOW_M, WORKSPACE_HIGH_M)
    return np.append(np.clip((reached - target_m) / STEP_M, -1, 1), action[3])
