"""A real arm with the guard before it: `ros2 launch rehearse robot.launch.py robot:=so101 robot_file:=my_so101.yaml`.

`ros2 launch -s rehearse robot.launch.py` lists the arguments. Without a `robot_file` no real arm moves: a simulated one
stands in. With `interface:=ros2_control` nothing is started for the arm, which is then led by its controller as it is.
Of several that name a parameter the last wins: `guard_params`, the description beside the robot's file, that file,
`limits`, and what is said on the command line. An argument that is left empty leaves it as it stands in these files.
Read docs/safety.md, "Bring-up", before the first start.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

CONFIG = Path(__file__).parents[1] / "config"
SWITCH = ["true", "false"]


def described(robot: str) -> tuple[Path, dict[str, str]]:
    """The parameters of a robot that is known by name, or of the file that is named; and its URDF, if there is one."""
    parameters = CONFIG / f"{robot}.yaml" if not robot.endswith((".yaml", ".yml")) else Path(robot).absolute()
    beside = parameters.with_suffix(".urdf")
    if not parameters.is_file() or (parameters.parent == CONFIG and not beside.is_file()):
        known = sorted(path.stem for path in CONFIG.glob("*.urdf"))
        raise RuntimeError(f"robot:={robot}: no such file, and no robot of that name; known are {', '.join(known)}")
    return parameters, {"urdf_file": str(beside)} if beside.is_file() else {}


def stand_in(robot: str) -> str:
    """The file of the simulated arm of that name."""
    path = CONFIG / f"{robot}_simulated.yaml"
    if not path.is_file():
        raise RuntimeError(f"robot:={robot} has no simulated stand-in: say robot_file:=..., or interface:=ros2_control")
    return str(path)


def nodes(context: LaunchContext) -> list[Node]:
    """What the arguments ask for."""
    given = context.launch_configurations
    parameters, beside = described(given["robot"])
    ours = given["interface"] == "lerobot"
    if given["dry_run"] == "true" and not ours:
        raise RuntimeError(
            "dry_run:=true goes with interface:=lerobot; ros2_control rehearses with mock_components/GenericSystem as "
            "the hardware of its URDF"
        )
    limits = [str(parameters), *([given["limits"]] if given["limits"] else [])]
    renamed = [] if ours else [("joint_trajectory", f"/{given['controller'].strip('/')}/joint_trajectory")]

    def node(name: str, files: list[str | dict], **overridden: object) -> Node:
        return Node(
            package="rehearse",
            executable=f"{name}_node",
            name=name,
            namespace=given["namespace"],
            ros_arguments=["--enclave", f"/rehearse/{name}"],  # means nothing where ROS_SECURITY_ENABLE is not set
            parameters=[given[f"{name}_params"], *(one for one in [*files, overridden] if one)],
            remappings=renamed,
            output="screen",
        )

    followed = "arm" if ours else given["controller"].strip("/").rpartition("/")[2]
    asked = {"urdf_file": given["urdf_file"]} if given["urdf_file"] else {}
    guard = node("guard", [beside, *limits], deadman=given["deadman"] == "true", controller=followed, **asked)
    started = [guard]
    if ours:
        robot_file = given["robot_file"] or stand_in(given["robot"])
        asked = {"dry_run": given["dry_run"] == "true"} if given["dry_run"] else {}
        started.append(node("arm", limits, robot_file=robot_file, **asked))
    if given["planner"] == "true":
        asked = {"checkpoint": given["checkpoint"]} if given["checkpoint"] else {}
        started.append(node("planner", [], **asked))
    return started


def generate_launch_description() -> LaunchDescription:
    """The arm, unless ros2_control has it; the guard; and the planner, when it is asked for."""
    about = {
        "namespace": ("", "namespace of all nodes"),
        "robot": (
            "so101",
            "arm5, arm6, arm7, so101, or a YAML file of your own with limits for the guard",
        ),
        "limits": ("", "one more parameter file, which wins: narrower limits, such as config/so101_bringup.yaml"),
        "urdf_file": (
            "",
            "the robot's description for the guard; empty: as in the files, else the one beside its parameters, if any",
        ),
        "robot_file": (
            "",
            "which LeRobot arm, such as a copy of config/so101_lerobot.yaml; empty: a simulated one",
        ),
        "controller": ("arm_controller", "with ros2_control: its joint_trajectory_controller"),
        "checkpoint": ("", "world model to plan with; empty: as in the file, where empty is the shipped one"),
        "guard_params": (str(CONFIG / "guard.yaml"), "parameter file of guard_node"),
        "arm_params": (str(CONFIG / "arm.yaml"), "parameter file of arm_node"),
        "planner_params": (str(CONFIG / "planner.yaml"), "parameter file of planner_node"),
    }
    choices = {
        "interface": (
            "lerobot",
            ["lerobot", "ros2_control"],
            "who leads the arm: arm_node or its controller",
        ),
        "deadman": ("true", SWITCH, "whether the arm moves only while /guard/enable is refreshed"),
        "dry_run": ("", ["", *SWITCH], "whether arm_node only shows what it would send; empty: as in the files"),
        "planner": ("false", SWITCH, "whether to start planner_node, too; it wants to sense what sim_node senses"),
    }
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=value, description=text)
                for name, (value, text) in about.items()
            ),
            *(
                DeclareLaunchArgument(name, default_value=value, choices=allowed, description=text)
                for name, (value, allowed, text) in choices.items()
            ),
            OpaqueFunction(function=nodes),
        ]
    )
