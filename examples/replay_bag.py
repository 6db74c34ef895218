"""Publish topics of a bag again, with its clock, so that a planner answers what was recorded.

    planner_node --ros-args -p use_sim_time:=true &
    python examples/replay_bag.py bags/record_2026-11-26_13-05-00.mcap

Messages go out as they were recorded, at the pace at which they came; /clock is the recorder's. Where there is a ROS 2
beside pip's, `ros2 bag play --clock 100 --topics ...` does the same.
"""

import argparse
import time
from importlib import import_module
from pathlib import Path

import rclpy
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock

from rehearse.ros_nodes.bag.reader import read_raw
from rehearse.ros_nodes.messages import to_time

SENSED = ("/camera/image_raw", "/proprio", "/joint_states", "/joint_trajectory")


def main() -> None:
    """Play it once."""
    parser = argparse.ArgumentParser(description="Publish topics of a bag again.")
    parser.add_argument("bag", type=Path)
    parser.add_argument("--topics", nargs="+", default=SENSED, help="what to publish; by default what a planner needs")
    parser.add_argument("--truncated", action="store_true", help="play what there is of a bag that breaks off")
    asked = parser.parse_args()
    rclpy.init()
    node = rclpy.create_node("replay")
    clock = node.create_publisher(Clock, "/clock", 10)
    publishers, count, began = {}, 0, None
    for heard in read_raw(asked.bag, asked.truncated):
        if heard.topic not in asked.topics:
            continue
        if heard.topic not in publishers:
            package, _, name = heard.kind.split("/")
            kind = getattr(import_module(f"{package}.msg"), name)
            publishers[heard.topic] = node.create_publisher(kind, heard.topic, QoSProfile(depth=10))
        began = began or (time.monotonic(), heard.log_ns)
        time.sleep(max(0.0, began[0] + 1e-9 * (heard.log_ns - began[1]) - time.monotonic()))
        clock.publish(Clock(clock=to_time(1e-9 * heard.log_ns)))
        publishers[heard.topic].publish(heard.data)
        count += 1
    print(f"{count} messages on {len(publishers)} topics")
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
