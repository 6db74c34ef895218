"""The nodes' parameters: one frozen dataclass a node, the single truth of names, defaults and meanings.

    settings = declare(node, SimParameters)      # declares each field on the node, returns the values it was given

``config/<node>.yaml`` repeats the defaults for people to edit; a test compares the two. Importing this needs no ROS.
"""

from dataclasses import Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from rehearse.errors import ConfigError

if TYPE_CHECKING:
    from rclpy.node import Node

T = TypeVar("T")


def parameter(default: Any, meaning: str, changeable: bool = False, within: tuple[float, float] | None = None) -> Any:
    """A dataclass field that is a ROS parameter; ``changeable`` ones may be set while the node runs.

    ``within``: the lowest and the highest value of a number, both included.
    """
    return field(default=default, metadata={"meaning": meaning, "changeable": changeable, "within": within})


@dataclass(frozen=True)
class SimParameters:
    """Of ``sim_node``."""

    task: str = parameter("dog-on-jacket", "what is to be done: dog-on-jacket, reach, or module:variable of your own")
    layout: int = parameter(0, "which layout the next ~/reset lays out", changeable=True)
    level: str = parameter("", "how much layouts differ; of dog-on-jacket: easy, half or full; empty: the usual one")
    split: str = parameter("test", "which layouts: train, validation or test")
    lockstep: bool = parameter(False, "the world stands still until a cartesian_command, then steps once")
    realtime_factor: float = parameter(
        1.0, "world seconds per second of the wall, where not in lockstep", within=(0.01, 20.0)
    )
    views: str = parameter("", "further cameras, as camera/<name>/image_raw: left, right, high, separated by commas")
    publish_clock: bool = parameter(False, "send the world's time as /clock and stamp with it, where not in lockstep")


@dataclass(frozen=True)
class PlannerParameters:
    """Of ``planner_node``."""

    autostart: bool = parameter(True, "configure and activate at once; else wait for a lifecycle manager to do so")
    dry_run: bool = parameter(False, "plan and report, and never publish a command")
    task: str = parameter("dog-on-jacket", "what is to be done: dog-on-jacket, reach, or module:variable of your own")
    checkpoint: str = parameter("", "world model, a folder or a .safetensors file; empty: the task's shipped one")
    futures: int = parameter(512, "how many futures one decision imagines", within=(1, 1_000_000))
    fear: float = parameter(
        1.0, "how much harm, such as waking the dog, costs, as a multiple of the usual", within=(0.0, 1000.0)
    )
    seed: int = parameter(0, "seed of the search; every ~/start begins with it anew", within=(0, 2**31 - 1))
    begin_at_once: bool = parameter(True, "once active, plan from the first observation on; else wait for ~/start")
    lockstep: bool = parameter(False, "answer each observation by a cartesian_command; else send joint trajectories")
    benchmark_plans: int = parameter(
        20, "how often to plan before activation, to see whether that is fast enough; 0: never", within=(0, 10_000)
    )
    latency_budget_s: float = parameter(
        0.1, "how much longer than one control period of 0.2 s a decision may take", within=(-0.199, 60.0)
    )
    image_timeout_s: float = parameter(0.5, "a camera silent for longer is an error", within=(0.05, 10.0))
    braking_radps2: float = parameter(
        8.0, "how hard every joint brakes at the end of a trajectory", within=(0.1, 100.0)
    )
    frozen_rad: float = parameter(
        0.05, "a camera whose picture stays the same while a joint moves so far is frozen", within=(0.005, 1.0)
    )
    goal_error: float = parameter(
        0.01,
        "a goal's picture is refused if the model draws it with a larger squared error, 0 to 1",
        within=(0.0, 1.0),
    )


@dataclass(frozen=True)
class GuardParameters:
    """Of ``guard_node``. Lists have one entry for each of ``joints``; the defaults are those of the simulated arm."""

    joints: tuple[str, ...] = parameter(tuple(f"joint{i}" for i in range(1, 8)), "names of the arm's joints")
    position_low_rad: tuple[float, ...] = parameter(
        (-2.9, -1.9, -2.9, -0.1, -2.9, -2.4, -2.9), "lowest position of each joint, rad"
    )
    position_high_rad: tuple[float, ...] = parameter(
        (2.9, 1.9, 2.9, 2.9, 2.9, 2.4, 2.9), "highest position of each joint, rad"
    )
    margin_rad: float = parameter(0.05, "no command leads so near to a limit, rad", within=(0.0, 1.0))
    velocity_radps: tuple[float, ...] = parameter((2.0,) * 7, "greatest speed of each joint, rad/s")
    acceleration_radps2: tuple[float, ...] = parameter(
        (12.0,) * 7, "greatest acceleration of each joint, with which it brakes too, rad/s^2"
    )
    urdf_file: str = parameter("", "URDF file from which to reckon where the tool is; empty: workspace unchecked")
    tip_link: str = parameter("tool0", "link of the URDF whose origin keeps to the workspace")
    workspace_low_m: tuple[float, ...] = parameter((-0.64, -0.24, 0.0), "lowest x, y, z of the tool, root link's frame")
    workspace_high_m: tuple[float, ...] = parameter((0.22, 0.28, 0.34), "highest x, y, z of the tool")
    controller: str = parameter("sim", "name of the node that must listen to joint_trajectory: the arm's controller")
    horizon_s: float = parameter(
        0.6, "at most so much of a command goes on, and then a braking tail", within=(0.05, 5.0)
    )
    most_stretch: float = parameter(4.0, "a command that must be slowed down more is held", within=(1.0, 20.0))
    jump_rad: float = parameter(0.05, "how far from where the arm is told to be a command may begin", within=(0.0, 0.5))
    tracking_rad: float = parameter(0.25, "a joint further from where it should be stops the arm", within=(0.01, 2.0))
    command_age_s: float = parameter(
        0.3, "a command may be so old, by when it was sent and by its stamp", within=(0.01, 10.0)
    )
    command_timeout_s: float = parameter(0.5, "brake after so long without a command", within=(0.02, 10.0))
    joint_timeout_s: float = parameter(0.2, "brake after so long without joint_states", within=(0.02, 10.0))
    deadman: bool = parameter(True, "move only while somebody refreshes ~/enable")
    deadman_timeout_s: float = parameter(0.3, "how long one ~/enable lasts, from when it was sent", within=(0.02, 10.0))
    clock_jump_s: float = parameter(
        0.5, "ROS time that is ahead of the wall by so much has jumped", within=(0.05, 60.0)
    )
    period_s: float = parameter(0.02, "how often the guard looks, by the wall's clock", within=(0.002, 0.2))


DEG = 0.017453292519943295


@dataclass(frozen=True)
class ArmParameters:
    """Of ``arm_node``. Lists of numbers have one for each joint, or one for all; the defaults suit an SO-101."""

    robot_file: str = parameter("", "YAML file that says which robot: LeRobot's configuration, or a simulated one")
    joints: tuple[str, ...] = parameter(
        ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll"), "names of the arm's joints"
    )
    rad_per_unit: tuple[float, ...] = parameter((DEG,), "radians in one of the robot's units; degrees: 0.0174533")
    zero_rad: tuple[float, ...] = parameter((0.0,), "where each joint is when the robot says 0, rad")
    acceleration_radps2: tuple[float, ...] = parameter((12.0,), "how hard each joint brakes at the end, rad/s^2")
    dry_run: bool = parameter(False, "show on ~/action what would be sent, and never send it")
    on_shutdown: str = parameter("hold", "what the servos do at the end: hold, or limp (torque off: the arm sinks)")
    period_s: float = parameter(0.02, "how often the robot is told and asked, by the wall's clock", within=(0.002, 0.2))
    bus_timeout_s: float = parameter(0.1, "after so long without an answer the robot is lost", within=(0.01, 2.0))
    camera: str = parameter("", "which of the robot's cameras becomes camera/image_raw; empty: the first, if any")
    camera_period_s: float = parameter(0.2, "how often it does", within=(0.02, 10.0))
    camera_px: int = parameter(
        0, "its picture is cut to a square and scaled to so many pixels; 0: as it is", within=(0, 2048)
    )
    camera_fovy_deg: float = parameter(
        0.0, "what it sees from top to bottom, for camera_info; 0: not known", within=(0.0, 170.0)
    )


@dataclass(frozen=True)
class RecorderParameters:
    """Of ``recorder_node``. MB are millions of bytes."""

    folder: str = parameter("bags", "where bags are put; made if it is not there")
    mode: str = parameter("always", "always: record everything; ring: only what came before a stop of the guard")
    autostart: bool = parameter(True, "record from the beginning on; else wait for ~/start")
    ring_s: float = parameter(10.0, "how much is kept in memory, to be saved when the guard stops", within=(0.1, 600.0))
    ring_mb: float = parameter(200.0, "the ring takes no more memory than this, MB", within=(0.1, 10_000.0))
    after_stop_s: float = parameter(1.0, "how much of what follows a stop is saved with it", within=(0.0, 60.0))
    queue_mb: float = parameter(
        64.0, "what may wait for the disk, MB; what comes then is dropped", within=(0.01, 10_000.0)
    )
    message_mb: float = parameter(16.0, "a larger message is not recorded, MB", within=(0.0001, 1000.0))
    flush_s: float = parameter(1.0, "how much a kill may cost", within=(0.05, 60.0))
    compression: str = parameter("zstd", "zstd, lz4 or none")
    free_mb: float = parameter(500.0, "recording ends when the disk has no more left than this, MB", within=(0.0, 1e7))

    def __post_init__(self) -> None:
        for name, known in (("mode", ("always", "ring")), ("compression", ("zstd", "lz4", "none"))):
            if (value := getattr(self, name)) not in known:
                raise ConfigError(f"parameter {name} must be one of {', '.join(known)}, not {value!r}")


def declare(node: "Node", kind: type[T], settable: bool = False) -> T:
    """Declare the fields of ``kind`` as parameters; raises ConfigError for a wrong type or a value out of range.

    ``settable``: whether the node itself decides when those may be set that are not changeable.
    """
    from rcl_interfaces.msg import ParameterDescriptor
    from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

    values = {}
    for item in fields(kind):
        default = list(item.default) if isinstance(item.default, tuple) else item.default
        about = ParameterDescriptor(
            description=item.metadata["meaning"],
            read_only=not (settable or item.metadata["changeable"]),
            **_range_of(item),
        )
        try:
            given = node.declare_parameter(item.name, default, about).value
        except InvalidParameterTypeException as error:
            wanted = f"list of {type(default[0]).__name__}" if isinstance(default, list) else type(default).__name__
            raise ConfigError(f"parameter {item.name} must be a {wanted}, like {default!r} ({error})") from error
        except InvalidParameterValueException as error:
            low, high = item.metadata["within"]
            raise ConfigError(f"parameter {item.name} must be between {low} and {high} ({error})") from error
        values[item.name] = tuple(given) if isinstance(default, list) else given
    return kind(**values)


def current(node: "Node", kind: type[T]) -> T:
    """The values as they are now, of parameters that were declared."""
    values = {name: node.get_parameter(name).value for name in changeable(kind)}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def changeable(kind: type) -> dict[str, bool]:
    """{name: whether it may be set at any time}."""
    return {item.name: item.metadata["changeable"] for item in fields(kind)}


def _range_of(item: Field) -> dict[str, list]:
    """The part of a ParameterDescriptor that holds its range."""
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange

    if item.metadata["within"] is None:
        return {}
    low, high = item.metadata["within"]
    if isinstance(item.default, float):
        return {"floating_point_range": [FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)]}
    return {"integer_range": [IntegerRange(from_value=int(low), to_value=int(high), step=1)]}
