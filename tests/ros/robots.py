"""Robots that break, for arm_node's `type: tests.ros.robots:Unplugged`, and a bus that a test holds in its hand."""

import json
import os
from pathlib import Path
from typing import Any

from rehearse.sim.follower import Follower

UNPLUGGED = "REHEARSE_TEST_UNPLUGGED"  # names a file; while there is one, every call fails
LEFT = "REHEARSE_TEST_LEFT"  # names a file, to which is written how the robot was left


class Unplugged(Follower):
    """A stand-in whose plug can be pulled from outside its process."""

    def get_observation(self) -> dict[str, Any]:
        self._plugged()
        return super().get_observation()

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        self._plugged()
        return super().send_action(action)

    def disconnect(self) -> None:
        super().disconnect()
        at = {name: float(self.data.qpos[i]) for name, i in zip(self.motors, self._qpos, strict=True)}
        speed = float(abs(self.data.qvel).max())
        Path(os.environ[LEFT]).write_text(json.dumps({"torque": self.torque, "q_rad": at, "speed_radps": speed}))

    def _plugged(self) -> None:
        if Path(os.environ[UNPLUGGED]).exists():
            raise ConnectionError("[Errno 5] Input/output error:\n '/dev/ttyACM0'")
