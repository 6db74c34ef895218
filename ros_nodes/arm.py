"""An arm behind ``lerobot.robots.Robot``, led as by a joint_trajectory_controller. Without ROS, and without LeRobot.

    arm = Arm(robot, settings); arm.connect(); arm.accept(command)
    felt = arm.tick()                       # every period: send what is due, sense; None where that failed

The bus may fail at any moment, with any exception that a driver raises, or answer late. One failure is a hiccup; when
nothing has come back for ``bus_timeout_s`` the arm is braked as far as the bus still carries that, nothing is sent
thereafter, and ``fault`` says why, until the end: where the arm is when a bus comes back, nobody knows.

While a call to the robot lasts, the arm stands at the goal that it was sent last. So the way goes by a time of its own,
which goes on with the clock, but from one goal that was sent to the next by no more than ``MOST_PERIODS``: who was kept
waiting goes on from there, and no goal leaps to where the arm would be by now.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rehearse.errors import ConfigError, DataError
from rehearse.ros_nodes.controller import Controller
from rehearse.ros_nodes.guard.trajectory import Command
from rehearse.ros_nodes.parameters import DEG, ArmParameters

POS = ".pos"
MOST_PERIODS = 2  # a timer is a little late at times


class Robot(Protocol):
    """The part of ``lerobot.robots.Robot`` that is used here."""

    name: str

    @property
    def observation_features(self) -> dict[str, Any]:
        """{name: float, or (height, width, 3) of a camera}."""

    @property
    def action_features(self) -> dict[str, Any]:
        """{name: float}."""

    @property
    def is_calibrated(self) -> bool:
        """Whether its servos know where they are."""

    def connect(self, calibrate: bool = True) -> None:
        """Open bus and cameras."""

    def get_observation(self) -> dict[str, Any]:
        """What it senses now."""

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        """Tell it where to go; what it was told, which may be less."""

    def disconnect(self) -> None:
        """Close bus and cameras."""


@dataclass(frozen=True)
class Units:
    """Radians of ``joints`` and a robot's own numbers, ``<joint>.pos``: q_rad = zero_rad + rad_per_unit * number.

    Both (J,). LeRobot's default is degrees from the middle of a joint's calibrated range.
    """

    joints: tuple[str, ...]
    rad_per_unit: np.ndarray
    zero_rad: np.ndarray

    @classmethod
    def of(cls, settings: ArmParameters) -> "Units":
        """From parameters; ConfigError where they do not fit each other."""
        if not all(np.isfinite(settings.rad_per_unit)) or 0 in settings.rad_per_unit:
            raise ConfigError("parameter rad_per_unit: no number may be 0 or infinite")
        return cls(settings.joints, each(settings, "rad_per_unit"), each(settings, "zero_rad"))

    def to_action(self, q_rad: np.ndarray) -> dict[str, float]:
        """(J,) -> what a robot is sent."""
        numbers = (q_rad - self.zero_rad) / self.rad_per_unit
        return {f"{name}{POS}": float(number) for name, number in zip(self.joints, numbers, strict=True)}

    def to_rad(self, observation: Mapping[str, Any]) -> np.ndarray:
        """What a robot senses -> (J,); DataError names what is missing or no number."""
        if missing := [name for name in self.joints if name + POS not in observation]:
            raise DataError(f"the robot does not sense {', '.join(missing)}")
        numbers = np.array([float(observation[name + POS]) for name in self.joints])
        if not np.isfinite(numbers).all():
            raise DataError(f"the robot senses {numbers.tolist()}")
        return self.zero_rad + self.rad_per_unit * numbers


def each(settings: ArmParameters, name: str) -> np.ndarray:
    """The parameter of that name for each joint (J,), also where one number stands for all; else ConfigError."""
    numbers, count = getattr(settings, name), len(settings.joints)
    if len(numbers) not in (1, count):
        raise ConfigError(f"parameter {name} needs {count} numbers, one for each of joints, or one for all")
    return np.broadcast_to(np.array(numbers, float), count).copy()


@dataclass(frozen=True)
class Felt:
    """What came of one period: positions (J,), the whole observation, and what was sent, or would have been."""

    q_rad: np.ndarray
    observation: Mapping[str, Any]
    sent: Mapping[str, float]


class Arm:
    """Owns the robot from `connect` to `close`. What the robot has besides ``joints``, a gripper, stays as it was."""

    def __init__(self, robot: Robot, settings: ArmParameters, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.robot, self.settings, self.units = robot, settings, Units.of(settings)
        self._acceleration = each(settings, "acceleration_radps2")
        if (self._acceleration <= 0).any():
            raise ConfigError("parameter acceleration_radps2: every number must be above 0")
        self.fault = ""
        self.hiccups = 0
        self._mute = False
        if not getattr(getattr(robot, "config", None), "use_degrees", True) and set(settings.rad_per_unit) == {DEG}:
            raise ConfigError(
                f"{robot.name} does not use degrees: say use_degrees: true in robot_file, or what -100 … 100 mean by "
                "parameter rad_per_unit"
            )
        features = robot.action_features
        if strange := [name for name in features if not name.endswith(POS)]:
            raise ConfigError(f"{robot.name} takes {', '.join(strange)}; arm_node only sends positions (<joint>.pos)")
        if missing := [name for name in self.units.joints if name + POS not in features]:
            known = ", ".join(name.removesuffix(POS) for name in features)
            raise ConfigError(f"{robot.name} has no joint {', '.join(missing)}; parameter joints may name: {known}")

    def connect(self) -> Felt:
        """Open the bus, and hold where the arm is; ConfigError where that cannot be."""
        try:
            self.robot.connect(calibrate=False)  # calibrating asks questions on a terminal
            if not self.robot.is_calibrated:
                raise ConfigError(f"{self.robot.name} is not calibrated: run lerobot-calibrate, with the same id")
            if self.settings.dry_run and (bus := getattr(self.robot, "bus", None)) is not None:
                bus.disable_torque()  # so that it can be led by hand; connecting switched it on
            observation = self.robot.get_observation()
            q_rad = self.units.to_rad(observation)
        except ConfigError:
            raise
        except Exception as error:  # whatever a driver raises
            raise ConfigError(f"cannot reach {self.robot.name}: {_said(error)}") from error
        self._controller = Controller(self.units.joints, q_rad)
        joints = {name + POS for name in self.units.joints}
        self._rest = {name: float(observation[name]) for name in self.robot.action_features if name not in joints}
        self._heard_s = self._sent_s = self._clock()  # when it answered last, and when the goal was due that it has
        self._way_s = 0.0  # how far on its way that is
        return Felt(q_rad, observation, {})

    def accept(self, command: Command) -> None:
        """Follow this from now on; DataError for what no controller would take."""
        if self.fault:
            raise DataError("came after the bus was lost")
        self._controller.accept(command, self._due_s())

    def tick(self) -> Felt | None:
        """Send what is due, and sense; None where that failed, or the arm is given up."""
        if self.fault and self.rests():
            return None
        due_s, began_s = self._due_s(), self._clock()
        action = self.units.to_action(self._controller.at(due_s)) | self._rest
        self._mute = bool(self.fault)  # where the bus does not carry the braking either
        try:
            if not self.settings.dry_run:
                self.robot.send_action(action)
            self._way_s, self._sent_s, self._mute = due_s, began_s, False
            observation = self.robot.get_observation()
            felt = Felt(self.units.to_rad(observation), observation, action)
        except Exception as error:  # whatever a driver raises
            self.hiccups += 1
            if self._clock() - self._heard_s > self.settings.bus_timeout_s:
                self._give_up(_said(error))
            return None
        self._heard_s = self._clock()
        if (took_s := self._heard_s - began_s) > self.settings.bus_timeout_s:
            most_s = self.settings.bus_timeout_s
            self._give_up(f"its bus and cameras took {took_s:.2f} s to answer, bus_timeout_s is {most_s}")
        return None if self.fault else felt

    def brake(self) -> None:
        """To rest, from wherever it has been told to be."""
        self._controller.brake(self._way_s, self._acceleration)

    def rests(self) -> bool:
        """Whether it has been told to stand."""
        return self._mute or self._controller.rests(self._way_s)

    def _due_s(self) -> float:
        """How far on its way the arm is to be now."""
        return self._way_s + min(self._clock() - self._sent_s, MOST_PERIODS * self.settings.period_s)

    def _give_up(self, why: str) -> None:
        """Brake, once, and say why for good."""
        if not self.fault:
            self.fault = f"{self.robot.name} is lost: {why}"
            self.brake()

    def close(self) -> str:
        """Leave the bus, torque as configured; what went wrong with that, or nothing."""
        try:
            self.robot.disconnect()
        except Exception as error:  # whatever a driver raises
            return f"{self.robot.name} could not be left in order: {_said(error)}"
        return ""


def _said(error: Exception) -> str:
    """An exception in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
