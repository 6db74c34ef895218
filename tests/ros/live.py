"""Nodes as processes, and a probe that talks to them over DDS. Waits for what it wants, never for a time.

nodes.start("sim_node", layout=3); probe.listen("/sim/info", DiagnosticArray); probe.until(lambda: ..., "the info")
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

from tests.house.tree import ROOT

NOTHING: Mapping[str, str] = MappingProxyType({})
LIMIT_S = 240.0  # for what takes two seconds on an idle machine, and a minute on one that is busy with other things
PATIENCE_S = 3.0  # before a service is asked again


def take_domain() -> tuple[int, socket.socket]:
    """A free ROS domain; the bound socket holds it for as long as it is open, so parallel runs never meet."""
    for domain in range(1, 101):
        lock = socket.socket()
        try:
            lock.bind(("127.0.0.1", 23000 + domain))
            return domain, lock
        except OSError:
            lock.close()
    raise RuntimeError("no free ROS domain between 1 and 100")


@contextmanager
def own_domain(logs: Path) -> Iterator[None]:
    """What nodes, here and in processes, find in their environment: a ROS domain of their own, on this machine."""
    domain, lock = take_domain()
    environment = {
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_PYTHON_CHECK_FIELDS": "1",
        "ROS_LOG_DIR": str(logs),
        "FASTDDS_DEFAULT_PROFILES_FILE": str(ROOT / "config" / "fastdds.xml"),
        "AMENT_PREFIX_PATH": os.environ.get("AMENT_PREFIX_PATH", sys.prefix),
    }
    with lock, mock.patch.dict(os.environ, environment):
        yield


class Nodes:
    """The executables that pip or colcon installed, started as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, []

    def start(self, executable: str, remap: Mapping[str, str] = NOTHING, **parameters: Any) -> subprocess.Popen:
        """Start one with parameters, and topics under other names; its output goes to <executable>.log."""
        said = ros_args(remap, parameters)
        return self.run([str(Path(sys.executable).with_name(executable)), *said], executable)

    def run(self, command: list[str], name: str, **more: Any) -> subprocess.Popen:
        """Start any command."""
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **more)
        self.running.append(process)
        return process

    def output(self, name: str) -> str:
        """What it wrote so far."""
        return (self.folder / f"{name}.log").read_text()

    def last_words(self, lines: int = 20) -> str:
        """The end of what each of them wrote."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n" + "\n".join(log.read_text().splitlines()[-lines:]) for log in logs)

    def end(self, process: subprocess.Popen, signal_number: int) -> int:
        """Ask it to stop; its exit code."""
        self.running.remove(process)
        process.send_signal(signal_number)
        try:
            return process.wait(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    def kill(self, process: subprocess.Popen) -> None:
        """As `kill -9` does."""
        self.running.remove(process)
        process.kill()
        process.wait()

    def close(self, show: bool = True) -> None:
        """End whatever is left; by force only what does not listen, since that leaves shared memory behind.

        ``show``: print what they wrote, for whoever reads of a test that failed.
        """
        for process in self.running:
            process.send_signal(signal.SIGINT)
        for process in self.running:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for log in sorted(self.folder.glob("*.log")) if show else ():
            print(f"--- {log.stem}\n{log.read_text()}")


def ros_args(remap: Mapping[str, str], parameters: Mapping[str, Any]) -> list[str]:
    """As an executable wants them."""
    said = [word for name, value in parameters.items() for word in ("-p", f"{name}:={as_yaml(value)}")]
    said += [word for ours, theirs in remap.items() for word in ("-r", f"{ours}:={theirs}")]
    return ["--ros-args", *said]


def as_yaml(value: Any) -> str:
    """As `ros2 run ... -p name:=value` wants it."""
    return str(value).lower() if isinstance(value, bool) else f"'{value}'" if isinstance(value, Path) else str(value)


class Probe:
    """One node with a context of its own, spun by whoever waits. Waiting is over when one of ``nodes`` is dead."""

    def __init__(self, nodes: Nodes, use_sim_time: bool = False) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.parameter import Parameter

        self._nodes, self._clients = nodes, {}
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        sim_time = Parameter("use_sim_time", value=use_sim_time)
        self.node = rclpy.create_node("probe", context=self.context, parameter_overrides=[sim_time])
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)

    def close(self) -> None:
        """Leave the domain."""
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.shutdown()

    def listen(self, topic: str, kind: type, qos: Any = 50) -> list:
        """The messages on a topic; the list grows while something is waited for."""
        received: list = []
        self.node.create_subscription(kind, topic, received.append, qos)
        return received

    def talk(self, topic: str, kind: type) -> Any:
        """A publisher that somebody listens to."""
        publisher = self.node.create_publisher(kind, topic, 1)
        self.until(publisher.get_subscription_count, f"a subscriber to {topic}")
        return publisher

    def call(self, service: str, kind: Any = None, request: Any = None) -> Any:
        """Call a service, std_srvs/Trigger unless said otherwise, as often as it takes.

        A server that does not know the client yet does what it is asked and cannot reply; it only happens before the
        client's first reply.
        """
        from std_srvs.srv import Trigger

        kind = kind or Trigger
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
        client = self._clients[service]
        self.until(client.service_is_ready, f"the service {service}")
        futures: list = []
        asked_s = float("-inf")

        def replied() -> bool:
            nonlocal asked_s
            if time.monotonic() - asked_s > PATIENCE_S:
                asked_s = time.monotonic()
                futures.append(client.call_async(request or kind.Request()))
            return any(future.done() for future in futures)

        self.until(replied, f"a reply of {service}")
        return next(future.result() for future in futures if future.done())

    def change_state(self, node: str, transition: int) -> bool:
        """Ask a lifecycle node for a transition, once; whether it took place."""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        client = self._lifecycle(node)
        future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        self.until(future.done, f"a reply of {node} to transition {transition}")
        return future.result().success

    def _lifecycle(self, node: str) -> Any:
        """A client that the node knows: one that it does not gets its wish and no reply, and a wish is not repeated."""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        service = f"{node}/change_state"
        if service not in self._clients:
            nothing = ChangeState.Request(transition=Transition(label="no such transition"))
            assert not self.call(service, ChangeState, nothing).success
        return self._clients[service]

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Spin until it is true."""
        limit = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < limit, f"waited {LIMIT_S:.0f} s for {what}"
            dead = [process.args for process in self._nodes.running if process.poll() is not None]
            assert not dead, f"while waiting for {what}, this ended: {dead}"
            self._executor.spin_once(timeout_sec=0.05)


class GoalClient:
    """Gives goals by action."""

    def __init__(self, probe: Probe, action: Any) -> None:
        from rclpy.action import ActionClient

        self.probe, self.action, self.feedback = probe, action, []
        self.client = ActionClient(probe.node, action, "/planner/plan_to_goal")
        self.probe.until(self.client.server_is_ready, "the action")

    def ask(self, **goal: Any) -> Any:
        """A handle, which says whether it was accepted."""
        heard = lambda message: self.feedback.append(message.feedback)  # noqa: E731
        return self.wait(self.client.send_goal_async(self.action.Goal(**goal), feedback_callback=heard))

    def wait(self, future: Any) -> Any:
        """What comes of it."""
        self.probe.until(future.done, "an answer of the action")
        return future.result()


def values(message: Any) -> dict[str, str]:
    """The key-value pairs of a DiagnosticArray with one status."""
    [status] = message.status
    return pairs(status)


def pairs(status: Any) -> dict[str, str]:
    """The key-value pairs of a DiagnosticStatus."""
    return {pair.key: pair.value for pair in status.values}


def distinct(messages: list) -> list:
    """Each observation once: repeats carry the same stamp."""
    stamps: list = []
    return [m for m in messages if m.header.stamp not in stamps and not stamps.append(m.header.stamp)]


def nanoseconds(message: Any) -> int:
    """Its stamp."""
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
