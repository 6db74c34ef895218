"""The simulated robot, the planner, and the guard between them: `ros2 launch rehearse demo.launch.py layout:=3`.

`ros2 launch -s rehearse demo.launch.py` lists the arguments. `ros2 lifecycle set /planner shutdown` ends it in order:
the planner brings the arm to rest, then all are told to end.
"""

from collections.abc import Iterable
from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, RegisterEventHandler, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.parameter_descriptions import ParameterValue

CONFIG = Path(__file__).parents[1] / "config"


def given(name: str, kind: type | None = None) -> LaunchConfiguration | ParameterValue:
    """What the argument holds; as a parameter of that kind, where one is named."""
    value = LaunchConfiguration(name)
    return value if kind is None else ParameterValue(value, value_type=kind)


def node(name: str, kind: type[Node] = Node, renamed: Iterable[tuple] = (), **overridden: object) -> Node:
    """`<name>_node` with its parameter file, over which `overridden` wins, and with topics `renamed`."""
    return kind(
        package="rehearse",
        executable=f"{name}_node",
        name=name,
        namespace=given("namespace"),
        parameters=[given(f"{name}_params"), overridden],
        remappings=list(renamed),
        output="screen",
    )


def generate_launch_description() -> LaunchDescription:
    """Three nodes; all that the arguments do not set is in the parameter files."""
    about = {
        "namespace": ("", "namespace of all nodes"),
        "task": ("dog-on-jacket", "what is to be done, of robot and planner: dog-on-jacket or reach"),
        "goal_image": ("goal/image_raw", "where a robot with goals shows its own; planner/goal_image: to go there"),
        "layout": ("0", "which layout to lay out; wins over the parameter file"),
        "checkpoint": ("", "world model to plan with, empty for the task's shipped one; wins over the parameter file"),
        "autostart": ("true", "whether the planner configures and activates itself, else a lifecycle manager has to"),
        "dry_run": ("false", "whether the planner plans and reports, and never commands"),
        "deadman": ("false", "whether the arm moves only while /guard/enable is refreshed; true near people, always"),
        "use_sim_time": ("false", "whether all go by the simulated world's /clock instead of the wall's"),
        "sim_params": (str(CONFIG / "sim.yaml"), "parameter file of sim_node"),
        "planner_params": (str(CONFIG / "planner.yaml"), "parameter file of planner_node"),
        "guard_params": (str(CONFIG / "guard.yaml"), "parameter file of guard_node"),
        "urdf_file": (str(CONFIG / "arm7.urdf"), "the arm's description, by which the guard knows where the tool is"),
    }
    sim_time = given("use_sim_time", bool)
    shown = [("goal/image_raw", given("goal_image"))]
    planner = node(
        "planner",
        LifecycleNode,
        task=given("task", str),
        checkpoint=given("checkpoint", str),
        autostart=given("autostart", bool),
        dry_run=given("dry_run", bool),
        use_sim_time=sim_time,
    )
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in about.items()
            ),
            node("sim", renamed=shown, task=given("task", str), layout=given("layout", int), publish_clock=sim_time),
            node("guard", deadman=given("deadman", bool), urdf_file=given("urdf_file", str), use_sim_time=sim_time),
            planner,
            RegisterEventHandler(
                OnStateTransition(
                    target_lifecycle_node=planner,
                    goal_state="finalized",
                    entities=[Shutdown(reason="the planner has shut down")],
                )
            ),
        ]
    )
