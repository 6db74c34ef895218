"""The guard in a process that has imported what the planner needs: python -m tests.faults.burdened --ros-args ...

Ends with an error where one of these libraries has touched the root logger, for that would slow down or silence all.
"""

import logging
import sys

from rehearse.ros_nodes.main import guard_node


def logs() -> tuple:
    """What a library might have changed for all."""
    root = logging.getLogger()
    return root.level, list(root.handlers), list(root.filters), root.disabled, logging.root.manager.disable


def main() -> int:
    """Import, look, be the guard."""
    before = logs()
    import rehearse.ros_nodes.planner_node  # noqa: F401, for what it does to the process

    assert logs() == before, f"the root logger was {before} and is {logs()}"
    assert "torch" in sys.modules, "the planner needs it"
    return guard_node()


if __name__ == "__main__":
    sys.exit(main())
