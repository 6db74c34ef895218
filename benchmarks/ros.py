"""The dog and the jacket over ROS 2: does it succeed as it does in one process, and how long does everything take?

    python benchmarks/ros.py fetch --episodes 30 --json benchmarks/results/ros-fetch.json     # in .venv-ros
    python benchmarks/ros.py camera --minutes 2 --json benchmarks/results/ros-camera.json

``fetch`` runs sim_node, guard_node and planner_node as processes, layout after layout, and then the same layouts in
this process with actions that come a control period late, which is what the nodes have to live with. Latency is that
from the stamp of the image that a decision answers to the arrival of what it led to, as a fourth process hears it.
``camera`` counts the frames of 640 x 480 at 30 Hz that reach another process, with and without the Fast DDS profile.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from rehearse.commands.base import about, progress_bar
from rehearse.files import atomic_write
from rehearse.sim.episode import wilson
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from tests.faults.rig import seconds
from tests.ros.live import Nodes, Probe, own_domain, pairs, values

PERCENTILES = (50, 95, 99)


@dataclass
class Fetch:
    """Fetch jackets over ROS, and in this process, from the same layouts."""

    episodes: int = 30
    """Layouts."""
    seed: int = 50
    """Of the layouts."""
    futures: int = 512
    """That a decision imagines."""
    deadline_s: float = 10.0
    """Robot time after which an episode is given up as failed; it lasts six seconds."""
    pace: float = 1.0
    """Robot seconds per second. Below 1, for machines that are too slow or too busy, all go by the robot's /clock."""
    record: Path | None = None
    """A folder for a bag of it all, by recorder_node."""
    json: Path = Path("out/ros-fetch.json")
    """Where rows and figures go."""

    def run(self) -> None:
        """Over ROS, then here; the table of both."""
        layouts = [self.seed * LAYOUTS_PER_SEED + i for i in range(self.episodes)]
        with tempfile.TemporaryDirectory() as folder, own_domain(Path(folder) / "ros"):
            over_ros = _OverRos(Path(folder), self.futures, self.pace, self.record)
            try:
                rows, figures = over_ros.run(layouts, self.deadline_s / self.pace)
            finally:
                over_ros.close()
        rows += _in_process(self.seed, self.episodes, self.futures)
        report = {"rows": rows, "figures": figures, "about": about(seed=self.seed, futures=self.futures)}
        _write(self.json, report)
        Console().print(_rates(rows))
        Console().print(_figures(figures))


@dataclass
class Heard:
    """When, by the wall's clock, what arrived, s. ``images``: with their stamps. ``answers``: commands that a decision
    of the planner led to, with the time that it took; a command to hold still is none.
    """

    images: list[tuple[float, float]] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    joints: list[float] = field(default_factory=list)
    answers: list[tuple[float, float]] = field(default_factory=list)
    planned_ms: list[float] = field(default_factory=list)
    late: list[bool] = field(default_factory=list)


class _OverRos:
    """Three nodes as processes, and one that listens and gives orders."""

    def __init__(self, folder: Path, futures: int, pace: float, record: Path | None) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
        from sensor_msgs.msg import Image, JointState
        from trajectory_msgs.msg import JointTrajectory

        self.nodes, self.pace = Nodes(folder), pace
        clock = {"use_sim_time": pace != 1}
        # What goes by the wall's clock must not hurry a robot that is slowed down.
        unhurried = {"benchmark_plans": 0, "image_timeout_s": 3.0} if pace != 1 else {}
        patient = {"joint_timeout_s": 3.0, "command_timeout_s": 3.0} if pace != 1 else {}
        self.probe, self.heard = Probe(self.nodes), Heard()
        heard, listen = self.heard, self.probe.node.create_subscription
        now = time.time
        listen(Image, "/camera/image_raw", lambda m: heard.images.append((seconds(m), now())), qos_profile_sensor_data)
        listen(JointTrajectory, "/guard/command", lambda m: heard.commands.append(now()), 50)
        listen(JointTrajectory, "/joint_trajectory", lambda m: heard.told.append(now()), 50)
        listen(JointState, "/joint_states", lambda m: heard.joints.append(now()), 50)
        listen(DiagnosticArray, "/planner/status", self._decided, 50)
        latched = QoSProfile(depth=50, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.info = self.probe.listen("/sim/info", DiagnosticArray, latched)
        self.status = self.probe.listen("/planner/status", DiagnosticArray)
        self._decisions = 0
        self.processes = {"guard": self.nodes.start("guard_node", deadman=False, **self._urdf(), **patient, **clock)}
        if record is not None:
            self.processes["recorder"] = self.nodes.start("recorder_node", folder=record.resolve(), **clock)
        planner = {"begin_at_once": False, "futures": futures, **unhurried, **clock}
        self.processes["planner"] = self.nodes.start("planner_node", **planner)
        self.probe.until(self._ready, "the planner")

    def _ready(self) -> bool:
        """Whether the planner is active; it says itself why it is not to be."""
        code = values(self.status[-1])["code"] if self.status else "unconfigured"
        assert code not in ("too_slow", "no_model"), self.status[-1].status[0].message
        return code not in ("unconfigured", "inactive")

    def _urdf(self) -> dict[str, Any]:
        return {"urdf_file": Path(__file__).resolve().parents[1] / "config" / "arm7.urdf"}

    def _decided(self, message: Any) -> None:
        said = values(message)
        if int(said["decisions"]) > self._decisions:
            planned_ms, sent = float(said["milliseconds"]), self.heard.commands
            self.heard.planned_ms.append(planned_ms)
            # The planner sends, and then says so; a late decision is said and not sent.
            if sent and sent[-1] not in {at for at, _ in self.heard.answers[-1:]}:
                self.heard.answers.append((sent[-1], 1e-3 * planned_ms))
            self.heard.late.append(said["code"] == "late")
        self._decisions = int(said["decisions"])

    def run(self, layouts: list[int], deadline_s: float) -> tuple[list[dict], dict]:
        """All layouts, one after the other."""
        rows, began_s = [], time.monotonic()
        sim = {"layout": layouts[0], "realtime_factor": self.pace, "publish_clock": self.pace != 1}
        self.processes["sim"] = self.nodes.start("sim_node", **sim)
        self.probe.until(lambda: len(self.heard.joints) > 10, "the robot")
        cpu = {name: _cpu_s(process.pid) for name, process in self.processes.items()}
        with progress_bar(Console(stderr=True)) as bar:
            task = bar.add_task("over ROS", total=len(layouts), text="")
            for layout in layouts:
                rows.append({"where": "ROS", "layout": layout, **self._episode(layout, deadline_s)})
                bar.update(task, advance=1, text=f"{sum(row['success'] for row in rows)} of {len(rows)}")
        took_s = time.monotonic() - began_s
        share = {name: (_cpu_s(process.pid) - cpu[name]) / took_s for name, process in self.processes.items()}
        late = round(float(np.mean(self.heard.late)), 3)  # share of decisions that came too late to be carried out
        figures = {"minutes": round(took_s / 60, 2), "pace": self.pace, "late": late, "cpu_share": share}
        return rows, figures | (_latency(self.heard) if self.pace == 1 else {})

    def _episode(self, layout: int, deadline_s: float) -> dict[str, Any]:
        probe = self.probe
        probe.call("/planner/stop")
        self._lay_out(layout)
        probe.until(lambda: probe.call("/guard/reset").success, "the guard to be reset")
        self._decisions, began_s = 0, time.monotonic()
        probe.call("/planner/start")
        probe.until(lambda: self._decisions, "the first decision")

        def over() -> bool:
            stopped = values(self.status[-1])["code"] == "stopped"
            return stopped or self._told()["finished"] == "true" or time.monotonic() - began_s > deadline_s

        probe.until(over, "the end of the episode")
        told = self._told()
        succeeded = told["success"] == "true" and told["finished"] == "true"
        why = self.status[-1].status[0].message
        return {"success": succeeded, "woken": told["woken"] == "true", "time_s": float(told["time_s"]), "status": why}

    def _lay_out(self, layout: int) -> None:
        from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
        from rcl_interfaces.srv import SetParameters

        value = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=int(layout))
        request = SetParameters.Request(parameters=[Parameter(name="layout", value=value)])
        reply = self.probe.call("/sim/set_parameters", SetParameters, request)
        assert reply.results[0].successful, reply.results[0].reason
        reply = self.probe.call("/sim/reset")
        assert reply.success, reply.message
        self.info.clear()
        count = len(self.heard.joints)
        self.probe.until(lambda: self.info and len(self.heard.joints) > count + 10, "the robot as it is now")

    def _told(self) -> dict[str, str]:
        return pairs(self.info[-1].status[0])

    def close(self) -> None:
        """End everything."""
        self.probe.close()
        self.nodes.close()


def _latency(heard: Heard) -> dict[str, Any]:
    """From image to command, from command to what the guard lets pass, and how regularly joints are sensed."""
    stamps, arrivals = (np.array(column) for column in zip(*heard.images, strict=True))
    commands, told = np.array(heard.commands), np.array(heard.told)
    sent, took_s = (np.array(column) for column in zip(*heard.answers, strict=True))
    answered = np.searchsorted(stamps, sent - took_s, "right") - 1  # what was newest when planning began
    to_command = (sent - stamps[answered])[answered >= 0]
    passed = np.searchsorted(told, commands, "right")
    guarded = told[passed[passed < len(told)]] - commands[passed < len(told)]
    steps = np.diff(heard.joints)
    return {
        "images": len(stamps),
        "decisions": len(heard.planned_ms),
        "image_to_listener_ms": _spread(arrivals - stamps),
        "planning_ms": _spread(1e-3 * np.array(heard.planned_ms)),
        "image_to_command_ms": _spread(to_command),
        "command_to_arm_ms": _spread(guarded[guarded < 0.2]),
        "joint_state_period_ms": _spread(steps[steps < 0.2]),
    }


def _spread(times_s: np.ndarray) -> dict[str, float]:
    """Percentiles in ms."""
    return {f"p{p}": round(1e3 * float(np.percentile(times_s, p)), 1) for p in PERCENTILES} | {"n": len(times_s)}


def _cpu_s(pid: int) -> float:
    """CPU time that a process has used so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _in_process(seed: int, episodes: int, futures: int) -> list[dict]:
    """The same layouts with actions a control period late, in one process."""
    from rehearse.recorded import default_checkpoint
    from rehearse.sim.evaluate import EvalConfig, evaluate
    from rehearse.sim.tasks import get_task

    method = f"planner-{futures}"
    checkpoint = default_checkpoint(get_task("dog-on-jacket"), (method,))
    config = EvalConfig(
        episodes=episodes, seed=seed, methods=(method,), checkpoint=checkpoint, delay_steps=1, workers=1
    )
    with progress_bar(Console(stderr=True)) as bar:
        task = bar.add_task("in one process", total=episodes, text="")
        report = evaluate(config, lambda episode: bar.update(task, advance=1))
    told = ("layout", "success", "time_s")
    return [{"where": "in process"} | {k: getattr(e, k) for k in told} | {"woken": e.harmed} for e in report.episodes]


def _rates(rows: list[dict]) -> Table:
    table = Table(title="Jackets fetched, the dog asleep: the same layouts")
    for name in ("where", "n", "fetched", "95 %", "woken"):
        table.add_column(name, justify="left" if name == "where" else "right")
    for where in dict.fromkeys(row["where"] for row in rows):
        found = [row for row in rows if row["where"] == where]
        done = sum(row["success"] for row in found)
        low, high = wilson(done, len(found))
        woken = sum(row["woken"] for row in found)
        table.add_row(where, str(len(found)), str(done), f"{100 * low:.0f} to {100 * high:.0f} %", str(woken))
    return table


def _figures(figures: dict[str, Any]) -> Table:
    table = Table(title=f"{figures['minutes']} minutes at {figures['pace']:g} times the robot's pace")
    for name in ("", *(f"p{p}" for p in PERCENTILES)):
        table.add_column(name, justify="right" if name else "left")
    for name, spread in figures.items():
        if name.endswith("_ms"):
            table.add_row(name.replace("_", " "), *(f"{spread[f'p{p}']:.1f}" for p in PERCENTILES))
    table.add_row("decisions that came too late", f"{100 * figures['late']:.1f} %", "", "")
    for name, share in figures["cpu_share"].items():
        table.add_row(f"CPU of {name}_node, share of a core", f"{share:.2f}", "", "")
    return table


# -- a camera --------------------------------------------------------------------------------------------------------


@dataclass
class Camera:
    """Frames of 640 x 480 at 30 Hz from one process to another."""

    minutes: float = 2.0
    """With the profile, and as long again without."""
    json: Path = Path("out/ros-camera.json")
    """Where the figures go."""

    def run(self) -> None:
        """Both, then the table."""
        rows = []
        for profile in (True, False):
            with tempfile.TemporaryDirectory() as folder, own_domain(Path(folder)):
                if not profile:
                    del os.environ["FASTDDS_DEFAULT_PROFILES_FILE"]
                rows.append({"profile": profile, **_listen(60 * self.minutes)})
        _write(self.json, {"rows": rows, "about": about(minutes=self.minutes)})
        table = Table(title="640 x 480, 30 Hz, best effort")
        for name in ("config/fastdds.xml", "sent", "lost", "lost %", "p50", "p95", "p99"):
            table.add_column(name, justify="right")
        for row in rows:
            late = (f"{row['latency_ms'][f'p{p}']:.1f} ms" if row["latency_ms"] else "-" for p in PERCENTILES)
            lost = f"{100 * row['lost'] / row['sent']:.2f}"
            table.add_row("yes" if row["profile"] else "no", str(row["sent"]), str(row["lost"]), lost, *late)
        Console().print(table)


def _listen(seconds_: float) -> dict[str, Any]:
    """Start a camera as a process of its own, and count."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image

    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("listener", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    late: list[float] = []
    # Messages stay as they are: what Python takes to unpack a megabyte is no part of the way.
    node.create_subscription(
        Image, "/camera", lambda raw: late.append(time.time() - _stamp_s(raw)), qos_profile_sensor_data, raw=True
    )
    camera = subprocess.Popen([sys.executable, __file__, "film", "--seconds", str(seconds_)], stdout=subprocess.PIPE)
    while camera.poll() is None:
        executor.spin_once(timeout_sec=0.05)
    sent = int(camera.communicate()[0])
    executor.shutdown()
    node.destroy_node()
    context.shutdown()
    return {"sent": sent, "lost": sent - len(late), "latency_ms": _spread(np.array(late)) if late else None}


def _stamp_s(raw: bytes) -> float:
    """Of a serialized message that begins with a header: after four bytes of encapsulation (OMG DDSI-RTPS 10.2)."""
    second, nanosecond = np.frombuffer(raw[4:12], "<i4,<u4" if raw[1] == 1 else ">i4,>u4")[0]
    return int(second) + 1e-9 * int(nanosecond)


@dataclass
class Film:
    """Be the camera, and print how many frames were sent; started by ``camera``."""

    seconds: float = 10.0
    """How long."""

    def run(self) -> None:
        """At 30 Hz by the wall's clock."""
        import rclpy
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import Image

        from rehearse.ros_nodes.messages import to_image

        rclpy.init()
        node = rclpy.create_node("camera")
        publisher = node.create_publisher(Image, "/camera", qos_profile_sensor_data)
        while not publisher.get_subscription_count():
            time.sleep(0.05)
        pixels = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
        began_s, sent = time.monotonic(), 0
        while (due_s := began_s + sent / 30) < began_s + self.seconds:
            time.sleep(max(0.0, due_s - time.monotonic()))
            publisher.publish(to_image(pixels, node.get_clock().now().to_msg()))
            sent += 1
        time.sleep(0.5)
        print(sent)


def _write(path: Path, report: dict[str, Any]) -> None:
    with atomic_write(path) as target:
        target.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"fetch": Fetch, "camera": Camera, "film": Film}).run()
