"""What was imagined, as people see it: drawn right, shown only when somebody looks."""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from visualization_msgs.msg import Marker, MarkerArray

from rehearse.planner import Plan
from rehearse.planner.protocols import Candidate
from rehearse.ros_nodes.reading import from_image
from rehearse.ros_nodes.showing import RAMP, THICK_M, THIN_M, markers
from rehearse.sim.dog_on_jacket.motion import arm_motion
from rehearse.sim.dog_on_jacket.task import TASK
from tests.ros.live import Nodes, Probe, distinct, nanoseconds, values

pytestmark = pytest.mark.ros
FELT = np.array([-0.1, 0.05, 0.1, 0.01, 0.0, 0.0, 0, 0, 0, 1])
path_m = partial(arm_motion().path_m, FELT)


def plan(costs: list[float]) -> Plan:
    """Candidates that pull along x, the dearer the faster."""
    kept = [
        Candidate(rank, cost, np.tile([-0.1 * (rank + 1), 0, 0, 1.0], (3, 1)), {}, {})
        for rank, cost in enumerate(costs)
    ]
    return Plan(kept[0].actions, np.zeros(3), costs[0], 8, 1, 0.1, kept=kept)


def test_a_path_begins_where_the_arm_was_told_to_be_and_keeps_to_its_workspace() -> None:
    path = path_m(np.array([[-1.0, 0, 0, 1], [-5.0, 0.5, 0, 1], [0, 0, -9.0, 1], [0, 0, -9.0, 1], [0, 0, -9.0, 1]]))
    np.testing.assert_allclose(path[0], [-0.09, 0.05, 0.1])
    np.testing.assert_allclose(path[1], [-0.17, 0.05, 0.1])
    np.testing.assert_allclose(path[2], [-0.25, 0.09, 0.1])
    assert path[-1][2] == 0.008


def test_the_chosen_path_is_thick_and_the_dearest_is_dark() -> None:
    lines = markers(plan([1.0, 2.0, 3.0]), path_m, Time(sec=7)).markers
    assert [line.id for line in lines] == [0, 1, 2]
    assert {(line.type, line.header.frame_id, line.header.stamp.sec) for line in lines} == {
        (Marker.LINE_STRIP, "world", 7)
    }
    assert [line.scale.x for line in lines] == [THICK_M, THIN_M, THIN_M]
    for line, share in zip(lines, (1.0, 0.5, 0.0), strict=True):
        np.testing.assert_allclose([line.color.r, line.color.g, line.color.b, line.color.a], RAMP(share), atol=1e-6)
    last = lines[2].points[-1]
    np.testing.assert_allclose([last.x, last.y, last.z], path_m(plan([1.0] * 3).kept[2].actions)[-1])


def test_a_single_candidate_is_as_good_as_can_be() -> None:
    [line] = markers(plan([2.0]), path_m, Time()).markers
    np.testing.assert_allclose([line.color.r, line.color.g, line.color.b], RAMP(1.0)[:3], atol=1e-6)


def test_paths_and_pictures_are_shown_while_somebody_looks(nodes: Nodes, probe: Probe) -> None:
    """In lockstep, where every moment is foreseen: each picture is beside the one that was imagined of it."""
    status = probe.listen("/planner/status", DiagnosticArray)
    images = probe.listen("/camera/image_raw", Image, qos_profile_sensor_data)
    paths, pairs = probe.listen("/planner/imagined", MarkerArray), probe.listen("/planner/imagined_next", Image)
    nodes.start("planner_node", lockstep=True, futures=24, begin_at_once=False)
    probe.until(lambda: status, "the planner")
    nodes.start("sim_node", lockstep=True, layout=3)
    probe.until(lambda: images, "a picture")
    assert probe.call("/planner/start").success
    probe.until(lambda: len(pairs) >= 3 and len(paths) >= 3, "what was imagined")
    assert all(len(message.markers) == TASK.mpc.keep_best + TASK.mpc.keep_rejected for message in paths)
    assert all(len(line.points) == TASK.mpc.horizon + 1 for line in paths[0].markers)
    seen = {nanoseconds(image): from_image(image) for image in distinct(images)}
    assert min(map(nanoseconds, pairs)) > min(seen), "of the first moment nothing was foreseen"
    for pair in pairs:
        real, imagined = np.split(from_image(pair), 2, axis=1)
        np.testing.assert_array_equal(real, seen[nanoseconds(pair)])
        assert 0 < np.abs(imagined.astype(float) - real).mean() < 20, "a picture of about the same"
    assert int(values(status[-1])["decisions"]) >= 3
    assert "Traceback" not in nodes.output("planner_node")
