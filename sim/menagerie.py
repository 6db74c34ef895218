"""Other people's arms by name: MuJoCo Menagerie's where it lies on this machine, and the UR5e that comes with ogbench.

    robot = get_robot("menagerie:panda"); world = ReachWorld(robot)       # or "menagerie:universal_robots_ur5e"

Nothing is fetched. Of a model that was not made for us, all that reaching needs is found out: the chain of driven
hinges, the place between the fingertips, a posture to begin at, and the largest box that the arm reaches everywhere.
Its actuators become position servos with the strength that it says, its own weight is carried for it, as arms of this
kind do by themselves, and its fingers are held still. Speeds and accelerations are ours: a model does not tell them.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import mujoco
import numpy as np

from rehearse.errors import ConfigError, SetupError
from rehearse.sim.kinematics import ArmKinematics
from rehearse.sim.robots import ROBOTS, Robot

MENAGERIE, OGBENCH = "menagerie:", "ogbench:ur5e"
# Names that makers give the place between fingertips, or else the flange, best first.
TOOLS = ("grip", "pinch", "gripperframe", "grasp_site", "tcp", "ee_site", "end_effector", "attachment_site")
ASKED_RADPS, ASKED_RADPS2 = 2.0, 12.0
FEWEST_JOINTS, LOOSE_RAD = 4, 2 * np.pi
REACHED_M, STRAYED_M, STRIDE_M = 3e-3, 0.01, 0.05
SMALLER, SMALLEST = 0.85, 0.2


def get_robot(name: str) -> Robot:
    """The robot; ConfigError for a name that there is not, SetupError for one that is not on this machine."""
    return ROBOTS[name] if name in ROBOTS else adapted(name, *located(name))


def located(name: str) -> tuple[Callable[[], mujoco.MjSpec], str]:
    """What loads somebody else's model, and whose it is; the errors of ``get_robot``, without loading anything."""
    if name.startswith(MENAGERIE):
        path = _menagerie_file(name.removeprefix(MENAGERIE))
        return partial(mujoco.MjSpec.from_file, str(path)), f"{path.parent.name} of MuJoCo Menagerie"
    if name == OGBENCH:
        return partial(_ur5e, _ogbench()), "UR5e and Robotiq 2F85 of ogbench, after MuJoCo Menagerie's"
    raise ConfigError(f"unknown robot {name!r}; choose one of {', '.join(ROBOTS)}, {OGBENCH} or {MENAGERIE}NAME")


def _menagerie_file(name: str) -> Path:
    """The MJCF file of FOLDER or FOLDER/FILE; the maker's name at the folder's beginning may be left out."""
    folder, _, variant = name.partition("/")
    cache = os.environ.get("ROBOT_DESCRIPTIONS_CACHE", "~/.cache/robot_descriptions")
    roots = [os.environ.get("MUJOCO_MENAGERIE", ""), f"{cache}/mujoco_menagerie"]
    root = next((path for path in (Path(r).expanduser() for r in roots if r) if path.is_dir()), None)
    if root is None:
        raise SetupError(
            f"robot 'menagerie:{name}' is not on this machine, and nothing is fetched unasked. Remedy: pip install "
            f"robot_descriptions && python -m robot_descriptions pull {folder}_mj_description; or clone "
            "mujoco_menagerie yourself and set MUJOCO_MENAGERIE to where it is"
        )
    named = [path for path in sorted(root.iterdir()) if path.name == folder or path.name.endswith(f"_{folder}")]
    if len(named) != 1:
        found = ", ".join(path.name for path in named) or "none of that name"
        raise ConfigError(f"robot 'menagerie:{name}' must name one folder of {root}; there is {found}")
    files = {p.stem: p for p in sorted(named[0].glob("*.xml")) if not p.stem.startswith(("scene", "mjx_", "keyframe"))}
    wanted = variant or next((stem for stem in files if f"_{named[0].name}".endswith(f"_{stem}")), None)
    if wanted is None and len(files) == 1:
        wanted = next(iter(files))
    if wanted not in files:
        known = ", ".join(f"menagerie:{folder}/{stem}" for stem in files) or "none"
        raise ConfigError(f"robot 'menagerie:{name}' names no one model; there are: {known}")
    return files[wanted]


def _ogbench() -> Path:
    """The folder of ogbench's models; SetupError without ogbench."""
    package = find_spec("ogbench")
    if package is None:
        raise SetupError(f"robot {OGBENCH!r} is a model that comes with ogbench: pip install --no-deps ogbench")
    return Path(package.origin).parent / "manipspace" / "descriptions"


def _ur5e(folder: Path) -> mujoco.MjSpec:
    """The arm with its gripper on."""
    spec = mujoco.MjSpec.from_file(str(folder / "universal_robots_ur5e" / "ur5e.xml"))
    gripper = mujoco.MjSpec.from_file(str(folder / "robotiq_2f85" / "2f85.xml"))
    gripper.option = spec.option
    spec.attach(gripper, site=spec.site("attachment_site"), prefix="gripper/")
    return spec


@dataclass(frozen=True)
class _Found:
    """Of a model: ids of the chain's joints and their actuators; the hand's body, the tool's place and turn in it."""

    joints: list[int]
    actuators: list[int]
    hand: str
    place_m: np.ndarray
    quat: np.ndarray


def adapted(name: str, load: Callable[[], mujoco.MjSpec], source: str) -> Robot:
    """A robot from somebody else's model; ConfigError where it is no arm that we can tell to reach."""
    model = load().compile()
    found = _find(name, model)
    joints = tuple(model.joint(joint).name for joint in found.joints)
    limited = model.jnt_limited[found.joints].astype(bool)
    low, high = np.where(limited, model.jnt_range[found.joints].T, [[-LOOSE_RAD], [LOOSE_RAD]])
    home = model.key_qpos[0] if model.nkey else model.qpos0
    home = home[model.jnt_qposadr[found.joints]]
    if not model.nkey:
        home = np.where(limited, (low + high) / 2, home)
    count, numbers = len(joints), lambda values: tuple(float(value) for value in values)
    robot = Robot(
        name=name,
        about=f"{count} joints, somebody else's model",
        asset="",
        model=partial(_for_us, load, found, joints, tuple(map(tuple, _servos(name, model, found)))),
        hand=found.hand,
        joints=joints,
        position_low_rad=numbers(low),
        position_high_rad=numbers(high),
        velocity_radps=(ASKED_RADPS,) * count,
        acceleration_radps2=(ASKED_RADPS2,) * count,
        torque_nm=numbers(servo[2] for servo in _servos(name, model, found)),
        home_rad=numbers(np.clip(home, low, high)),
        base_m=(0.0, 0.0, 0.0),
        workspace_low_m=(0.0, 0.0, 0.0),
        workspace_high_m=(0.0, 0.0, 0.0),
        fingers=(),
        closed=0.0,
        open=0.0,
        facing_rad=np.pi / 2,
        hand_down=0.0,
        source=source,
        licence="its maker's; see the model's folder",
    )
    return _placed(robot, posed=model.nkey > 0)


def _find(name: str, model: mujoco.MjModel) -> _Found:
    """The chain, its actuators, and the tool."""
    driver = {}
    for actuator in range(model.nu):
        joint = int(model.actuator_trnid[actuator, 0])
        direct = model.actuator_trntype[actuator] == mujoco.mjtTrn.mjTRN_JOINT
        if direct and model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_HINGE:
            driver[joint] = actuator

    def chain(body: int) -> list[int]:
        joints: list[int] = []
        while body:
            first = int(model.body_jntadr[body])
            joints += [first + i for i in reversed(range(int(model.body_jntnum[body]))) if first + i in driver]
            body = int(model.body_parentid[body])
        return joints[::-1]

    sites = {model.site(i).name.rpartition("/")[2]: i for i in range(model.nsite)}
    site = next((sites[tool] for tool in TOOLS if tool in sites), None)
    if site is not None:
        hand, place_m, quat = int(model.site_bodyid[site]), model.site_pos[site].copy(), model.site_quat[site].copy()
    else:
        hand = max(range(model.nbody), key=lambda body: (len(chain(body)), -body))
        children = lambda body: [b for b in range(1, model.nbody) if model.body_parentid[b] == body]  # noqa: E731
        while len(children(hand)) == 1:
            hand = children(hand)[0]
        place_m = np.mean([model.body_pos[child] for child in children(hand)] or [np.zeros(3)], axis=0)
        quat = np.array([1.0, 0.0, 0.0, 0.0])
    joints = chain(hand)
    if len(joints) < FEWEST_JOINTS or joints != list(range(len(joints))):
        raise ConfigError(
            f"robot {name!r}: {len(joints)} driven hinges lead from the base to its hand {model.body(hand).name!r};"
            f" an arm for reaching has {FEWEST_JOINTS} or more, before all other joints"
        )
    return _Found(joints, [driver[joint] for joint in joints], model.body(hand).name, place_m, quat)


def _servos(name: str, model: mujoco.MjModel, found: _Found) -> list[tuple[float, float, float]]:
    """Of each joint its servo's stiffness, N m/rad, damping (negative) or damping ratio (positive), and torque, N m."""
    servos = []
    for joint, actuator in zip(found.joints, found.actuators, strict=True):
        gain, bias = model.actuator_gainprm[actuator, 0], model.actuator_biasprm[actuator]
        gear = abs(model.actuator_gear[actuator, 0])
        limits = [gear * model.actuator_forcerange[actuator, 1], model.jnt_actfrcrange[joint, 1]]
        if model.actuator_ctrllimited[actuator] and not model.actuator_biasprm[actuator].any():
            limits.append(gear * gain * model.actuator_ctrlrange[actuator, 1])
        torque = min((limit for limit in limits if limit > 0), default=0.0)
        if not torque:
            raise ConfigError(f"robot {name!r}: its model does not say how strong {model.joint(joint).name} is")
        if gain > 0 and np.isclose(gain, -bias[1]) and gear == 1:  # a position servo already
            servos.append((float(gain), float(bias[2]), float(torque)))
        else:  # all its strength at a tenth of a radian, critically damped
            servos.append((10.0 * float(torque), 1.0, float(torque)))
    return servos


def _for_us(load: Callable[[], mujoco.MjSpec], found: _Found, joints: tuple[str, ...], servos: tuple) -> mujoco.MjSpec:
    """The model with position servos on the chain, and of the rest nothing that moves, acts or is measured."""
    spec = load()
    for things in (spec.keys, spec.sensors, spec.actuators, spec.equalities, spec.tendons, spec.lights, spec.cameras):
        for thing in list(things):
            spec.delete(thing)
    for joint in list(spec.joints):
        if joint.name not in joints:
            spec.delete(joint)
    for body in spec.bodies:
        body.gravcomp = 1
    for name in ("wrist", "grip"):
        if spec.site(name) is not None:
            spec.delete(spec.site(name))
        spec.body(found.hand).add_site(
            name=name, pos=found.place_m, quat=found.quat, size=[0.004] * 3, rgba=[0, 0, 0, 0]
        )
    for joint, (stiffness, damping, torque) in zip(joints, servos, strict=True):
        limits = spec.joint(joint).range
        servo = spec.add_actuator(
            name=joint,
            target=joint,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            forcerange=[-torque, torque],
            ctrlrange=limits if limits[1] > limits[0] else [-LOOSE_RAD, LOOSE_RAD],
        )
        servo.gainprm[0], servo.biasprm[1], servo.biasprm[2] = stiffness, -stiffness, damping
    return spec


def _placed(robot: Robot, posed: bool) -> Robot:
    """The robot where its workspace, as large as it can be, has its middle over that of the usual robot's.

    All is the usual robot's, as many times smaller or larger as the arm is shorter or longer; the box then shrinks
    about its middle until inverse kinematics brings the fingertips to its corners and to places inside. A robot that
    was not ``posed`` by its maker begins with its hand down in the middle.
    """
    usual = ROBOTS["arm7"]
    low, high, stands = (np.array(v) for v in (usual.workspace_low_m, usual.workspace_high_m, usual.base_m))
    over, size = (low + high) / 2 * [1, 1, 0], length_m(robot) / length_m(usual)
    middle, half = over + size * ((low + high) / 2 - over), size * (high - low) / 2
    base_m, damping = over + size * (stands - over), usual.ik_damping_m2 / 10 * size**2
    inside = np.random.default_rng(0).uniform(-1, 1, (30, 3))
    if not posed:
        kinematics = ArmKinematics(replace(robot, base_m=tuple(base_m), ik_damping_m2=damping))
        robot = replace(robot, home_rad=tuple(kinematics.solve(kinematics.home_rad, middle, iterations=200).tolist()))
    share = 1.0
    while share > SMALLEST:
        candidate = replace(
            robot,
            base_m=tuple(base_m.tolist()),
            workspace_low_m=tuple((middle - share * half).tolist()),
            workspace_high_m=tuple((middle + share * half).tolist()),
            ik_damping_m2=damping,
        )
        if _reaches(candidate, [middle + share * half * place for place in (*product((-1, 1), repeat=3), *inside)]):
            return candidate
        share *= SMALLER
    raise ConfigError(f"robot {robot.name!r}: there is no box on the table that it reaches everywhere")


def _reaches(robot: Robot, places_m: list[np.ndarray]) -> bool:
    """Whether inverse kinematics brings the fingertips to every place (3,), and in strides from each to the next."""
    kinematics = ArmKinematics(robot)
    off_m = lambda q_rad, place: np.linalg.norm(kinematics.forward(q_rad) - place)  # noqa: E731
    before, walking = places_m[-1], None
    for place in places_m:
        q_rad = kinematics.solve(kinematics.home_rad, place, iterations=80)
        for share in np.linspace(0, 1, 1 + math.ceil(np.linalg.norm(place - before) / STRIDE_M))[1:]:
            if walking is not None:
                walking = kinematics.solve(walking, before + share * (place - before))
        if off_m(q_rad, place) > REACHED_M or (walking is not None and off_m(walking, place) > STRAYED_M):
            return False
        before, walking = place, q_rad
    return True


def length_m(robot: Robot) -> float:
    """From the first joint to the tool, link by link."""
    model = robot.spec().compile()
    body, length = int(model.site("grip").bodyid[0]), float(np.linalg.norm(model.site("grip").pos))
    while model.body_parentid[body] and model.body_jntadr[body] != 0:
        length += float(np.linalg.norm(model.body_pos[body]))
        body = int(model.body_parentid[body])
    return length
