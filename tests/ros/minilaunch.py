"""Runs a launch file's nodes as real processes where launch_ros is not to be had, which is wherever ROS comes from pip.

for command in commands(load(path), folder, layout="3"): subprocess.Popen(command)
reason = shutdown(description, exited={"sim"}, reached={"planner": {"inactive"}})     # "" while there is none

Stands in for the part of the API that our launch files use, and gives the command lines that launch_ros gives:
`EXE --ros-args -r __node:=N -r __ns:=/NS --params-file A --params-file B`. What it does not know is an error, so a
launch file that the real one would read otherwise does not pass unnoticed. Where launch_ros is there, it is used too.
"""

import importlib.util
import json
import sys
import types
from collections.abc import Iterator, Mapping
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
    on_exit: Shutdown


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
    "launch": (LaunchDescription,),
    "launch.actions": (DeclareLaunchArgument, RegisterEventHandler, Shutdown),
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


def commands(description: LaunchDescription, folder: Path, **given: str) -> Iterator[tuple[str, list[str]]]:
    """(executable, command line) of each node, in order; parameter files are written to ``folder``."""
    declared = arguments(description)
    if unknown := set(given) - set(declared):
        raise ValueError(f"undeclared launch arguments {sorted(unknown)}")
    values = {name: given.get(name, argument.default_value) for name, argument in declared.items()}
    for node in (entity for entity in description.entities if isinstance(entity, Node)):
        command = [str(Path(sys.executable).with_name(node.executable)), "--ros-args", "-r", f"__node:={node.name}"]
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
        yield node.executable, command


def shutdown(description: LaunchDescription, exited: set[str], reached: Mapping[str, set[str]]) -> str:
    """Why all are to end, after these nodes have exited and those have reached the states; "" where they are not."""
    nodes = [entity for entity in description.entities if isinstance(entity, Node)]
    handlers = [entity.event_handler for entity in description.entities if isinstance(entity, RegisterEventHandler)]
    due = [node.on_exit for node in nodes if node.name in exited]
    for handler in handlers:
        if handler.goal_state in reached.get(handler.target_lifecycle_node.name, ()):
            due += handler.entities
    return due[0].reason if due else ""


def resolved(value: Any, values: dict[str, str]) -> Any:
    """A plain value for whatever stands in the launch file."""
    if isinstance(value, LaunchConfiguration):
        return values[value.name]
    if isinstance(value, ParameterValue):
        text = resolved(value.value, values)
        return json.loads(text) if value.value_type in (bool, int, float) else value.value_type(text)
    return value
