"""The recorder, beside whatever runs: `ros2 launch rehearse record.launch.py folder:=/data/bags mode:=ring`.

`ros2 launch -s rehearse record.launch.py` lists the arguments.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

CONFIG = Path(__file__).parents[1] / "config"


def generate_launch_description() -> LaunchDescription:
    """One node; all that the arguments do not set is in the parameter file."""
    about = {
        "namespace": ("", "namespace of the nodes that are recorded, and of the recorder"),
        "folder": ("bags", "where bags are put; wins over the parameter file"),
        "mode": ("always", "always to record everything, ring for the last seconds before a stop; wins likewise"),
        "use_sim_time": ("false", "whether the robot stamps with a /clock of its own, and not with the wall's"),
        "recorder_params": (str(CONFIG / "recorder.yaml"), "parameter file of recorder_node"),
    }
    overridden = {"folder": str, "mode": str, "use_sim_time": bool}
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in about.items()
            ),
            Node(
                package="rehearse",
                executable="recorder_node",
                name="recorder",
                namespace=LaunchConfiguration("namespace"),
                parameters=[
                    LaunchConfiguration("recorder_params"),
                    {
                        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
                        for name, kind in overridden.items()
                    },
                ],
                output="screen",
            ),
        ]
    )
