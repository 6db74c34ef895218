"""Robots: one dataclass that simulation, planner and guard read, and the robots that come with the package.

    robot = ROBOTS["so101"]; spec = robot.spec(); robot.guard_parameters()

A robot is an MJCF model with a body ``base``, one position actuator for each of ``joints`` and then one for each of
``fingers``, a hand, and two sites on it: ``wrist``, where force is felt, and ``grip``, between the fingertips, whose z
axis points out of the hand. What the model and the dataclass both say must agree, which ``checked`` sees to.
Metres, radians, newton metres.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from rehearse.errors import ConfigError

ASSETS = Path(__file__).parent / "assets"
OURS = "drawn for this project", "Apache-2.0"


@dataclass(frozen=True)
class Robot:
    """One arm of J joints. Its model is the file ``asset`` below ASSETS, or what ``model`` loads.

    ``home_rad`` is the posture that inverse kinematics begins at and tends to; ``hand`` the body that carries the tool.
    ``closed`` and ``open`` are the controls of all fingers: metres where they slide, radians where they turn.
    ``base_m``, ``facing_rad``: where it stands in our scenes, turned to the left of their x. Between
    ``workspace_low_m`` and ``workspace_high_m``, in the scene's frame, the fingertips reach everything. ``hand_down``:
    what it weighs in inverse kinematics that the hand points down; 0 where the place comes first. ``ik_damping_m2``
    grows with the square of an arm's length. ``film``: the dog's scene's camera for people, from where the arm does
    not stand before what it does. ``velocity_radps`` and ``acceleration_radps2`` are what may be asked of each joint.
    """

    name: str
    about: str
    asset: str
    joints: tuple[str, ...]
    position_low_rad: tuple[float, ...]
    position_high_rad: tuple[float, ...]
    velocity_radps: tuple[float, ...]
    acceleration_radps2: tuple[float, ...]
    torque_nm: tuple[float, ...]
    home_rad: tuple[float, ...]
    base_m: tuple[float, float, float]
    workspace_low_m: tuple[float, float, float]
    workspace_high_m: tuple[float, float, float]
    fingers: tuple[str, ...]
    closed: float
    open: float
    model: Callable[[], mujoco.MjSpec] | None = None
    hand: str = "hand"
    facing_rad: float = 0.0
    hand_down: float = 0.25
    ik_damping_m2: float = 2e-3
    film: str = "wide"
    source: str = OURS[0]
    licence: str = OURS[1]

    def __post_init__(self) -> None:
        count = len(self.joints)
        for name in ("position_low_rad", "position_high_rad", "velocity_radps", "acceleration_radps2", "torque_nm"):
            if len(getattr(self, name)) != count or len(self.home_rad) != count:
                raise ConfigError(f"robot {self.name}: {name} and home_rad need {count} numbers, one a joint")

    def spec(self) -> mujoco.MjSpec:
        """The model, as a spec to attach to a scene."""
        return mujoco.MjSpec.from_file(str(ASSETS / self.asset)) if self.model is None else self.model()

    def stand(self, scene: mujoco.MjSpec) -> mujoco.MjSpec:
        """The scene with the robot where it stands; all names of its model begin with ``arm/``."""
        turn = [np.cos(self.facing_rad / 2), 0, 0, np.sin(self.facing_rad / 2)]
        robot = self.spec()
        robot.option = scene.option  # the scene's hold
        scene.attach(robot, frame=scene.worldbody.add_frame(pos=list(self.base_m), quat=turn), prefix="arm/")
        return scene

    def guard_parameters(self) -> dict[str, tuple]:
        """What guard_node is told of this robot, by the names of its parameters."""
        return {
            "joints": self.joints,
            "position_low_rad": self.position_low_rad,
            "position_high_rad": self.position_high_rad,
            "velocity_radps": self.velocity_radps,
            "acceleration_radps2": self.acceleration_radps2,
        }


def checked(robot: Robot) -> Robot:
    """The robot; ConfigError where its model lacks a part, or says otherwise of a joint."""
    model = robot.spec().compile()
    for kind, names in {"body": ("base", robot.hand), "site": ("wrist", "grip")}.items():
        for name in names:
            if mujoco.mj_name2id(model, getattr(mujoco.mjtObj, f"mjOBJ_{kind.upper()}"), name) < 0:
                raise ConfigError(f"robot {robot.name}: its model has no {kind} {name!r}")
    driven = [model.joint(joint).name for joint in model.actuator_trnid[:, 0]]
    if driven != [*robot.joints, *robot.fingers]:
        raise ConfigError(f"robot {robot.name}: its actuators drive {driven}, not {[*robot.joints, *robot.fingers]}")
    for i, name in enumerate(robot.joints):
        low, high = model.joint(name).range
        said = {"position_low_rad": low, "position_high_rad": high, "torque_nm": model.actuator_forcerange[i, 1]}
        for what, value in said.items():
            if not np.isclose(getattr(robot, what)[i], value):
                raise ConfigError(f"robot {robot.name}: {what} of {name} is {value:g} in its model")
    return robot


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"joint{i + 1}" for i in range(count))


TWO_FINGERS = ("finger_left", "finger_right")
WORKSPACE = {"workspace_low_m": (-0.50, -0.14, 0.05), "workspace_high_m": (0.10, 0.16, 0.34)}
STS3215_NM = 2.94  # stalled, at 12 V; it turns at 4.71 rad/s without a load, of which so101 asks two thirds
ROBOTS = {
    robot.name: robot
    for robot in (
        Robot(
            name="arm7",
            about="7 joints, white and orange, two sliding fingers",
            asset="arm.xml",
            joints=_numbered(7),
            position_low_rad=(-2.9, -1.9, -2.9, -0.1, -2.9, -2.4, -2.9),
            position_high_rad=(2.9, 1.9, 2.9, 2.9, 2.9, 2.4, 2.9),
            velocity_radps=(2.0,) * 7,
            acceleration_radps2=(12.0,) * 7,
            torque_nm=(90.0, 90.0, 60.0, 60.0, 20.0, 20.0, 10.0),
            home_rad=(1.4, 0.35, 0.0, 1.75, 0.0, 1.04, 0.0),
            base_m=(-0.20, -0.42, 0.0),
            **WORKSPACE,
            fingers=TWO_FINGERS,
            closed=0.0,
            open=0.026,
        ),
        Robot(
            name="arm6",
            about="6 joints, grey tubes beside each other, green caps, two sliding fingers with broad pads",
            asset="arm6.xml",
            joints=_numbered(6),
            position_low_rad=(-3.1, -2.0, -2.9, -3.1, -2.4, -6.2),
            position_high_rad=(3.1, 2.4, 2.9, 3.1, 2.4, 6.2),
            velocity_radps=(2.0,) * 6,
            acceleration_radps2=(12.0,) * 6,
            torque_nm=(150.0, 150.0, 150.0, 30.0, 30.0, 10.0),
            home_rad=(-1.3, 0.07, 1.95, 1.12, 0.0, -2.7),
            base_m=(-0.36, 0.50, 0.0),
            **WORKSPACE,
            fingers=TWO_FINGERS,
            closed=0.0,
            open=0.034,
            film="wide_far",
        ),
        Robot(
            name="arm5",
            about="5 joints, yellow plates and black servos, one turning jaw",
            asset="arm5.xml",
            joints=_numbered(5),
            position_low_rad=(-3.1, -2.0, -2.9, -3.1, -3.1),
            position_high_rad=(3.1, 2.4, 2.9, 3.1, 3.1),
            velocity_radps=(2.0,) * 5,
            acceleration_radps2=(12.0,) * 5,
            torque_nm=(150.0, 150.0, 150.0, 30.0, 10.0),
            home_rad=(1.37, 0.07, 1.87, 1.2, -0.03),
            base_m=(-0.22, -0.46, 0.0),
            **WORKSPACE,
            fingers=("jaw",),
            closed=0.0,
            open=0.6,
        ),
        Robot(
            name="so101",
            about="5 joints and one turning jaw, yellow brackets and black servos: LeRobot's everyday arm, life-size",
            asset="so101.xml",
            joints=("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll"),
            position_low_rad=(-1.92, -1.745, -1.69, -1.658, -2.744),
            position_high_rad=(1.92, 1.745, 1.69, 1.658, 2.744),
            velocity_radps=(3.0,) * 5,
            acceleration_radps2=(12.0,) * 5,
            torque_nm=(STS3215_NM,) * 5,
            home_rad=(0.0, -0.35, 0.35, 1.4, 0.0),
            base_m=(-0.20, -0.16, 0.0),
            facing_rad=np.pi / 2,
            workspace_low_m=(-0.36, 0.0, 0.03),
            workspace_high_m=(-0.04, 0.14, 0.18),
            hand_down=0.0,
            ik_damping_m2=2e-4,
            fingers=("gripper",),
            closed=-0.17,
            open=0.9,
            source="own boxes; lengths, masses, ranges: TheRobotStudio/SO-ARM100; servo: Feetech STS3215 at 12 V",
        ),
    )
}
