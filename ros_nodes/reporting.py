"""A planner's state as diagnostics: on ~/status whenever something happens, on /diagnostics once a second.

report = Reporter(node, lambda: (Said(Code.OK, "planning"), {"decisions": 3})); report.now()
"""

from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from rehearse.ros_nodes import messages
from rehearse.ros_nodes.codes import AT_EASE, PASSING, Code, Said

PERIOD_S = 1.0


def level_of(code: Code) -> bytes:
    """OK, WARN or ERROR."""
    return (
        DiagnosticStatus.OK if code in AT_EASE else DiagnosticStatus.WARN if code in PASSING else DiagnosticStatus.ERROR
    )


class Reporter:
    """Asks ``state`` for what to say, and a mapping of further values."""

    def __init__(self, node: Node, state: Callable[[], tuple[Said, Mapping[str, Any]]]) -> None:
        self._node, self._state = node, state
        self._status = node.create_publisher(DiagnosticArray, "~/status", 10)
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # The wall's clock: a simulated one may stand still.
        node.create_timer(PERIOD_S, self._regularly, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def now(self) -> DiagnosticArray:
        """Say it on ~/status."""
        said, values = self._state()
        stamp = self._node.get_clock().now().to_msg()
        values = {"code": said.code.value, **values}
        array = messages.to_diagnostics(self._node.get_name(), level_of(said.code), said.message, values, stamp)
        self._status.publish(array)
        return array

    def _regularly(self) -> None:
        self._diagnostics.publish(self.now())
