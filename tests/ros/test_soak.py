"""What `benchmarks/ros.py` reckons from what it heard, and its hour of jackets, for a moment, on real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.over_ros.heard import Decided, Heard, Loss
from benchmarks.over_ros.processes import Watch, growth
from tests.house.tree import ROOT

SOAK = [sys.executable, str(ROOT / "benchmarks" / "ros.py"), "soak", "--pace", "0.15", "--futures", "24"]


def test_a_decision_answers_what_was_seen_when_it_began() -> None:
    heard = Heard(images=[(10.0, 10.01), (10.2, 10.21)], joints=[0.0, 0.02, 0.04], told=[10.075, 10.29])
    heard.commands = [10.07, 10.28, 10.5]  # the last one is the word that brakes: no decision told of it
    heard.decided = [Decided(10.071, 1, 1, 0.05, late=False), Decided(10.281, 1, 2, 0.05, late=False)]
    figures = heard.figures()
    assert figures["image_to_command_ms"]["p50"] == pytest.approx(75, abs=0.1)  # 70 and 80
    assert figures["command_period_ms"]["p50"] == pytest.approx(210, abs=0.1)
    assert (figures["command_to_arm_ms"]["p50"], figures["command_to_arm_ms"]["n"]) == (7.5, 2)
    assert (figures["decisions"], figures["late"], figures["commands_per_s"]) == (2, 0.0, 4.76)


def test_a_late_decision_has_no_command_and_goals_are_told_apart() -> None:
    heard = Heard(commands=[1.0, 9.0])
    heard.decided = [
        Decided(1.01, 1, 1, 0.1, late=False),
        Decided(1.4, 1, 2, 0.4, late=True),
        Decided(9.01, 2, 1, 0.1, late=False),
    ]
    figures = heard.figures()
    assert figures["late"] == pytest.approx(1 / 3, abs=1e-3)
    assert figures["command_period_ms"] is None
    assert figures["image_to_command_ms"] is None  # no image was heard


def test_nothing_heard_is_nothing_told() -> None:
    assert Heard().figures()["planning_ms"] is None


def test_lost_messages_are_counted_by_their_stamps() -> None:
    loss = Loss(0.02)
    for stamp_s in (0.02, 0.04, 0.10, 0.12, 0.02, 0.04):  # 0.06 and 0.08 are missing; then the robot is reset
        loss.hear(stamp_s)
    assert (loss.came, loss.lost, loss.sent) == (6, 2, 8)


def test_growth_has_an_interval_that_holds_the_truth() -> None:
    hours, noise = np.linspace(0, 1, 300), np.random.default_rng(0).normal(0, 0.5, 300)
    grows, stays = growth(hours, 100 + 3 * hours + noise), growth(hours, 100 + noise)
    assert 0 < grows["low"] < 3 < grows["high"]
    assert stays["low"] < 0 < stays["high"]
    assert growth([0, 1], [1, 2]) is None


def test_a_process_is_watched() -> None:
    idle = [sys.executable, "-c", "print('here', flush=True); input()"]
    process = subprocess.Popen(idle, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    try:
        watch = Watch({"idle": process.pid})
        for at_s in (0.0, 10.0, 20.0):
            watch.sample(at_s)
        told = watch.summary("idle", warm_s=10.0)
    finally:
        process.communicate(b"\n")
    assert [row["at_s"] for row in watch.rows] == [0.0, 10.0, 20.0]
    assert told["rss_warm_mib"] > 1
    assert told["files_end"] >= 3
    assert told["cpu_most"] < 1
    assert told["rss_mib_per_h"] is None  # of two samples


@pytest.mark.ros
def test_a_moment_of_the_hour(tmp_path: Path) -> None:
    pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")
    out = tmp_path / "soak.json"
    more = ["--minutes", "0.3", "--stops-per-minute", "60", "--sample-s", "2", "--bags", str(tmp_path / "bags")]
    ended = subprocess.run([*SOAK, *more, "--json", str(out)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(out.read_text())
    stops = report["stops"]
    assert report["over"]
    assert stops
    assert all(stop["held"] and 0 <= stop["rest_s"] <= stop["bound_s"] for stop in stops), stops
    assert set(report["processes"]) == {"guard", "recorder", "planner", "sim"} == set(report["exit_codes"])
    assert all(took["rss_end_mib"] > 10 for took in report["processes"].values())
    assert report["lost"]["joint_states"]["sent"] > 100
    assert sum(row["stops"] for row in report["episodes"]) == len(stops)
    if any(stop["kind"] == "stop" for stop in stops):
        assert list((tmp_path / "bags").glob("stop_*.mcap"))


@pytest.mark.ros
def test_a_process_that_dies_is_told(tmp_path: Path) -> None:
    pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")
    out = tmp_path / "soak.json"
    soak = subprocess.Popen([*SOAK, "--minutes", "10", "--json", str(out)], stdout=subprocess.PIPE, text=True)
    while not out.exists():
        assert soak.poll() is None, soak.communicate()[0]
        time.sleep(0.2)
    os.kill(child(soak.pid, "guard_node"), signal.SIGKILL)
    said, _ = soak.communicate()
    report = json.loads(out.read_text())
    assert soak.returncode == 1, said
    assert report["over"]
    assert not report["held"]
    assert "guard_node" in report["failed"]


def child(parent: int, executable: str) -> int:
    """The process that was started by that one."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parts = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(parts[1]) == parent and executable in (entry / "cmdline").read_text():
                return int(entry.name)
        except OSError:  # it ended meanwhile
            continue
    raise AssertionError(f"{parent} has no child {executable}")
