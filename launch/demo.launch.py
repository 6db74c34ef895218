"""The simulated robot and the planner: `ros2 launch rehearse demo.launch.py layout:=3`.

`ros2 launch -s rehearse demo.launch.py` lists the arguments.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

CONFIG = Path(__file__).parents[1] / "config"


def generate_launch_description() -> LaunchDescription:
    """Two nodes; all that the arguments do not set is in the parameter files."""
    given = LaunchConfiguration
    return LaunchDescription(
        [
            DeclareLaunchArgument("namespace", default_value="", description="namespace of both nodes"),
            DeclareLaunchArgument(
                "layout", default_value="0", description="which layout to lay out; wins over the parameter file"
            ),
            DeclareLaunchArgument(
                "checkpoint",
                default_value="",
                description="world model to plan with, empty for the shipped one; wins over the parameter file",
            ),
            DeclareLaunchArgument(
                "sim_params", default_value=str(CONFIG / "sim.yaml"), description="parameter file of sim_node"
            ),
            DeclareLaunchArgument(
                "planner_params",
                default_value=str(CONFIG / "planner.yaml"),
                description="parameter file of planner_node",
            ),
            Node(
                package="rehearse",
                executable="sim_node",
                name="sim",
                namespace=given("namespace"),
                parameters=[given("sim_params"), {"layout": ParameterValue(given("layout"), value_type=int)}],
                output="screen",
            ),
            Node(
                package="rehearse",
                executable="planner_node",
                name="planner",
                namespace=given("namespace"),
                parameters=[
                    given("planner_params"),
                    {"checkpoint": ParameterValue(given("checkpoint"), value_type=str)},
                ],
                output="screen",
            ),
        ]
    )
