"""recorder_node beside the robot, the guard and the planner: all of them processes, over real DDS."""

import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")
pytest.importorskip("mcap", reason="needs mcap and rosbags: pip install 'rehearse[bag]'")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from rehearse.cli import main
from rehearse.errors import DataError
from rehearse.ros_nodes.bag.kinds import RECORDED
from rehearse.ros_nodes.bag.reader import read, read_raw, survey
from rehearse.sim.dog_on_jacket.world import STEP_M
from rehearse.world_model import describe
from rehearse.world_model.data import LeRobotReader
from tests.house.tree import ROOT
from tests.ros.live import Nodes, Probe, as_yaml, pairs, values
from tests.ros.minilaunch import commands, load

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


def start_robot(nodes: Nodes, checkpoint: Path | None = None, own_clock: bool = False, **sim: object) -> None:
    """The robot and its guard, which waits patiently on a busy machine; and the planner, where it has a model.

    ``own_clock``: the robot's, by which all of them go.
    """
    clock = {"use_sim_time": own_clock}
    patient = ROOT / "tests" / "ros" / "patient_guard.yaml"
    guard = [str(Path(sys.executable).with_name("guard_node")), "--ros-args", "--params-file", str(patient)]
    nodes.run([*guard, "-p", "deadman:=false", "-p", f"use_sim_time:={as_yaml(own_clock)}"], "guard_node")
    if checkpoint is not None:
        model = {"checkpoint": checkpoint, "futures": 24, "image_timeout_s": 3.0}
        nodes.start("planner_node", begin_at_once=False, **model, **clock)
    nodes.start("sim_node", publish_clock=own_clock, **sim)


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


@dataclass(frozen=True)
class Recorded:
    """A bag, what a client saw meanwhile, the recorder's last word, and how it ended."""

    bag: Path
    seen: dict[str, list[bytes]]
    said: dict[str, str]
    code: int
    output: str


@pytest.fixture(scope="module")
def episode(_environment: None, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One episode of the robot, the guard and the planner, recorded from before it begins."""
    folder = tmp_path_factory.mktemp("episode")
    nodes = Nodes(folder)
    probe = Probe(nodes)
    try:
        seen, facts = raw_client(probe), Facts(probe)
        status = probe.listen("/planner/status", DiagnosticArray)
        info = probe.listen("/sim/info", DiagnosticArray)
        recorder = nodes.start("recorder_node", folder=folder / "bags", use_sim_time=True)
        # A robot that lags behind the wall's clock is not where it was told to be by that clock.
        start_robot(nodes, checkpoint, own_clock=True, layout=1, level="easy", realtime_factor=0.5)
        flows = lambda: all(seen[topic] for topic in ("/camera/image_raw", "/proprio", "/joint_states"))  # noqa: E731
        probe.until(lambda: flows() and status and int(facts["messages"] or 0) > 50, "messages in the bag")
        for messages in seen.values():
            messages.clear()
        assert probe.call("/planner/start").success
        probe.until(lambda: values(info[-1])["finished"] == "true", "the end of the episode")
        seen = {topic: list(messages) for topic, messages in seen.items()}
        held = int(facts["messages"])
        probe.until(lambda: int(facts["messages"]) > held + 100, "the recorder to have seen all that, too")
        assert probe.call("/recorder/stop").success
        probe.until(lambda: bags(folder / "bags"), "the bag")
        [bag] = bags(folder / "bags")
        said = pairs(facts.latest)
        code = nodes.end(recorder, signal.SIGTERM)
        return Recorded(bag, seen, said, code, nodes.output("recorder_node"))
    finally:
        probe.close()
        nodes.close()


def test_an_episode_is_recorded_whole(episode: Recorded) -> None:
    """Nothing that a client saw is missing in the bag, and every message is in it as it was sent."""
    held: dict[str, Counter] = {topic: Counter() for topic in KINDS}
    for heard in read_raw(episode.bag):
        held[heard.topic][heard.data] += 1
    contents = survey(episode.bag)
    assert {topic: contents[topic].kind for topic in KINDS} == {f"/{name}": kind for name, kind in RECORDED.items()}
    for topic, messages in episode.seen.items():
        assert len(messages) >= 3, topic
        lost = Counter(messages) - held[topic]
        assert not lost.total(), f"{topic}: {lost.total()} of {len(messages)} are missing"
    assert sum(map(Counter.total, held.values())) == sum(topic.count for topic in contents.values())
    assert episode.said["dropped"] == episode.said["too_big"] == "0"
    assert episode.code == 0
    assert "Traceback" not in episode.output


def test_the_bag_becomes_a_dataset_that_trains(episode: Recorded, tmp_path: Path) -> None:
    """And its actions say where the arm was told to go, which the robot itself says in its proprioception."""
    data, run = tmp_path / "data", tmp_path / "run"
    assert main(["data", "from-bag", str(episode.bag), str(data)]) == 0
    assert main(["data", "check", str(data)]) == 0
    clip = max((LeRobotReader(data).read(index) for index in range(len(LeRobotReader(data)))), key=len)
    assert clip.signals.keys() >= {"woken", "disturbance", "progress"}
    told_m = clip.proprio[:, :3] + clip.proprio[:, 3:6]  # where the gripper is and how far it lags
    wrong_m = np.abs(STEP_M * clip.actions[:-1, :3] - np.diff(told_m, axis=0)).max(1)
    assert np.median(wrong_m) < 0.01, "what it was told, but for the time that a message takes on a busy machine"
    assert np.abs(STEP_M * clip.actions[:-1, :3]).max() > 0.02, "and it was told to move"
    train = ["train", "--data", str(data), "--out", str(run), "--preset", "debug", "--steps", "20", "--rounds", "0"]
    assert main([*train, "--no-tensorboard"]) == 0
    [source] = describe(run)["data"]
    assert source["bag"] == episode.bag.name


def test_a_planner_answers_the_bag_again(episode: Recorded, nodes: Nodes, checkpoint: Path, tmp_path: Path) -> None:
    """By the recorder's clock, as if it were there."""
    probe = Probe(nodes)
    answers = probe.listen("/guard/command", JointTrajectory)
    status = probe.listen("/planner/status", DiagnosticArray)
    planner = nodes.start("planner_node", checkpoint=checkpoint, futures=24, use_sim_time=True, image_timeout_s=5.0)
    probe.until(lambda: status, "the planner")
    replay = [sys.executable, str(ROOT / "examples" / "replay_bag.py"), str(episode.bag)]
    played = nodes.run(replay, "replay")
    nodes.running.remove(played)  # it ends when it is through
    probe.until(lambda: len(answers) >= 5, "answers")
    assert played.wait(timeout=90) == 0
    sent = sum(heard.topic in ("/camera/image_raw", "/proprio") for heard in read_raw(episode.bag))
    assert int(nodes.output("replay").split()[0]) > sent
    assert nodes.end(planner, signal.SIGTERM) == 0
    first = next(read(episode.bag, {"/joint_states"}))
    assert sorted(answers[0].joint_names) == sorted(first.message.name)
    probe.close()


def test_what_is_killed_leaves_what_it_had_flushed(nodes: Nodes, probe: Probe, tmp_path: Path) -> None:
    """kill -9: a file that says by its name that it is not whole, readable up to a moment before."""
    facts = Facts(probe)
    recorder = nodes.start("recorder_node", folder=tmp_path / "bags", flush_s=0.2)
    nodes.start("sim_node")
    probe.until(lambda: int(facts["messages"] or 0) > 200, "messages in the bag")
    nodes.kill(recorder)
    killed_s = time.time()
    [partial] = bags(tmp_path / "bags", "*")
    assert partial.name.endswith(".mcap.partial")
    with pytest.raises(DataError, match="breaks off after"):
        survey(partial)
    held = list(read(partial, {"/joint_states"}, truncated=True))
    assert len(held) > 100
    assert killed_s - held[-1].log_s < 3.0
    stamps = [message.message.header.stamp for message in held]
    assert all((a.sec, a.nanosec) < (b.sec, b.nanosec) for a, b in pairwise(stamps))


def test_a_recorder_that_stands_still_holds_nobody_up(nodes: Nodes, probe: Probe, tmp_path: Path) -> None:
    """Stopped in its tracks, with reliable subscriptions that nobody reads."""
    facts, joints = Facts(probe), probe.listen("/joint_states", JointState)
    recorder = nodes.start("recorder_node", folder=tmp_path / "bags")
    nodes.start("sim_node")
    told = probe.talk("/joint_trajectory", JointTrajectory)
    probe.until(lambda: told.get_subscription_count() == 2 and int(facts["messages"] or 0) > 50, "both that listen")
    recorder.send_signal(signal.SIGSTOP)
    longest_s, count = 0.0, len(joints)
    for _ in range(300):
        began_s = time.perf_counter()
        told.publish(JointTrajectory(joint_names=["nobody's"]))
        longest_s = max(longest_s, time.perf_counter() - began_s)
    assert longest_s < 0.5
    probe.until(lambda: len(joints) > count + 200, "a robot that goes on")
    recorder.send_signal(signal.SIGCONT)

    def heard() -> bool:
        told.publish(JointTrajectory(joint_names=["nobody's"]))
        return "joint_trajectory" not in facts["silent"]

    probe.until(heard, "the recorder to be back")
    assert nodes.end(recorder, signal.SIGTERM) == 0
    assert survey(bags(tmp_path / "bags")[0])["/joint_trajectory"].count >= 1


def test_a_robot_in_a_namespace_by_the_launch_file(nodes: Nodes, probe: Probe, tmp_path: Path) -> None:
    file = ROOT / "launch" / "record.launch.py"
    [(name, command)] = commands(load(file), tmp_path, namespace="left", folder=str(tmp_path / "bags"))
    facts = Facts(probe)
    recorder = nodes.run(command, name)
    nodes.start("sim_node", remap={"__ns": "/left"})
    probe.until(lambda: int(facts["messages"] or 0) > 50, "messages in the bag")
    assert nodes.end(recorder, signal.SIGINT) == 0
    [bag] = bags(tmp_path / "bags", "*")
    assert survey(bag).keys() >= {"/left/joint_states", "/left/camera/image_raw", "/left/sim/info"}


def test_the_seconds_around_a_stop_become_a_bag(nodes: Nodes, probe: Probe, tmp_path: Path) -> None:
    """One for each stop, with the verdict in it, however long the guard repeats itself; and one for each ~/save."""
    folder, facts = tmp_path / "bags", Facts(probe)
    verdicts = probe.listen("/guard/verdict", DiagnosticStatus)
    nodes.start("recorder_node", folder=folder, mode="ring", ring_s=1.5, after_stop_s=0.3)
    start_robot(nodes)
    probe.until(lambda: float(facts["ring_s"] or 0) > 1.2, "a full ring")
    assert not folder.exists() or not bags(folder, "*"), "nothing happened yet"
    for count in (1, 2):
        assert probe.call("/guard/stop").success
        probe.until(lambda count=count: len(bags(folder, "stop_*.mcap")) == count, "the bag")
        probe.until(lambda: probe.call("/guard/reset").success, "a reset")
        probe.until(lambda: pairs(verdicts[-1])["action"] != "stop", "the guard to be content")
    for bag in bags(folder, "stop_*.mcap"):
        heard = list(read(bag, {"/joint_states", "/guard/verdict", "/sim/info"}))
        stops = [
            message.log_s
            for message in heard
            if message.topic == "/guard/verdict" and {"action": "stop"}.items() <= pairs(message.message).items()
        ]
        assert stops
        joints = [message.log_s for message in heard if message.topic == "/joint_states"]
        assert joints[0] < stops[0] - 0.5, "what came before"
        assert joints[-1] > stops[0] + 0.1, "and how it came to rest"
        assert joints[-1] - joints[0] < 1.5 + 0.3 + 1.0
    saved = Path(probe.call("/recorder/save").message)
    probe.until(saved.exists, "the saved bag")
    assert survey(saved)["/joint_states"].count > 20
    assert sorted({bag.name.split("_")[0] for bag in bags(folder, "*")}) == ["save", "stop"]


def test_what_is_too_large_is_not_recorded(nodes: Nodes, probe: Probe, tmp_path: Path) -> None:
    """It is counted, and /diagnostics say so; the rest goes on."""
    facts = Facts(probe)
    recorder = nodes.start("recorder_node", folder=tmp_path / "bags", message_mb=0.01)
    nodes.start("sim_node")
    probe.until(lambda: int(facts["too_big"] or 0) > 3, "images that are too large")
    assert facts.latest.level == DiagnosticStatus.WARN
    assert "/camera/image_raw" in facts["lost"]
    assert nodes.end(recorder, signal.SIGINT) == 0
    [bag] = bags(tmp_path / "bags", "*")
    contents = survey(bag)
    assert "/camera/image_raw" not in contents
    assert contents["/joint_states"].count > 20
    assert max(len(heard.data) for heard in read_raw(bag)) <= 10_000


def test_it_waits_for_start_and_tells_what_is_silent(nodes: Nodes, probe: Probe, tmp_path: Path) -> None:
    facts = Facts(probe)
    nodes.start("recorder_node", folder=tmp_path / "bags", autostart=False)
    probe.until(lambda: facts.latest is not None, "the recorder")
    assert facts.latest.message == "stopped"
    assert not probe.call("/recorder/save").success
    assert not probe.call("/recorder/stop").success
    assert probe.call("/recorder/start").success
    unfelt = "nothing has come on camera/image_raw, joint_states, proprio"
    probe.until(lambda: facts.latest.message == unfelt, "who is silent")
    assert facts.latest.level == DiagnosticStatus.WARN
    nodes.start("sim_node")
    probe.until(lambda: int(facts["messages"]) > 20, "messages in the bag")
    assert not probe.call("/recorder/start").success, "already recording"
    probe.until(lambda: facts.latest.level == DiagnosticStatus.OK, "the recorder to be content")
    assert facts["silent"] == "guard/command, guard/verdict, joint_trajectory, planner/status"
    assert probe.call("/recorder/stop").success
    probe.until(lambda: bags(tmp_path / "bags"), "the bag")
