"""Give the planner a goal and see how it ends. Knows rclpy and standard messages, and nothing of rehearse.

    python3 give_goal.py reach                        # or home, stop, or '{"kind": "reach", "time_limit_s": 20}'
    python3 give_goal.py home --planner /left/planner

Ctrl-C stops the robot. Exit codes: 0 reached, 1 ended otherwise, 2 refused, or no planner there.
"""

import argparse
import sys
import time

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String
from std_srvs.srv import Trigger

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # heard also by who comes later
PATIENCE_S = 10.0


class Client(Node):
    """Sends goals, hears the status."""

    def __init__(self, planner: str) -> None:
        super().__init__("give_goal")
        self.status: dict[str, str] = {}
        self._goals = self.create_publisher(String, f"{planner}/goal", LATCHED)
        self._stop = self.create_client(Trigger, f"{planner}/stop")
        self.create_subscription(DiagnosticArray, f"{planner}/status", self._on_status, 10)

    def _on_status(self, message: DiagnosticArray) -> None:
        self.status = {pair.key: pair.value for pair in message.status[0].values}

    def wait(self, condition, seconds: float = float("inf")) -> bool:
        """Spin until it is true, or for so long; whether it is."""
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            rclpy.spin_once(self, timeout_sec=0.1)
        return condition()

    def give(self, goal: str) -> int:
        """Give a goal, wait for its end; the exit code."""
        if not self.wait(lambda: self.status, PATIENCE_S):
            print("no planner is heard", file=sys.stderr)
            return 2
        before = self.count()
        self._goals.publish(String(data=goal))
        if not self.wait(lambda: self.count() != before, PATIENCE_S):
            print("the planner does not take notice", file=sys.stderr)
            return 2
        if self.count()[1] != before[1]:
            print(f"refused: {self.status['refused']}", file=sys.stderr)
            return 2
        print(f"{self.status['goal']} ...", flush=True)
        return self.end()

    def count(self) -> tuple[str, str]:
        """How many goals the planner has taken, and how many refused."""
        return self.status.get("goal_number", "0"), self.status.get("refusals", "0")

    def end(self) -> int:
        """Wait for the end."""
        number = self.status["goal_number"]
        self.wait(lambda: self.status["goal_number"] != number or self.status["outcome"] != "running")
        if self.status["goal_number"] != number:
            print("somebody else gave another goal")
            return 1
        print(f"{self.status['outcome']}: {self.status['outcome_message']}")
        return 0 if self.status["outcome"] == "reached" else 1

    def stop(self) -> None:
        """Bring the robot to rest."""
        future = self._stop.call_async(Trigger.Request())
        self.wait(future.done, PATIENCE_S)


def main() -> int:
    parser = argparse.ArgumentParser(description="Give the planner a goal and see how it ends.")
    parser.add_argument("goal", help="reach, home, stop, or a little JSON")
    parser.add_argument("--planner", default="/planner", help="the planner's name, with its namespace")
    given = parser.parse_args()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # Ctrl-C has something to do first
    client = Client(given.planner)
    try:
        return client.give(given.goal)
    except KeyboardInterrupt:
        client.stop()
        return client.end() if "goal_number" in client.status else 1
    finally:
        client.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    sys.exit(main())
