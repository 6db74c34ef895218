"""Entry points of the ROS 2 executables: ``ros2 run rehearse sim_node``, and the other nodes alike.

Exit codes: 0 asked to stop (SIGINT, SIGTERM), 1 asked to stop, but the middleware hung in ending, 2 could not run, with
one line that says why.
"""

import faulthandler
import os
import signal
import sys
import threading
from importlib import import_module

from rehearse.errors import RehearseError, SetupError

# Before NumPy and torch load: a second thread costs more than it brings, and takes the executor's core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Before any message is imported. Without it `point.x = 3` silently publishes 5e-324.
os.environ.setdefault("ROS_PYTHON_CHECK_FIELDS", "1")

# For what takes 0.1 s. Fast DDS 3.2 has been seen to wait for itself for ever, when other nodes were killed meanwhile.
END_WITHIN_S = 5.0


def sim_node() -> int:
    """The simulated robot."""
    return run("rehearse.ros_nodes.sim_node", "SimNode")


def planner_node() -> int:
    """The planner."""
    return run("rehearse.ros_nodes.planner_node", "PlannerNode")


def guard_node() -> int:
    """The guard between planner and arm."""
    return run("rehearse.ros_nodes.guard_node", "GuardNode")


def arm_node() -> int:
    """A real arm, by way of LeRobot."""
    return run("rehearse.ros_nodes.arm_node", "ArmNode")


def recorder_node() -> int:
    """The recorder of what passes between the others."""
    return run("rehearse.ros_nodes.recorder_node", "RecorderNode")


def run(module: str, name: str) -> int:
    """Make the node, spin it until told to stop, close it; returns the exit code."""
    try:
        try:
            import rclpy
        except ImportError as error:
            raise SetupError(
                "rclpy is missing: source /opt/ros/<distro>/setup.bash, or pip install 'rehearse[ros]' in a "
                f"virtual environment ({error})"
            ) from error
        return _spin(rclpy, module, name)
    except RehearseError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def _spin(rclpy, module: str, name: str) -> int:
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    asked_to_stop = threading.Event()
    # Not rclpy's own handlers: they take the ground from under a node that has a last word to say, such as "brake".
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_stop.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = None
    try:
        node = getattr(import_module(module), name)()
        # One thread for ROS. With more, rclpy's executor starves itself, the more so while another thread plans.
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not asked_to_stop.is_set():
            # rclpy.spin() now and then sleeps through a SIGTERM.
            executor.spin_once(timeout_sec=0.2)
    finally:
        if node is not None:
            node.close()
        # A thread in C, which needs nothing of Python's: who hangs below this holds Python's lock.
        faulthandler.dump_traceback_later(END_WITHIN_S, exit=True)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        faulthandler.cancel_dump_traceback_later()
    return 0
