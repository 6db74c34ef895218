"""What the recorder keeps, drops and writes, without a ROS."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("mcap", reason="needs mcap and rosbags: pip install 'rehearse[bag]'")
pytest.importorskip("rosbags", reason="needs mcap and rosbags: pip install 'rehearse[bag]'")

from rehearse.errors import ConfigError, DataError
from rehearse.ros_nodes.bag.reader import read_raw
from rehearse.ros_nodes.bag.recording import Recording, Ring, fresh
from rehearse.ros_nodes.bag.writer import BagWriter, Raw
from rehearse.ros_nodes.parameters import RecorderParameters

KIND = "sensor_msgs/msg/JointState"


def raw(number: int, size: int = 100, heard_s: float | None = None) -> Raw:
    """A message that can be told from others."""
    data = number.to_bytes(4, "big") + bytes(size - 4)
    return Raw("/proprio", KIND, data, number, number, time.monotonic() if heard_s is None else heard_s)


def held(bag: Path) -> list[int]:
    """The numbers of the messages in it."""
    return [int.from_bytes(heard.data[:4], "big") for heard in read_raw(bag)]


def until(condition: Callable[[], object]) -> None:
    """Wait for the other thread."""
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


@pytest.fixture
def settings(tmp_path: Path) -> RecorderParameters:
    return RecorderParameters(folder=str(tmp_path / "bags"), free_mb=0.0, flush_s=0.05)


@pytest.fixture
def recording(settings: RecorderParameters) -> Iterator[Recording]:
    recording = Recording(settings)
    yield recording
    recording.close()


def bags(settings: RecorderParameters, pattern: str = "*.mcap") -> list[Path]:
    return sorted(Path(settings.folder).glob(pattern))


def test_everything_in_order_into_one_bag(settings: RecorderParameters, recording: Recording) -> None:
    recording.offer(raw(999))  # not recording yet
    recording.start()
    for number in range(500):
        recording.offer(raw(number))
    recording.stop()
    until(lambda: bags(settings))
    assert held(bags(settings)[0]) == list(range(500))
    assert recording.facts()["messages"] == 500
    recording.start()
    recording.offer(raw(7))
    recording.close()
    assert sorted(map(held, bags(settings)), key=len) == [[7], list(range(500))]
    assert not bags(settings, "*.partial")


def test_a_recording_of_nothing_leaves_nothing(settings: RecorderParameters, recording: Recording) -> None:
    recording.start()
    recording.stop()
    recording.close()
    assert not bags(settings, "*")


def test_the_ring_is_bounded_in_time_and_in_bytes() -> None:
    ring = Ring(span_s=2.0, most_bytes=10_000)
    for number in range(50):
        ring.add(raw(number, heard_s=0.1 * number))
    assert [message.log_ns for message in ring.all()] == list(range(29, 50))
    for number in range(50, 1000):
        ring.add(raw(number, size=800, heard_s=5.0))
        assert ring.bytes <= 10_000
    assert len(ring.all()) == 10
    ring.add(raw(0, size=20_000))
    assert (ring.all(), ring.bytes) == ([], 0)


def test_a_save_holds_the_last_seconds_and_what_follows(settings: RecorderParameters) -> None:
    recording = Recording(replace(settings, mode="ring", ring_s=1.0))
    recording.start()
    began = time.monotonic()
    number = 0

    def on(seconds: float) -> None:
        nonlocal number
        while time.monotonic() < began + seconds:
            recording.offer(raw(number))
            number += 1
            time.sleep(0.005)

    on(1.5)
    at = number
    path = recording.save("stop", after_s=0.4)
    assert recording.save("stop") is None, "one at a time"
    on(3.0)
    until(path.exists)
    numbers = held(path)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert 0 < numbers[0] < at < numbers[-1] < number
    recording.close()
    assert bags(settings, "*") == [path]


def test_a_slow_disk_costs_messages_and_nobodys_time(
    settings: RecorderParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory stays bounded, what is dropped is counted, and whoever offers does not wait."""
    go = threading.Event()
    write = BagWriter.write
    monkeypatch.setattr(BagWriter, "write", lambda self, message: (go.wait(30), write(self, message)))
    recording = Recording(replace(settings, queue_mb=0.1))
    recording.start()
    longest_s = 0.0
    for number in range(1000):
        began = time.perf_counter()
        recording.offer(raw(number, size=1000))
        longest_s = max(longest_s, time.perf_counter() - began)
    facts = recording.facts()
    assert facts["queued_mb"] <= 0.1
    assert 900 < facts["dropped"] < 1000
    assert facts["lost"] == f"/proprio {facts['dropped']}"
    assert longest_s < 5, "a writer that stands still for 30 s holds nobody up"
    go.set()
    recording.close()
    assert held(bags(settings)[0]) == list(range(1000 - facts["dropped"]))


def test_a_message_that_is_too_large_is_counted(settings: RecorderParameters) -> None:
    recording = Recording(replace(settings, message_mb=0.001))
    recording.start()
    recording.offer(raw(1, size=1001))
    recording.offer(raw(2, size=1000))
    assert recording.facts()["too_big"] == 1
    recording.close()
    assert held(bags(settings)[0]) == [2]


def test_a_disk_that_is_all_but_full_ends_the_bag_whole(
    settings: RecorderParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording(replace(settings, free_mb=500.0))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=600_000_000))
    recording.start()
    recording.offer(raw(1))
    until(lambda: recording.written == 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=400_000_000))
    until(lambda: recording.error)
    assert "only 400 MB are left on the disk" in recording.error
    recording.offer(raw(2, size=10_000))
    until(lambda: recording.facts()["queued_mb"] == 0)
    until(lambda: bags(settings))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=600_000_000))
    recording.start()
    recording.offer(raw(3))
    recording.close()
    assert sorted(map(held, bags(settings))) == [[1], [3]]


def test_a_disk_that_refuses_is_reported(settings: RecorderParameters, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    recording = Recording(settings)
    monkeypatch.setattr(BagWriter, "flush", refuse)
    recording.start()
    recording.offer(raw(1))
    until(lambda: recording.error)
    assert "No space left" in recording.error
    assert recording.close() is None, "the thread lives on until it is told to end"


def test_no_bag_is_written_over(tmp_path: Path) -> None:
    taken = fresh(tmp_path, "record")
    taken.touch()
    assert fresh(tmp_path, "record") != taken
    with pytest.raises(DataError, match="already exists"):
        BagWriter(taken)


@pytest.mark.parametrize("wrong", [{"mode": "sometimes"}, {"compression": "zip"}])
def test_words_that_it_does_not_know_are_refused(wrong: dict) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ConfigError, match=f"parameter {name} must be one of .*, not '{value}'"):
        RecorderParameters(**wrong)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
def test_each_compression_can_be_read(tmp_path: Path, compression: str) -> None:
    with BagWriter(tmp_path / "bag.mcap", compression) as bag:
        for number in range(3000):
            bag.write(raw(number, size=1000))
    assert held(tmp_path / "bag.mcap") == list(range(3000))
