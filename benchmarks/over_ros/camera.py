"""Frames of 640 x 480 at 30 Hz that reach another process, with and without the Fast DDS profile."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.over_ros.heard import PERCENTILES, spread
from rehearse.commands.base import about
from rehearse.files import atomic_write
from tests.ros.live import own_domain

COMMAND = Path(__file__).resolve().parents[1] / "ros.py"


@dataclass
class Camera:
    """Frames of 640 x 480 at 30 Hz from one process to another."""

    minutes: float = 2.0
    """With the profile, and as long again without."""
    json: Path = Path("out/ros-camera.json")
    """Where the figures go."""

    def run(self) -> None:
        """Both, then the table."""
        rows = []
        for profile in (True, False):
            with tempfile.TemporaryDirectory() as folder, own_domain(Path(folder)):
                if not profile:
                    del os.environ["FASTDDS_DEFAULT_PROFILES_FILE"]
                rows.append({"profile": profile, **_listen(60 * self.minutes)})
        with atomic_write(self.json) as path:
            report = {"rows": rows, "about": about(minutes=self.minutes)}
            path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        table = Table(title="640 x 480, 30 Hz, best effort")
        for name in ("config/fastdds.xml", "sent", "lost", "lost %", "p50", "p95", "p99"):
            table.add_column(name, justify="right")
        for row in rows:
            late = (f"{row['latency_ms'][f'p{p}']:.1f} ms" if row["latency_ms"] else "-" for p in PERCENTILES)
            lost = f"{100 * row['lost'] / row['sent']:.2f}"
            table.add_row("yes" if row["profile"] else "no", str(row["sent"]), str(row["lost"]), lost, *late)
        Console().print(table)


def _listen(seconds_: float) -> dict[str, Any]:
    """Start a camera as a process of its own, and count."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image

    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("listener", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    late: list[float] = []
    # Messages stay as they are: what Python takes to unpack a megabyte is no part of the way.
    node.create_subscription(
        Image, "/camera", lambda raw: late.append(time.time() - _stamp_s(raw)), qos_profile_sensor_data, raw=True
    )
    camera = subprocess.Popen(
        [sys.executable, str(COMMAND), "film", "--seconds", str(seconds_)], stdout=subprocess.PIPE
    )
    while camera.poll() is None:
        executor.spin_once(timeout_sec=0.05)
    sent = int(camera.communicate()[0])
    executor.shutdown()
    node.destroy_node()
    context.shutdown()
    return {"sent": sent, "lost": sent - len(late), "latency_ms": spread(late)}


def _stamp_s(raw: bytes) -> float:
    """Of a serialized message that begins with a header: after four bytes of encapsulation (OMG DDSI-RTPS 10.2)."""
    second, nanosecond = np.frombuffer(raw[4:12], "<i4,<u4" if raw[1] == 1 else ">i4,>u4")[0]
    return int(second) + 1e-9 * int(nanosecond)


@dataclass
class Film:
    """Be the camera, and print how many frames were sent; started by ``camera``."""

    seconds: float = 10.0
    """How long."""

    def run(self) -> None:
        """At 30 Hz by the wall's clock."""
        import rclpy
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import Image

        from rehearse.ros_nodes.messages import to_image

        rclpy.init()
        node = rclpy.create_node("camera")
        publisher = node.create_publisher(Image, "/camera", qos_profile_sensor_data)
        while not publisher.get_subscription_count():
            time.sleep(0.05)
        pixels = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
        began_s, sent = time.monotonic(), 0
        while (due_s := began_s + sent / 30) < began_s + self.seconds:
            time.sleep(max(0.0, due_s - time.monotonic()))
            publisher.publish(to_image(pixels, node.get_clock().now().to_msg()))
            sent += 1
        time.sleep(0.5)
        print(sent)
