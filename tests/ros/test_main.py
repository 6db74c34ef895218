"""Ending a node: at once when asked to, and also where the middleware hangs."""

import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: make test-ros")

from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe, own_domain


@pytest.mark.parametrize(("name", "code"), [("Plain", 0), ("Hanging", 1)])
def test_who_is_asked_to_end_ends(tmp_path: Path, name: str, code: int) -> None:
    with own_domain(tmp_path):
        nodes = Nodes(tmp_path)
        probe = Probe(nodes)
        try:
            process = nodes.run([sys.executable, "-m", "tests.ros.ending", name], name, cwd=ROOT)
            probe.until(lambda: "ending" in probe.node.get_node_names(), "the node")
            assert nodes.end(process, signal.SIGTERM) == code
        finally:
            probe.close()
            nodes.close(show=False)
    said = nodes.output(name)
    assert said.startswith("last word")
    assert ("in destroy_node" in said) == (name == "Hanging"), said
