"""A lifecycle node whose transitions are plain methods that raise an error with a sentence.

    class MyNode(ManagedNode):
        def configure(self) -> None: ...     # and activate, deactivate, clean

A RehearseError fails the transition: the node stays in the state that it was in, and says why in one log line. What
else is raised leads to the state unconfigured by way of ``deactivate`` and ``clean``; rclpy alone would swallow it.
"""

from collections.abc import Callable

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from rehearse.errors import RehearseError
from rehearse.ros_nodes.parameters import changeable

SUCCESS, FAILURE, ERROR = (getattr(TransitionCallbackReturn, name) for name in ("SUCCESS", "FAILURE", "ERROR"))


class ManagedNode(LifecycleNode):
    """``kind``: the dataclass of the node's parameters. Those that are not changeable are so while unconfigured."""

    def __init__(self, name: str, kind: type) -> None:
        super().__init__(name)
        self.configured = self.active = False
        self._changeable, self._starting, self._refusal = changeable(kind), False, None
        self.add_on_set_parameters_callback(self._may_set)

    # -- for the subclass ----------------------------------------------------------------------------------------

    def configure(self) -> None:
        """Make what is needed; ``clean`` follows where this raises."""

    def activate(self) -> None:
        """Begin to act; the node stays inactive where this raises."""

    def deactivate(self) -> None:
        """End acting; what this publishes still goes out."""

    def clean(self) -> None:
        """Unmake whatever ``configure`` has made, all or part of it."""

    def refused(self, error: Exception) -> None:
        """A transition failed."""

    # -- for whoever runs it -------------------------------------------------------------------------------------

    def autostart(self) -> None:
        """Configure and activate. Raises what forbids configuring; what forbids activating is said, and waited for."""
        self._starting = True
        configured = self.trigger_configure()
        self._starting = False
        if configured != SUCCESS:
            raise self._refusal
        self.trigger_activate()

    def close(self) -> None:
        """Shut down from whichever state."""
        if self._state_machine.current_state[1] != "finalized":
            self.trigger_shutdown()

    # -- for rclpy -----------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition to inactive."""
        outcome = self._attempt(self._make)
        self.configured = outcome == SUCCESS
        return outcome

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition to active."""
        outcome = self._attempt(self.activate)
        self.active = outcome == SUCCESS
        return super().on_activate(state) if self.active else outcome

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition to inactive."""
        outcome = self._attempt(self._rest)
        return super().on_deactivate(state) if outcome == SUCCESS else outcome

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition to unconfigured."""
        return self._attempt(self._unmake)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition to finalized."""
        return self._attempt(self._unmake)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured; if not even that can be done, to finalized."""
        return SUCCESS if self._attempt(self._unmake) == SUCCESS else FAILURE

    def _make(self) -> None:
        try:
            self.configure()
        except RehearseError:
            self.clean()
            raise

    def _rest(self) -> None:
        if self.active:
            self.active = False
            self.deactivate()

    def _unmake(self) -> None:
        self._rest()
        self.configured = False
        self.clean()

    def _attempt(self, act: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            act()
        except Exception as error:
            self._refusal = error
            known = isinstance(error, RehearseError)
            if not self._starting:  # else whoever starts it says so
                self.get_logger().error(str(error) if known else repr(error))
            self.refused(error)
            return FAILURE if known else ERROR
        return SUCCESS

    def _may_set(self, wished: list[Parameter]) -> SetParametersResult:
        """Nothing may seem to be changed that is read when the node is configured."""
        fixed = [parameter.name for parameter in wished if not self._changeable.get(parameter.name, True)]
        if fixed and self.configured:
            return SetParametersResult(
                successful=False, reason=f"{', '.join(fixed)} can be set while the node is unconfigured: clean up first"
            )
        return SetParametersResult(successful=True)
