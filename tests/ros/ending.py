"""Nodes that are asked to end: for test_main.py, in a process of their own."""

import ctypes
import sys

from rclpy.node import Node

from rehearse.ros_nodes.main import run


class Plain(Node):
    """Ends as it should."""

    def __init__(self) -> None:
        super().__init__("ending")

    def close(self) -> None:
        """Say so."""
        print("last word", flush=True)


class Hanging(Plain):
    """Its middleware waits for itself, and holds Python's lock."""

    def destroy_node(self) -> None:
        """Never come back."""
        ctypes.PyDLL(None).sleep(600)


if __name__ == "__main__":
    sys.exit(run("tests.ros.ending", sys.argv[1]))
