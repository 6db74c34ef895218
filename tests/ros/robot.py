"""A robot, a guard and a planner that waits for goals, as processes.

robot = Robot(nodes); robot.goals.publish(String(data="reach")); robot.until(goal="reach", outcome="reached")

The robot goes at less than its pace and by its own clock, for the machine may be busy. ``remap``: the
planner's topics; ``shows``: the robot's.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from rehearse.sim.arms import ARMS
from tests.house.tree import ROOT
from tests.ros.live import NOTHING, Nodes, Probe, as_yaml, values

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
HOME_RAD = np.array(ARMS["arm7"].home_rad)
LAYOUT = 3


class Robot:
    """What is listened to, and what to wait for."""

    def __init__(
        self,
        nodes: Nodes,
        pace: float = 0.5,
        remap: Mapping[str, str] = NOTHING,
        task: str = "dog-on-jacket",
        shows: Mapping[str, str] = NOTHING,
    ) -> None:
        self.nodes = nodes
        self.probe = probe = Probe(nodes)
        self.joints = probe.listen("/joint_states", JointState)
        self.status = probe.listen("/planner/status", DiagnosticArray)
        self.world = probe.listen("/sim/info", DiagnosticArray)
        self.goals = probe.node.create_publisher(String, "/planner/goal", LATCHED)
        guard = ("guard_node", "patient_guard.yaml", {"deadman": False, "urdf_file": ROOT / "config" / "arm7.urdf"})
        self._start(*guard)
        patience = {"latency_budget_s": 60.0, "image_timeout_s": 3.0}
        planner = {"task": task, "futures": 64, "begin_at_once": False, "use_sim_time": True, **patience}
        nodes.start("planner_node", remap, **planner)
        nodes.start("sim_node", shows, task=task, layout=LAYOUT, publish_clock=True, realtime_factor=pace)
        probe.until(lambda: self.joints and self.status, "robot and planner")

    def _start(self, executable: str, file: str, parameters: dict) -> None:
        said = [word for name, value in parameters.items() for word in ("-p", f"{name}:={as_yaml(value)}")]
        where = ["--params-file", str(ROOT / "tests" / "ros" / file), "-p", "use_sim_time:=true"]
        self.nodes.run([str(Path(sys.executable).with_name(executable)), "--ros-args", *where, *said], executable)

    def says(self, **said: str) -> bool:
        """Whether the status does."""
        now = values(self.status[-1])
        return all(now.get(name) == value for name, value in said.items())

    def until(self, **said: str) -> dict[str, str]:
        """Wait for the status to say so; all of it."""
        self.probe.until(lambda: self.says(**said), f"the status {said}")
        return values(self.status[-1])

    def fate(self) -> tuple[str, str]:
        """How the episode ended by what the world says: on a busy machine decisions are late, and the dog may wake."""
        self.probe.until(lambda: values(self.world[-1])["finished"] == "true", "the end of the episode")
        said = values(self.world[-1])
        outcome = "reached" if said["success"] == "true" else "harm" if said["woken"] == "true" else "time_up"
        return outcome, self.world[-1].status[0].message

    def speed(self) -> float:
        """Of the fastest joint, rad/s."""
        return max(map(abs, self.joints[-1].velocity))

    def far(self) -> float:
        """How far the arm is from home, rad."""
        return float(np.abs(np.array(self.joints[-1].position) - HOME_RAD).max())

    def listen_anew(self) -> None:
        """Joint states from now on."""
        self.joints.clear()
        self.probe.until(lambda: self.joints, "joint states")
