"""Bags of a robot that was never there: messages made without a ROS.

bag = Story(tmp_path / "bag.mcap").robot(20); bag.path
"""

from pathlib import Path
from typing import Any

import numpy as np

from rehearse.ros_nodes.bag.kinds import RECORDED, types
from rehearse.ros_nodes.bag.writer import BagWriter, Raw
from rehearse.sim.arms import ARMS
from rehearse.sim.dog_on_jacket.env import PROPRIO_NAMES
from rehearse.sim.dog_on_jacket.motion import arm_motion

JOINTS = ARMS["arm7"].joints
START_RAD = np.array([0.3, 0.6, 0.1, 1.4, 0.0, 0.9, 0.0])
PERIOD_NS, TICK_NS = 200_000_000, 20_000_000
BEGAN_NS = 1_700_000_000 * 10**9
SPEED_RADPS = 0.3


class Story:
    """A robot whose first joint turns, told by one trajectory a period. ``leave_out`` names topics."""

    def __init__(self, path: Path, leave_out: tuple[str, ...] = (), namespace: str = "") -> None:
        self.path, self._leave_out, self._namespace = path, leave_out, namespace
        self._bag = BagWriter(path)
        self.now_ns = BEGAN_NS
        self.q_rad = START_RAD.copy()
        self.step = 0

    def done(self) -> Path:
        """The bag, whole."""
        self._bag.close()
        return self.path

    def robot(self, observations: int, **info: Any) -> "Story":
        """So many observations, a period apart; the arm is told where to be after each, and gets there."""
        for _ in range(observations):
            self.observe(**info)
            self.tell()
            for tick in range(PERIOD_NS // TICK_NS):
                if tick:
                    self.feel()
                self.now_ns += TICK_NS
                self.q_rad[0] += SPEED_RADPS * TICK_NS * 1e-9
        return self

    def observe(self, size: int = 16, stamp_ns: int | None = None, joints_last: bool = False, **info: Any) -> None:
        """Joints, proprioception, info and image with one stamp; joints and info may come last."""
        stamp = self.now_ns if stamp_ns is None else stamp_ns
        if not joints_last:
            self.feel(stamp)
        said = {"time_s": round(0.2 * self.step, 1), "layout": 0, "woken": "false", "disturbance": 0.1 * self.step}
        self.say("proprio", self.named(PROPRIO_NAMES, np.full(10, 0.01 * self.step), stamp))
        told = self.diagnostics({**said, "finished": "false", **info}, stamp)
        if not joints_last:
            self.say("sim/info", told)
        pixels = np.random.default_rng(self.step).integers(0, 255, (size, size, 3), np.uint8)
        self.say("camera/image_raw", self.image(pixels, stamp))
        if joints_last:
            self.feel(stamp)
            self.say("sim/info", told)
        self.step += 1

    def feel(self, stamp_ns: int | None = None) -> None:
        """Where the joints are."""
        self.say("joint_states", self.named(JOINTS, self.q_rad, self.now_ns if stamp_ns is None else stamp_ns))

    def tell(self) -> None:
        """The first joint goes on at its speed for a period, and rests after two."""
        at = lambda seconds: (self.q_rad + SPEED_RADPS * seconds * np.eye(7)[0]).tolist()  # noqa: E731
        speed = (SPEED_RADPS * np.eye(7)[0]).tolist()
        points = [self.point(at(0.2), speed, 0.2), self.point(at(0.3), [0.0] * 7, 0.4)]
        message = types().types["trajectory_msgs/msg/JointTrajectory"]
        self.say("joint_trajectory", message(self.header(0), list(JOINTS), points))

    def action(self) -> np.ndarray:
        """What the arm does in a period from here on, as the task's action (4,)."""
        after = self.q_rad + SPEED_RADPS * PERIOD_NS * 1e-9 * np.eye(7)[0]
        return arm_motion().action_between(self.q_rad, after)

    def say(self, topic: str, message: Any, kind: str = "") -> None:
        """Record a message that comes now."""
        if topic not in self._leave_out:
            kind = kind or RECORDED[topic]
            data = bytes(types().serialize_cdr(message, kind))
            self._bag.write(Raw(f"{self._namespace}/{topic}", kind, data, self.now_ns, self.now_ns))

    # -- messages ------------------------------------------------------------------------------------------------

    def header(self, stamp_ns: int) -> Any:
        known = types().types
        stamp = known["builtin_interfaces/msg/Time"](stamp_ns // 10**9, stamp_ns % 10**9)
        return known["std_msgs/msg/Header"](stamp, "world")

    def named(self, names: tuple[str, ...], numbers: np.ndarray, stamp_ns: int) -> Any:
        message = types().types["sensor_msgs/msg/JointState"]
        return message(self.header(stamp_ns), list(names), np.array(numbers, float), np.zeros(0), np.zeros(0))

    def image(self, pixels: np.ndarray, stamp_ns: int, encoding: str = "rgb8") -> Any:
        height, width, _ = pixels.shape
        message = types().types["sensor_msgs/msg/Image"]
        return message(self.header(stamp_ns), height, width, encoding, 0, 3 * width, pixels.ravel())

    def diagnostics(self, said: dict[str, Any], stamp_ns: int) -> Any:
        known = types().types
        pairs = [known["diagnostic_msgs/msg/KeyValue"](key, str(value)) for key, value in said.items()]
        status = known["diagnostic_msgs/msg/DiagnosticStatus"](0, "sim", "running", "rehearse", pairs)
        return known["diagnostic_msgs/msg/DiagnosticArray"](self.header(stamp_ns), [status])

    def point(self, q_rad: list[float], qd_radps: list[float], time_s: float) -> Any:
        known = types().types
        nanoseconds = round(time_s * 1e9)
        duration = known["builtin_interfaces/msg/Duration"](nanoseconds // 10**9, nanoseconds % 10**9)
        message = known["trajectory_msgs/msg/JointTrajectoryPoint"]
        return message(np.array(q_rad), np.array(qd_radps), np.zeros(0), np.zeros(0), duration)
