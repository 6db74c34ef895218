"""Bags as datasets, without a ROS: what becomes of observations, and what is said of bags that are no good."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mcap", reason="needs mcap and rosbags: pip install 'rehearse[bag]'")
pytest.importorskip("rosbags", reason="needs mcap and rosbags: pip install 'rehearse[bag]'")

from rehearse.cli import main
from rehearse.errors import DataError
from rehearse.ros_nodes.bag.dataset import convert
from rehearse.ros_nodes.bag.reader import read, read_raw, survey
from rehearse.ros_nodes.bag.topics import Topics
from rehearse.ros_nodes.bag.writer import BagWriter, Raw
from rehearse.world_model.data import Clip, LeRobotReader
from tests.house.tree import ROOT
from tests.ros.bags import START_RAD, Story


def converted(bag: Path, topics: Topics = Topics(), truncated: bool = False) -> tuple[list[Clip], Counter]:  # noqa: B008
    """Its episodes, and what became of the observations."""
    out = bag.with_name("dataset")
    counts = convert(bag, out, survey(bag, truncated), topics, truncated=truncated)
    reader = LeRobotReader(out)
    return [reader.read(index) for index in range(len(reader))], counts


def refused(bag: Path, topics: Topics = Topics()) -> str:  # noqa: B008
    """What is said of it; nothing is left behind."""
    with pytest.raises(DataError) as caught:
        convert(bag, bag.with_name("dataset"), survey(bag), topics)
    assert [path.name for path in bag.parent.iterdir()] == [bag.name]
    return str(caught.value)


def test_actions_are_what_the_arm_was_told(tmp_path: Path) -> None:
    story = Story(tmp_path / "bag.mcap")
    expected = []
    for _ in range(8):
        expected.append(story.action())
        story.robot(1)
    [clip], counts = converted(story.done())
    assert (len(clip), counts["episodes"], counts["observations"]) == (8, 1, 8)
    # The first trajectory begins at rest, as the arm does; from the second on it goes on at the same speed.
    np.testing.assert_allclose(clip.actions[1:-1], expected[1:-1], atol=1e-3)
    assert np.abs(clip.actions[1:-1, :3]).max() > 0.1
    np.testing.assert_array_equal(clip.actions[-1], [0, 0, 0, 1])
    np.testing.assert_allclose(clip.proprio[:, 0], 0.01 * np.arange(8), atol=1e-6)
    np.testing.assert_allclose(clip.signals["disturbance"], 0.1 * np.arange(8), atol=1e-6)
    assert clip.signal_kinds == {"disturbance": "regression", "woken": "event"}
    reader = LeRobotReader(tmp_path / "dataset")
    assert (reader.fps, reader.provenance["task"], reader.provenance["bag"]) == (5, "dog-on-jacket", "bag.mcap")


def test_an_episode_ends_where_the_info_says_so(tmp_path: Path) -> None:
    story = Story(tmp_path / "bag.mcap").robot(5)
    story.robot(1, finished="true", woken="true").robot(3, finished="true")
    story.step, story.q_rad = 0, START_RAD.copy()  # put back
    story.robot(4)
    clips, counts = converted(story.done())
    assert [len(clip) for clip in clips] == [6, 4]
    assert counts["after the end"] == 3
    assert [clip.signals["woken"].max() for clip in clips] == [1, 0]
    assert np.abs(clips[1].actions).max() <= 1, "nothing of the way back"


def test_a_robot_that_waits_is_no_part_of_the_episode(tmp_path: Path) -> None:
    story = Story(tmp_path / "bag.mcap").robot(4, time_s=0.0)
    [clip], counts = converted(story.robot(3).done())
    assert (len(clip), counts["before the start"]) == (4, 3)


def test_a_missing_observation_parts_two_episodes(tmp_path: Path) -> None:
    story = Story(tmp_path / "bag.mcap", leave_out=("sim/info",)).robot(4)
    story.now_ns += 170_000_000
    clips, counts = converted(story.robot(3).done())
    assert [len(clip) for clip in clips] == [4, 3]
    assert counts["gaps"] == 1
    assert all(not clip.signals for clip in clips)


def test_without_info_an_arm_that_leaps_was_put_elsewhere(tmp_path: Path) -> None:
    story = Story(tmp_path / "bag.mcap", leave_out=("sim/info",)).robot(4)
    story.q_rad = START_RAD + 0.5
    clips, counts = converted(story.robot(3).done())
    assert [len(clip) for clip in clips] == [4, 3]
    assert counts["strays"] == 1


@pytest.mark.parametrize("leave_out", [(), ("sim/info",)], ids=["informed", "uninformed"])
@pytest.mark.parametrize("leap_rad", [0.2, 0.5])  # what the arm was told to do, ends nearer and further than that
@pytest.mark.parametrize("joints_last", [False, True])
def test_the_first_observation_after_a_reset_stays(
    tmp_path: Path, joints_last: bool, leap_rad: float, leave_out: tuple
) -> None:
    """In whichever order the messages of its stamp come: all of the second episode is there, and one stray at most."""
    story = Story(tmp_path / "bag.mcap", leave_out=leave_out).robot(4)
    story.step, story.q_rad = 0, story.q_rad + leap_rad
    story.observe(joints_last=joints_last)
    story.tell()
    for _ in range(9):
        story.now_ns += 20_000_000
        story.q_rad[0] += 0.3 * 0.02
        story.feel()
    story.now_ns += 20_000_000
    story.q_rad[0] += 0.3 * 0.02
    clips, counts = converted(story.robot(3).done())
    assert [len(clip) for clip in clips] == [4, 4]
    assert counts["strays"] == 1
    assert "alone" not in counts


def test_a_clock_that_begins_anew_is_a_reset(tmp_path: Path) -> None:
    story = Story(tmp_path / "bag.mcap")
    story.now_ns = 0
    story.robot(4)
    story.now_ns, story.step, story.q_rad = 0, 0, START_RAD.copy()
    clips, _ = converted(story.robot(3).done())
    assert [len(clip) for clip in clips] == [4, 3]


def test_a_robot_that_is_reset_before_it_has_begun(tmp_path: Path) -> None:
    """The same layout again, and nothing has moved: the clock alone tells of it."""
    story = Story(tmp_path / "bag.mcap")
    story.now_ns = 0
    story.robot(2, time_s=0.0)
    story.now_ns, story.step, story.q_rad = 0, 0, START_RAD.copy()
    clips, _ = converted(story.robot(3).done())
    assert [len(clip) for clip in clips] == [3]


def test_a_robot_in_a_namespace(tmp_path: Path) -> None:
    bag = Story(tmp_path / "bag.mcap", namespace="/left").robot(4).done()
    assert "no topic /camera/image_raw; the bag holds /left/camera/image_raw" in refused(bag)
    [clip], _ = converted(bag, Topics(namespace="left"))
    assert len(clip) == 4


@pytest.mark.parametrize("topic", ["camera/image_raw", "proprio", "joint_states", "joint_trajectory"])
def test_a_topic_that_is_not_there_is_named(tmp_path: Path, topic: str) -> None:
    assert f"no topic /{topic}" in refused(Story(tmp_path / "bag.mcap", leave_out=(topic,)).robot(3).done())


def test_what_makes_no_sense_is_named(tmp_path: Path) -> None:
    """With the topic and the time, and nothing is left behind."""

    def story(name: str) -> Story:
        (tmp_path / name).mkdir()
        return Story(tmp_path / name / "bag.mcap").robot(3)

    smaller = story("size")
    smaller.observe(size=8)
    assert "/camera/image_raw, 1700000000.600 s: the image changes from 16 x 16 to 8 x 8" in refused(smaller.done())
    back = story("back")
    back.observe(stamp_ns=back.now_ns - 500_000_000)
    assert "stamps go backwards, to 1700000000.100 s" in refused(back.robot(2).done())
    clock = story("clock")
    clock.observe(stamp_ns=3 * 10**9)
    assert "another clock" in refused(clock.done())
    names = story("names")
    names.say("proprio", names.named(("a", "b"), np.zeros(2), names.now_ns))
    assert "what is felt changes its names" in refused(names.done())
    joints = story("joints")
    joints.say("joint_states", joints.named(("joint1",), np.zeros(1), joints.now_ns))
    assert "joint_states lack joint2" in refused(joints.done())
    encoding = story("encoding")
    encoding.say("camera/image_raw", encoding.image(np.zeros((16, 16, 3), np.uint8), encoding.now_ns, "bgr8"))
    assert "expected rgb8" in refused(encoding.done())
    few = Story(tmp_path / "few.mcap", leave_out=("sim/info",)).robot(1).done()
    with pytest.raises(DataError, match=r"no two observations 0\.2 s apart"):
        converted(few)
    assert not (tmp_path / "dataset").exists()


def test_a_topic_of_another_type_is_named(tmp_path: Path) -> None:
    bag = Story(tmp_path / "bag.mcap").robot(3).done()
    said = refused(bag, Topics(image="proprio"))
    assert said == "topic /proprio is sensor_msgs/msg/JointState, not sensor_msgs/msg/Image; give --topics.image"
    assert refused(bag, Topics(joints="proprio")) == "topic /proprio is given twice; give --topics.proprio"


def test_a_message_that_is_damaged_is_named(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag.mcap")
    bag.write(Raw("/proprio", "sensor_msgs/msg/JointState", b"\0\1\0\0abc", 0, 0))
    bag.close()
    with pytest.raises(DataError, match="a message on /proprio is damaged"):
        list(read(tmp_path / "bag.mcap", {"/proprio"}))


def test_a_bag_that_breaks_off_gives_what_was_flushed(tmp_path: Path) -> None:
    """Cut anywhere: an error that says so, and with `truncated` all that came before, never a wrong message."""
    path, sizes = tmp_path / "bag.mcap", []
    with BagWriter(path) as bag:
        for index in range(5):
            bag.write(Raw("/proprio", "sensor_msgs/msg/JointState", bytes([index]) * 100, index, index))
            bag.flush()
            sizes.append(bag.bytes)
    whole = path.read_bytes()
    broken = tmp_path / "broken.mcap.partial"
    for length in [*range(0, len(whole) - 1, 13), len(whole) - 1]:
        broken.write_bytes(whole[:length])
        with pytest.raises(DataError, match="breaks off after"):
            survey(broken)
        held = [heard.log_ns for heard in read_raw(broken, truncated=True)]
        assert held[: sum(size <= length for size in sizes)] == list(range(sum(size <= length for size in sizes)))
    assert len(list(read_raw(path))) == 5


def test_a_damaged_bag_is_an_error_and_never_a_wrong_message(tmp_path: Path) -> None:
    whole = Story(tmp_path / "bag.mcap").robot(3).done().read_bytes()
    right = [heard.data for heard in read_raw(tmp_path / "bag.mcap")]
    for place in np.random.default_rng(0).integers(0, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "damaged.mcap").write_bytes(damaged)
        try:
            held = [heard.data for heard in read_raw(tmp_path / "damaged.mcap")]
        except DataError:
            continue
        assert held == right, f"byte {place}"


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mcap").write_text("this is no bag, but a text that is long enough to be one")
    with pytest.raises(DataError, match="not an MCAP file"):
        survey(tmp_path / "text.mcap")
    with pytest.raises(DataError, match="there is no such bag"):
        survey(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=r"no \.mcap file in this folder; give"):
        survey(tmp_path / "folder")
    (tmp_path / "folder" / "record.mcap.partial").touch()
    with pytest.raises(DataError, match=r"only record\.mcap\.partial, of a killed recorder: name the file"):
        survey(tmp_path / "folder")


def test_others_read_the_bag(tmp_path: Path) -> None:
    """rosbags has a reader of its own, which needs the index at the end and checks every length."""
    from rosbags.highlevel import AnyReader

    bag = Story(tmp_path / "bag.mcap").robot(3).done()
    with AnyReader([bag]) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
        kinds = {connection.topic: connection.msgtype for connection in reader.connections}
        assert sum(1 for _ in reader.messages()) == sum(counts.values())
    ours = survey(bag)
    assert counts == {name: topic.count for name, topic in ours.items()}
    assert kinds == {name: topic.kind for name, topic in ours.items()}


def test_by_the_command_line_without_a_ros(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    bag = Story(tmp_path / "bag.mcap").robot(6).done()
    out, result = tmp_path / "dataset", tmp_path / "result.json"
    blocked = ("rclpy", "sensor_msgs", "builtin_interfaces", "trajectory_msgs", "diagnostic_msgs")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); from rehearse.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "data", "from-bag", str(bag), str(out), "--json", str(result)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    said = json.loads(result.read_text())
    assert (said["episodes"], said["frames"]) == (1, 6)
    assert main(["data", "check", str(out)]) == 0
    assert main(["data", "from-bag", str(bag), str(out)]) == 2
    assert "already exists" in capsys.readouterr().err
    bag.write_bytes(bag.read_bytes()[:-50])
    assert main(["data", "from-bag", str(bag), str(tmp_path / "again")]) == 2
    assert "--truncated" in capsys.readouterr().err
    assert main(["data", "from-bag", str(bag), str(tmp_path / "again"), "--truncated"]) == 0


def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    bag = Story(tmp_path / "bag.mcap").robot(3).done()
    monkeypatch.setitem(sys.modules, "mcap.stream_reader", None)
    assert main(["data", "from-bag", str(bag), str(tmp_path / "dataset")]) == 2
    assert "bags need mcap and rosbags: pip install 'rehearse[bag]'" in capsys.readouterr().err
