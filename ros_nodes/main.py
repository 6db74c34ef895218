"""Entry points of the ROS 2 executables: ``ros2 run rehearse sim_node``, ``ros2 run rehearse planner_node``.

Exit codes: 0 asked to stop (SIGINT, SIGTERM), 2 could not run, with one line that says why.
"""

import os
import signal
import sys
from importlib import import_module

from rehearse.errors import RehearseError, SetupError

# Before NumPy and torch load: a second thread costs more than it brings, and takes the executor's core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Before any message is imported. Without it `point.x = 3` silently publishes 5e-324.
os.environ.setdefault("ROS_PYTHON_CHECK_FIELDS", "1")


def sim_node() -> int:
    """The simulated robot."""
    return run("rehearse.ros_nodes.sim_node", "SimNode")


def planner_node() -> int:
    """The planner."""
    return run("rehearse.ros_nodes.planner_node", "PlannerNode")


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
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

    node = None
    rclpy.init()  # first of all, so that a signal while torch loads ends the node like any other
    try:
        node = getattr(import_module(module), name)()
        # One thread for ROS. With more, rclpy's executor starves itself, the more so while another thread plans.
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while rclpy.ok():
            # rclpy.spin() now and then sleeps through a SIGTERM.
            executor.spin_once(timeout_sec=0.2)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        if rclpy.ok():
            raise
        # The context was shut down by a signal in the middle of a call: no error.
    finally:
        # A second Ctrl-C, which `ros2 launch` sends, must not break the tidying up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if node is not None:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
