"""Every row of the fault table, once: real processes, real DDS, a robot in motion."""

import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from tests.faults.faults import FAULTS, Fault
from tests.faults.rig import running

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.happen.__name__)
def test_fault(fault: Fault) -> None:
    with running(fault.setup) as rig:
        fault.happen(rig)
        rig.within_limits()
