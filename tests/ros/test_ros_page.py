"""docs/ros.md lists every code of the planner's status, with its level."""

import pytest

from rehearse.ros_nodes.codes import Code
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "ros.md").read_text(encoding="utf-8")


def test_every_code_is_explained_once_with_its_level() -> None:
    pytest.importorskip("rclpy", reason="levels are those of a ROS message")
    from diagnostic_msgs.msg import DiagnosticStatus

    from rehearse.ros_nodes.reporting import level_of

    section = PAGE.split("\n## Codes\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    levels = {DiagnosticStatus.OK: "OK", DiagnosticStatus.WARN: "WARN", DiagnosticStatus.ERROR: "ERROR"}
    assert [row[0].strip() for row in rows] == [f"`{code}`" for code in Code]
    assert [row[1].strip() for row in rows] == [levels[level_of(code)] for code in Code]
