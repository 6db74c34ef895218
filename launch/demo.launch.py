"""The simulated robot, the planner, and the guard between them: `ros2 launch rehearse demo.launch.py layout:=3`.

`ros2 launch -s rehearse demo.launch.py` lists the arguments.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

CONFIG = Path(__file__).parents[1] / "config"


def given(name: str, kind: type | None = None) -> LaunchConfiguration | ParameterValue:
    """What the argument holds; as a parameter of that kind, where one is named."""
    value = LaunchConfiguration(name)
    return value if kind is None else ParameterValue(value, value_type=kind)


def node(name: str, **overridden: object) -> Node:
    """`<name>_node` with its parameter file, over which `overridden` wins."""
    return Node(
        package="rehearse",
        executable=f"{name}_node",
        name=name,
        namespace=given("namespace"),
        parameters=[given(f"{name}_params"), overridden],
        output="screen",
    )


def generate_launch_description() -> LaunchDescription:
    """Three nodes; all that the arguments do not set is in the parameter files."""
    about = {
        "namespace": ("", "namespace of all nodes"),
        "layout": ("0", "which layout to lay out; wins over the parameter file"),
        "checkpoint": ("", "world model to plan with, empty for the shipped one; wins over the parameter file"),
        "deadman": ("false", "whether the arm moves only while /guard/enable is refreshed; true near people, always"),
        "use_sim_time": ("false", "whether all go by the simulated world's /clock instead of the wall's"),
        "sim_params": (str(CONFIG / "sim.yaml"), "parameter file of sim_node"),
        "planner_params": (str(CONFIG / "planner.yaml"), "parameter file of planner_node"),
        "guard_params": (str(CONFIG / "guard.yaml"), "parameter file of guard_node"),
        "urdf_file": (str(CONFIG / "arm7.urdf"), "the arm's description, by which the guard knows where the tool is"),
    }
    sim_time = given("use_sim_time", bool)
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in about.items()
            ),
            node("sim", layout=given("layout", int), publish_clock=sim_time),
            node("guard", deadman=given("deadman", bool), urdf_file=given("urdf_file", str), use_sim_time=sim_time),
            node("planner", checkpoint=given("checkpoint", str), use_sim_time=sim_time),
        ]
    )
