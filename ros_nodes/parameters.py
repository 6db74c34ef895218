"""The nodes' parameters: one frozen dataclass a node, the single truth of names, defaults and meanings.

    settings = declare(node, SimParameters)      # declares each field on the node, returns the values it was given

``config/<node>.yaml`` repeats the defaults for people to edit; a test compares the two. Importing this needs no ROS.
"""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from rehearse.errors import ConfigError

if TYPE_CHECKING:
    from rclpy.node import Node

T = TypeVar("T")


def parameter(default: Any, meaning: str, changeable: bool = False) -> Any:
    """A dataclass field that is a ROS parameter; ``changeable`` ones may be set while the node runs."""
    return field(default=default, metadata={"meaning": meaning, "changeable": changeable})


@dataclass(frozen=True)
class SimParameters:
    """Of ``sim_node``."""

    layout: int = parameter(0, "which layout the next ~/reset lays out", changeable=True)
    level: str = parameter("half", "how much layouts differ: easy, half or full")
    split: str = parameter("test", "which layouts: train, validation or test")
    step_on_command: bool = parameter(True, "lockstep: the world stands still until it is commanded, then steps once")
    realtime_factor: float = parameter(1.0, "world seconds per second of the wall, where not in lockstep")
    command_timeout_s: float = parameter(0.5, "hold still after so long without a command, where not in lockstep")

    def __post_init__(self) -> None:
        for name in ("realtime_factor", "command_timeout_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"parameter {name} is {getattr(self, name)}; it must be above 0")


@dataclass(frozen=True)
class PlannerParameters:
    """Of ``planner_node``."""

    checkpoint: str = parameter("", "world model, a folder or a .safetensors file; empty: the shipped one")
    futures: int = parameter(512, "how many futures one decision imagines")
    fear: float = parameter(1.0, "how much waking the dog costs, as a multiple of the usual")
    seed: int = parameter(0, "seed of the search; every ~/start begins with it anew")
    autostart: bool = parameter(True, "plan from the first observation on; else wait for ~/start")

    def __post_init__(self) -> None:
        if self.futures < 1:
            raise ConfigError(f"parameter futures is {self.futures}; imagine at least 1")


def declare(node: "Node", kind: type[T]) -> T:
    """Declare the fields of ``kind`` as parameters; raises ConfigError for a value of the wrong type."""
    from rcl_interfaces.msg import ParameterDescriptor
    from rclpy.exceptions import InvalidParameterTypeException

    values = {}
    for item in fields(kind):
        about = ParameterDescriptor(description=item.metadata["meaning"], read_only=not item.metadata["changeable"])
        try:
            values[item.name] = node.declare_parameter(item.name, item.default, about).value
        except InvalidParameterTypeException as error:
            wanted = type(item.default).__name__
            raise ConfigError(f"parameter {item.name} must be a {wanted}, like {item.default!r} ({error})") from error
    return kind(**values)
