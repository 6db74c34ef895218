"""The robot that a file names: one of LeRobot's, the simulated stand-in, or one of your own.

    robot = which_robot(Path("so101_lerobot.yaml"), limp=False)

The file is YAML, and says what ``lerobot-record --robot.…`` is told: ``type: so101_follower``, ``port``, ``id``,
``cameras`` and so on. ``type: rehearse_follower`` is rehearse.sim.follower.Follower; ``type: package.module:name`` is
called with the rest of the file and ``disable_torque_on_disconnect``. LeRobot is imported for its own types alone.
"""

import dataclasses
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from rehearse.errors import ConfigError, SetupError
from rehearse.ros_nodes.arm import Robot

OURS = {"rehearse_follower": "rehearse.sim.follower:Follower"}
TORQUE = "disable_torque_on_disconnect"


def which_robot(path: Path, limp: bool) -> Robot:
    """The robot, not connected yet; ConfigError or SetupError in one line. ``limp``: torque goes when it is left."""
    if not path.is_file():
        raise ConfigError(f"parameter robot_file: there is no {str(path)!r}")
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise ConfigError(f"{path} names no robot: it needs `type: so101_follower`, or another")
    if TORQUE in said:
        raise ConfigError(f"{path}: leave {TORQUE} out; arm_node's parameter on_shutdown decides")
    where = OURS.get(said["type"], said["type"])
    if ":" not in where:
        return _from_lerobot(said | {TORQUE: limp}, path)
    module, _, name = where.partition(":")
    try:
        made = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{path}: cannot import {where} ({error})") from error
    try:
        return made(**{key: value for key, value in said.items() if key != "type"}, **{TORQUE: limp})
    except TypeError as error:
        raise ConfigError(f"{path}: {error}") from error


def _from_lerobot(said: dict[str, Any], path: Path) -> Robot:
    """One of LeRobot's own, or of an installed package named lerobot_robot_…."""
    try:
        import draccus
        import lerobot.cameras
        import lerobot.robots
        from lerobot.utils.import_utils import register_third_party_plugins
    except ImportError as error:
        raise SetupError(
            f"{path} names a robot of LeRobot's, which is missing: pip install 'lerobot[feetech]>=0.6,<0.7' into the "
            f"environment of arm_node, on Python 3.12 ({error})"
        ) from error
    for package in (lerobot.robots, lerobot.cameras):
        _know_all(package)
    register_third_party_plugins()
    kinds = lerobot.robots.RobotConfig.get_known_choices()
    kind = kinds.get(said["type"])
    if kind is None:
        raise ConfigError(f"{path}: LeRobot knows no robot {said['type']!r}; it knows {', '.join(sorted(kinds))}")
    if TORQUE not in {field.name for field in dataclasses.fields(kind)}:
        raise ConfigError(f"{path}: {said['type']} decides by itself what its servos do at the end; not supported")
    try:
        config = draccus.decode(lerobot.robots.RobotConfig, said)
        return lerobot.robots.make_robot_from_config(config)
    except Exception as error:  # draccus and the drivers raise what they like
        raise ConfigError(f"{path}: {type(error).__name__}: {' '.join(str(error).split())}") from error


def _know_all(package: Any) -> None:
    """Import its subpackages, by which they register; one that lacks its own driver stays unknown."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if found.ispkg:
            try:
                import_module(found.name)
            except ImportError:
                continue
