"""What is recorded, and how the types of it are laid out. Knows no ROS: rosbags brings the descriptions.

RECORDED["proprio"]                                        # "sensor_msgs/msg/JointState"
message = types().deserialize_cdr(data, RECORDED["proprio"])
"""

from functools import cache
from typing import TYPE_CHECKING

from rehearse.errors import SetupError

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

IMAGE, NAMED = "sensor_msgs/msg/Image", "sensor_msgs/msg/JointState"
TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
STATUS, DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticStatus", "diagnostic_msgs/msg/DiagnosticArray"
RECORDED = {
    "camera/image_raw": IMAGE,
    "proprio": NAMED,
    "joint_states": NAMED,
    "guard/command": TRAJECTORY,
    "joint_trajectory": TRAJECTORY,
    "guard/verdict": STATUS,
    "planner/status": DIAGNOSTICS,
    "sim/info": DIAGNOSTICS,
}
VERDICT = "guard/verdict"


def missing(error: ImportError) -> SetupError:
    """What to say where a bag cannot be read or written."""
    return SetupError(f"bags need mcap and rosbags: pip install 'rehearse[bag]' ({error})")


@cache
def types() -> "Typestore":
    """The message types of a ROS 2; those that are recorded are the same in every one that is maintained."""
    try:
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise missing(error) from error
    return get_typestore(Stores.ROS2_KILTED)
