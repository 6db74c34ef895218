"""recorder_node beside the robot, the guard and the planner: all of them processes, over real DDS."""

import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")
pytest.importorskip("mcap", reason="needs mcap and rosbags: pip install 'rehearse[bag]'")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from rehearse.ros_nodes.bag.kinds import RECORDED
from rehearse.ros_nodes.bag.reader import read_raw, survey
from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe, pairs

pytestmark = pytest.mark.ros
LATCHED = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)
KINDS = {
    "/camera/image_raw": (Image, qos_profile_sensor_data),
    "/proprio": (JointState, 50),
    "/joint_states": (JointState, 50),
    "/guard/command": (JointTrajectory, 50),
    "/joint_trajectory": (JointTrajectory, 50),
    "/guard/verdict": (DiagnosticStatus, 50),
    "/planner/status": (DiagnosticArray, 50),
    "/sim/info": (DiagnosticArray, LATCHED),
}


def start_robot(nodes: Nodes, checkpoint: Path | None = None, **sim: object) -> None:
    """The robot and its guard, which waits patiently on a busy machine; and the planner, where it has a model."""
    patient = ROOT / "tests" / "ros" / "patient_guard.yaml"
    guard = [str(Path(sys.executable).with_name("guard_node")), "--ros-args", "--params-file", str(patient)]
    nodes.run([*guard, "-p", "deadman:=false"], "guard_node")
    if checkpoint is not None:
        model = {"checkpoint": checkpoint, "futures": 24, "image_timeout_s": 3.0}
        nodes.start("planner_node", autostart=False, **model)
    nodes.start("sim_node", **sim)


class Facts:
    """What the recorder says of itself."""

    def __init__(self, probe: Probe) -> None:
        self._heard = probe.listen("/diagnostics", DiagnosticArray)

    @property
    def latest(self) -> DiagnosticStatus | None:
        """Its newest status."""
        return next((m.status[0] for m in reversed(self._heard) if m.status[0].name == "recorder"), None)

    def __getitem__(self, key: str) -> str:
        return "" if self.latest is None else pairs(self.latest)[key]


def raw_client(probe: Probe) -> dict[str, list[bytes]]:
    """A client that sees what the recorder sees."""
    seen: dict[str, list[bytes]] = {topic: [] for topic in KINDS}
    for topic, (kind, qos) in KINDS.items():
        probe.node.create_subscription(kind, topic, seen[topic].append, qos, raw=True)
    return seen


def bags(folder: Path, pattern: str = "*.mcap") -> list[Path]:
    return sorted(folder.glob(pattern))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recorded episode is handed from test to test."""
    return tmp_path_factory.mktemp("episode")


def test_an_episode_is_recorded_whole(nodes: Nodes, probe: Probe, checkpoint: Path, tmp_path: Path, kept: Path) -> None:
    """Nothing that a client saw is missing in the bag, and every message is in it as it was sent."""
    seen, facts = raw_client(probe), Facts(probe)
    status = probe.listen("/planner/status", DiagnosticArray)
    recorder = nodes.start("recorder_node", folder=tmp_path / "bags")
    start_robot(nodes, checkpoint, layout=1)
    flowing = lambda: all(map(len, (seen[topic] for topic in ("/camera/image_raw", "/proprio", "/joint_states"))))  # noqa: E731
    probe.until(lambda: flowing() and status and int(facts["messages"] or 0) > 50, "messages in the bag")
    for messages in seen.values():
        messages.clear()
    assert probe.call("/planner/start").success
    probe.until(lambda: "time is up" in status[-1].status[0].message, "the end of the episode")
    assert probe.call("/recorder/stop").success
    probe.until(lambda: bags(tmp_path / "bags"), "the bag")
    [bag] = bags(tmp_path / "bags")
    held: dict[str, Counter] = {topic: Counter() for topic in KINDS}
    for heard in read_raw(bag):
        held[heard.topic][heard.data] += 1
    contents = survey(bag)
    assert {topic: contents[topic].kind for topic in KINDS} == {f"/{name}": kind for name, kind in RECORDED.items()}
    for topic, messages in seen.items():
        assert len(messages) >= 5 or topic == "/sim/info", topic
        # What came after the recorder was told to stop is not its business.
        lost = Counter(messages[:-20] if topic == "/joint_states" else messages[:-1]) - held[topic]
        assert not lost.total(), f"{topic}: {lost.total()} of {len(messages)} are missing"
    assert sum(map(Counter.total, held.values())) == sum(topic.count for topic in contents.values())
    assert facts["dropped"] == facts["too_big"] == "0"
    assert nodes.end(recorder, signal.SIGTERM) == 0
    assert "Traceback" not in nodes.output("recorder_node")
    bag.rename(kept / "episode.mcap")
