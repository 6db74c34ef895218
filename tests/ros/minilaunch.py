"""Runs a launch file's nodes as real processes where launch_ros is not to be had, which is wherever ROS comes from pip.

for command in commands(load(path), folder, layout="3"): subprocess.Popen(command)
reason = shutdown(description, reached={"planner": {"inactive"}})     # why all are to end; "" while there is none

Stands in for the part of the API that our launch files use, and gives the command lines that launch_ros gives:
`EXE --ros-args GIVEN --ros-args -r __node:=N -r __ns:=/NS --params-file A --params-file B -r a:=b`. What it does not
know is an error, so a launch file that the real one would read otherwise does not pass unnoticed. Where launch_ros is
there, it is used, too.
"""

import importlib.util
import json
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock


@dataclass
class LaunchConfiguration:
    """The value of an argument."""

    name: str


@dataclass
class ParameterValue:
    """A value that becomes a parameter of this type."""

    value: Any
    value_type: type


@dataclass
class DeclareLaunchArgument:
    """An argument of the file."""

    name: str
    default_value: str = field(kw_only=True)
    description: str = field(kw_only=True)
    choices: list[str] | None = field(kw_only=True, default=None)


@dataclass(kw_only=True)
class Shutdown:
    """All processes are sent a SIGINT."""

    reason: str


@dataclass(kw_only=True)
class Node:
    """One process."""

    package: str
    executable: str
    name: str
    namespace: Any
    parameters: list
    output: str
    remappings: list[tuple[str, str]] = field(default_factory=list)
    ros_arguments: list[str] = field(default_factory=list)


@dataclass
class LaunchContext:
    """What the arguments are when the file's own function is called."""

    launch_configurations: dict[str, str]


@dataclass(kw_only=True)
class OpaqueFunction:
    """A function of the file's that gives what is to be started, once the arguments are known."""

    function: Callable[[LaunchContext], list]


class LifecycleNode(Node):
    """One with states, whose transitions launch_ros hears of."""


@dataclass(kw_only=True)
class OnStateTransition:
    """What happens when a node reaches a state."""

    target_lifecycle_node: LifecycleNode
    goal_state: str
    entities: list[Shutdown]


@dataclass
class RegisterEventHandler:
    """From the start on."""

    event_handler: OnStateTransition


@dataclass
class LaunchDescription:
    """What is to be started."""

    entities: list


API = {
    "launch": (LaunchContext, LaunchDescription),
    "launch.actions": (DeclareLaunchArgument, OpaqueFunction, RegisterEventHandler, Shutdown),
    "launch.substitutions": (LaunchConfiguration,),
    "launch_ros": (),
    "launch_ros.actions": (Node, LifecycleNode),
    "launch_ros.event_handlers": (OnStateTransition,),
    "launch_ros.parameter_descriptions": (ParameterValue,),
}


def load(path: Path) -> LaunchDescription:
    """What the file's generate_launch_description gives; ImportError or TypeError for what the stand-in lacks."""
    modules = {}
    for name, contents in API.items():
        modules[name] = types.ModuleType(name)
        modules[name].__dict__.update({kind.__name__: kind for kind in contents})
    with mock.patch.dict(sys.modules, modules):
        spec = importlib.util.spec_from_file_location("launch_file", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.generate_launch_description()


def arguments(description: LaunchDescription) -> dict[str, DeclareLaunchArgument]:
    """The declared ones by name."""
    return {entity.name: entity for entity in description.entities if isinstance(entity, DeclareLaunchArgument)}


def commands(description: LaunchDescription, folder: Path, /, **given: str) -> Iterator[tuple[str, list[str]]]:
    """(executable, command line) of each node, in order; parameter files are written to ``folder``."""
    declared = arguments(description)
    if unknown := set(given) - set(declared):
        raise ValueError(f"undeclared launch arguments {sorted(unknown)}")
    values = {name: given.get(name, argument.default_value) for name, argument in declared.items()}
    for name, argument in declared.items():
        if argument.choices is not None and values[name] not in argument.choices:
            raise ValueError(f"launch argument {name} is {values[name]!r}, not one of {argument.choices}")
    for node in nodes(description, values):
        command = [str(Path(sys.executable).with_name(node.executable))]
        command += ["--ros-args", *node.ros_arguments] if node.ros_arguments else []
        command += ["--ros-args", "-r", f"__node:={node.name}"]
        if namespace := resolved(node.namespace, values):
            command += ["-r", f"__ns:=/{namespace.lstrip('/')}"]
        for index, parameters in enumerate(node.parameters):
            if isinstance(parameters, dict):
                path = folder / f"{node.name}_{index}.yaml"
                table = {name: resolved(value, values) for name, value in parameters.items()}
                path.write_text(json.dumps({"/**": {"ros__parameters": table}}))  # JSON is YAML
            else:
                path = Path(resolved(parameters, values))
            command += ["--params-file", str(path)]
        for ours, theirs in node.remappings:
            command += ["-r", f"{ours}:={resolved(theirs, values)}"]
        yield node.executable, command


def nodes(description: LaunchDescription, values: dict[str, str]) -> Iterator[Node]:
    """The processes that stand in the file, and those that its functions give."""
    for entity in description.entities:
        if isinstance(entity, Node):
            yield entity
        elif isinstance(entity, OpaqueFunction):
            yield from entity.function(LaunchContext(values))


def shutdown(description: LaunchDescription, reached: Mapping[str, set[str]]) -> str:
    """Why all are to end, once these nodes have reached those states; "" where they are not."""
    handlers = [entity.event_handler for entity in description.entities if isinstance(entity, RegisterEventHandler)]
    due = [
        action.reason
        for handler in handlers
        if handler.goal_state in reached.get(handler.target_lifecycle_node.name, ())
        for action in handler.entities
    ]
    return due[0] if due else ""


def resolved(value: Any, values: dict[str, str]) -> Any:
    """A plain value for whatever stands in the launch file."""
    if isinstance(value, LaunchConfiguration):
        return values[value.name]
    if isinstance(value, ParameterValue):
        text = resolved(value.value, values)
        return json.loads(text) if value.value_type in (bool, int, float) else value.value_type(text)
    return value
