"""A robot of ours behind the interface of ``lerobot.robots.Robot``: the way to a real arm can be walked without one.

    robot = Follower("so101", image_px=64); robot.connect()
    robot.send_action({"shoulder_pan.pos": 10.0}); robot.get_observation()     # {"shoulder_pan.pos": 9.9, …}

Names and units are LeRobot 0.6's for its SO followers: ``<joint>.pos`` in degrees from the middle of the calibrated
range, or, without ``use_degrees``, in -100 … 100 of that range; fingers in 0 … 100; in steps of a 4096th of a turn, as
its servos count. The world goes on by the clock between calls, and the servos hold what they were sent last. Needs no
LeRobot; tests/lerobot compares it with LeRobot's own class. Scene: the ball and stick of rehearse.sim.reach.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from rehearse.errors import ConfigError
from rehearse.sim.gl import close_renderer, open_renderer
from rehearse.sim.reach import scene
from rehearse.sim.robots import ROBOTS

TICKS_A_TURN = 4095  # LeRobot's: the greatest reading of a turn
FULL_TURN = ("wrist_roll",)  # which LeRobot calibrates to a whole turn, whatever its stops
CAMERA = "front"
CAMERA_PERIOD_S = 0.1  # in between its latest picture is told again, as LeRobot's cameras do
MOST_BEHIND_S = 1.0  # what is made up for after a pause


@dataclass(frozen=True)
class Calibration:
    """Of one servo: the ticks at either end of its range. LeRobot's MotorCalibration has these, too."""

    range_min: int
    range_max: int

    @property
    def middle(self) -> float:
        """The tick that is 0 degrees."""
        return (self.range_min + self.range_max) / 2


@dataclass
class FollowerConfig:
    """What of LeRobot's SOFollowerConfig means something here."""

    use_degrees: bool = True
    disable_torque_on_disconnect: bool = True


class Follower:
    """See the module's first lines. ``arm`` names one of ROBOTS; ``image_px`` 0 leaves the camera out."""

    name = "rehearse_follower"

    def __init__(
        self,
        arm: str = "so101",
        image_px: int = 0,
        use_degrees: bool = True,
        disable_torque_on_disconnect: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if arm not in ROBOTS:
            raise ConfigError(f"unknown arm {arm!r}; choose one of {', '.join(ROBOTS)}")
        self.robot_type, self.id, self.cameras = self.name, arm, {CAMERA: None} if image_px else {}
        self.config = FollowerConfig(use_degrees, disable_torque_on_disconnect)
        self._image_px, self._clock = image_px, clock
        robot = ROBOTS[arm]
        self.model = scene.build(robot).compile()
        self.data = mujoco.MjData(self.model)
        scene.stand_ball(self.model, np.add(robot.workspace_low_m, robot.workspace_high_m) / 2, 0.02)
        self.motors = (*robot.joints, *robot.fingers)
        self._fingers = set(robot.fingers)
        joints = [self.model.joint(f"arm/{name}") for name in self.motors]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        ranges = [joint.range for joint in joints]
        # A servo's middle stands at 0 degrees of LeRobot's, and there at the middle of the joint's range in the model.
        self._zero_rad = np.array([0.0 if name in FULL_TURN else np.mean(r) for name, r in zip(self.motors, ranges)])
        whole = Calibration(0, TICKS_A_TURN)
        self.calibration = {
            name: whole if name in FULL_TURN else _calibrated(*r) for name, r in zip(self.motors, ranges)
        }
        self.data.qpos[self._qpos[: len(robot.joints)]] = robot.home_rad
        self.data.ctrl[:] = self.data.qpos[self._qpos]
        mujoco.mj_forward(self.model, self.data)
        self._renderer: mujoco.Renderer | None = None
        self._picture: np.ndarray | None = None
        self._seen_s = 0.0
        self._connected, self.torque = False, False
        self._at_s = 0.0

    # -- what lerobot.robots.Robot asks for ------------------------------------------------------------------------

    @property
    def action_features(self) -> dict[str, type]:
        """``<motor>.pos``: float."""
        return {f"{name}.pos": float for name in self.motors}

    @property
    def observation_features(self) -> dict[str, type | tuple]:
        """The same, and the camera's (height, width, 3)."""
        return {**self.action_features, **dict.fromkeys(self.cameras, (self._image_px, self._image_px, 3))}

    @property
    def is_connected(self) -> bool:
        """Between connect and disconnect."""
        return self._connected

    @property
    def is_calibrated(self) -> bool:
        """Always."""
        return True

    def connect(self, calibrate: bool = True) -> None:
        """Torque on, where the arm is."""
        if self._connected:
            raise ConnectionError(f"{self} is already connected.")
        self._connected, self._at_s = True, self._clock()
        self.configure()

    def calibrate(self) -> None:
        """Nothing to do."""

    def configure(self) -> None:
        """Hold where the arm is."""
        self.data.ctrl[:] = self.data.qpos[self._qpos]
        self.torque = True

    def get_observation(self) -> dict[str, Any]:
        """Positions now, and what the camera sees."""
        self._advance()
        sensed: dict[str, Any] = {
            f"{name}.pos": self._read(i, name, float(self.data.qpos[self._qpos[i]]))
            for i, name in enumerate(self.motors)
        }
        if self.cameras:
            sensed[CAMERA] = self._see()
        return sensed

    def _see(self) -> np.ndarray:
        """The latest picture (px,px,3)."""
        if self._renderer is None:
            self._renderer = open_renderer(self.model, self._image_px, self._image_px, owner=self)
        if self._picture is None or self._at_s - self._seen_s >= CAMERA_PERIOD_S:
            self._renderer.update_scene(self.data, "camera")
            self._picture, self._seen_s = self._renderer.render(), self._at_s
        return self._picture

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        """Goals for the servos that it names; what they were sent, which is all of it."""
        self._advance()
        for i, name in enumerate(self.motors):
            if (value := action.get(f"{name}.pos")) is not None:
                low, high = self.model.actuator_ctrlrange[i]
                self.data.ctrl[i] = np.clip(self._written(i, name, value), low, high)
        return action

    def disconnect(self) -> None:
        """Leave the bus, torque as configured."""
        self._advance()
        self.torque = not self.config.disable_torque_on_disconnect
        self._connected = False
        if self._renderer is not None:
            close_renderer(self._renderer)
            self._renderer = None

    # -- servos ------------------------------------------------------------------------------------------------------

    def _read(self, motor: int, name: str, q_rad: float) -> float:
        """Radians as the bus tells them."""
        at = self.calibration[name]
        ticks = round(at.middle + (q_rad - self._zero_rad[motor]) * TICKS_A_TURN / (2 * np.pi))
        if name not in self._fingers and self.config.use_degrees:
            return (ticks - at.middle) * 360 / TICKS_A_TURN
        share = (min(max(ticks, at.range_min), at.range_max) - at.range_min) / (at.range_max - at.range_min)
        return 100 * share if name in self._fingers else 200 * share - 100

    def _written(self, motor: int, name: str, value: float) -> float:
        """What the bus is told, in radians."""
        at = self.calibration[name]
        if name not in self._fingers and self.config.use_degrees:
            ticks = int(value * TICKS_A_TURN / 360 + at.middle)
        else:
            low, span = (0.0, 100.0) if name in self._fingers else (-100.0, 200.0)
            share = (min(max(value, low), low + span) - low) / span
            ticks = int(share * (at.range_max - at.range_min) + at.range_min)
        return self._zero_rad[motor] + (ticks - at.middle) * 2 * np.pi / TICKS_A_TURN

    def _advance(self) -> None:
        """Bring the world to now."""
        if not self._connected:
            raise ConnectionError(f"{self} is not connected.")
        now_s = self._clock()
        self._at_s = max(self._at_s, now_s - MOST_BEHIND_S)
        steps = int((now_s - self._at_s) / scene.TIMESTEP_S)
        if steps:
            mujoco.mj_step(self.model, self.data, nstep=steps)
        self._at_s += steps * scene.TIMESTEP_S

    def __str__(self) -> str:
        return f"{self.id} {type(self).__name__}"


def _calibrated(low_rad: float, high_rad: float) -> Calibration:
    """A range of that width round the middle of the turn."""
    half = (high_rad - low_rad) / 2 * TICKS_A_TURN / (2 * np.pi)
    middle = (TICKS_A_TURN + 1) / 2
    return Calibration(round(middle - half), round(middle + half))
