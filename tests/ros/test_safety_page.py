"""docs/safety.md says what the code does: every reason, every parameter, every fault; docs/ros.md the recorder's."""

import dataclasses
import re

import pytest

from rehearse.ros_nodes.guard import Reason
from rehearse.ros_nodes.parameters import GuardParameters, RecorderParameters
from tests.house.tree import ROOT


def rows(section: str, page: str = "safety") -> list[list[str]]:
    """The cells of the tables below a heading, without their heads."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    text = re.split(rf"\n##+ {section}\n", text)[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def parameter_row(field: dataclasses.Field) -> list[str]:
    """How a parameter stands in the table: a list whose entries are alike is given by one of them."""
    default = field.default
    if isinstance(default, tuple):
        default = f"{default[0]} each" if len(set(default)) == 1 else ", ".join(map(str, default))
    within = field.metadata["within"]
    shown = str(default).lower() if isinstance(default, bool) else str(default) or "–"
    return [f"`{field.name}`", shown, f"{within[0]} … {within[1]}" if within else "–", field.metadata["meaning"]]


def test_every_reason_is_explained_once_and_no_other() -> None:
    assert [row[0] for row in rows("Reasons")] == [f"`{reason}`" for reason in Reason]


@pytest.mark.parametrize(
    ("page", "section", "kind"),
    [("safety", "Parameters", GuardParameters), ("ros", "The recorder's parameters", RecorderParameters)],
)
def test_every_parameter_is_in_the_table(page: str, section: str, kind: type) -> None:
    assert rows(section, page) == [parameter_row(field) for field in dataclasses.fields(kind)]


def test_every_fault_was_tried_and_what_was_not_held_is_told() -> None:
    pytest.importorskip("rclpy", reason="the faults are run on a ROS 2")
    from tests.faults.faults import FAULTS

    found = rows("Faults")
    assert [row[:2] for row in found] == [[fault.name, fault.required] for fault in FAULTS]
    page = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
    for name, _, held, _ in found:
        times, _, of = held.split()
        assert int(of) >= 20, f"{name} was tried {of} times"
        assert times == of or f"- **{name}**" in page, f"{name} was held {held}, and the page does not say why"
