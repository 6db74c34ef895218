"""Which topic of a bag is what. Knows no ROS.

topics = Topics(namespace="left", told="/arm_controller/joint_trajectory"); topics.check(survey(bag))
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rehearse.errors import DataError
from rehearse.ros_nodes.bag.kinds import DIAGNOSTICS, IMAGE, NAMED, TRAJECTORY
from rehearse.ros_nodes.bag.reader import Topic

KINDS = {"image": IMAGE, "proprio": NAMED, "joints": NAMED, "told": TRAJECTORY, "info": DIAGNOSTICS}


@dataclass(frozen=True)
class Topics:
    """Names of the topics in a bag; those without a leading slash are in ``namespace``."""

    namespace: str = ""
    """Namespace of the robot."""
    image: str = "camera/image_raw"
    """The camera, rgb8."""
    proprio: str = "proprio"
    """What else an observation holds."""
    joints: str = "joint_states"
    """Where the arm is."""
    told: str = "joint_trajectory"
    """What the guard let the arm be told."""
    info: str = "sim/info"
    """The episode's signals and its end; a bag without it will do."""

    def full(self, which: str) -> str:
        """The whole name of the topic of that field."""
        name, namespace = getattr(self, which), self.namespace.strip("/")
        return name if name.startswith("/") else f"/{namespace}/{name}" if namespace else f"/{name}"

    def all(self) -> dict[str, str]:
        """{whole name: field}."""
        return {self.full(which): which for which in KINDS}

    def check(self, contents: Mapping[str, Topic]) -> None:
        """DataError names the topic that the bag lacks, or that is of another type, or named twice."""
        names = [self.full(which) for which in KINDS]
        for name, (which, kind) in zip(names, KINDS.items(), strict=True):
            if name in contents and contents[name].kind != kind:
                raise DataError(f"topic {name} is {contents[name].kind}, not {kind}; give --topics.{which}")
            if name not in contents and which != "info":
                held = ", ".join(sorted(contents)) or "nothing"
                raise DataError(f"no topic {name}; the bag holds {held}: give --topics.{which} or --topics.namespace")
            if names.count(name) > 1:
                raise DataError(f"topic {name} is given twice; give --topics.{which}")
