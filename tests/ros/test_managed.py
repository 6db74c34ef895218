"""What a managed node makes of errors in its transitions."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

import rclpy
from rclpy.signals import SignalHandlerOptions

from rehearse.errors import ConfigError
from rehearse.ros_nodes.managed import ERROR, FAILURE, SUCCESS, ManagedNode

pytestmark = pytest.mark.ros


@dataclass(frozen=True)
class NoParameters:
    """None."""


class Fickle(ManagedNode):
    """Raises what it is told to, by the name of the method; remembers what was done."""

    def __init__(self) -> None:
        super().__init__("fickle", NoParameters)
        self.raises: dict[str, Exception] = {}
        self.done: list[str] = []

    def _do(self, name: str) -> None:
        self.done.append(name)
        if name in self.raises:
            raise self.raises[name]

    def configure(self) -> None:
        self._do("configure")

    def activate(self) -> None:
        self._do("activate")

    def deactivate(self) -> None:
        self._do("deactivate")

    def clean(self) -> None:
        self._do("clean")

    @property
    def state(self) -> str:
        return self._state_machine.current_state[1]


@pytest.fixture
def node(_environment: None) -> Iterator[Fickle]:
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = Fickle()
    yield node
    node.destroy_node()
    rclpy.shutdown()


def test_a_refusal_leaves_the_state_as_it_was(node: Fickle) -> None:
    node.raises = {"configure": ConfigError("no"), "activate": ConfigError("not yet")}
    assert node.trigger_configure() == FAILURE
    assert (node.state, node.done) == ("unconfigured", ["configure", "clean"])
    del node.raises["configure"]
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == FAILURE
    assert (node.state, node.active) == ("inactive", False)
    node.raises.clear()
    assert node.trigger_activate() == SUCCESS
    assert (node.state, node.active) == ("active", True)


@pytest.mark.parametrize("where", ["configure", "activate", "deactivate"])
def test_what_nobody_foresaw_leads_back_to_unconfigured_and_is_said(
    node: Fickle, where: str, capfd: pytest.CaptureFixture
) -> None:
    transitions = (node.trigger_configure, node.trigger_activate, node.trigger_deactivate)
    node.raises = {where: ZeroDivisionError("by chance")}
    assert [transition() for transition in transitions][node.done.index(where)] == ERROR
    assert (node.state, node.done[-1], node.configured, node.active) == ("unconfigured", "clean", False, False)
    assert "ZeroDivisionError('by chance')" in capfd.readouterr().err
    node.raises.clear()
    assert node.trigger_configure() == SUCCESS


def test_autostart_raises_what_forbids_configuring_and_waits_for_the_rest(node: Fickle) -> None:
    node.raises = {"configure": ConfigError("no"), "activate": ConfigError("not yet")}
    with pytest.raises(ConfigError, match="no"):
        node.autostart()
    del node.raises["configure"]
    node.autostart()
    assert node.state == "inactive"


def test_closing_shuts_down_whatever_the_state(node: Fickle) -> None:
    node.autostart()
    node.close()
    assert (node.state, node.done) == ("finalized", ["configure", "activate", "deactivate", "clean"])
    node.close()
    assert node.done.count("clean") == 1
