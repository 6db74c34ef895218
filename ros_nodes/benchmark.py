"""Whether a planner is fast enough for the robot, found out before the robot moves. Knows no ROS.

    pace = measure(agent, observation, hold, plans=20, enough_s=6.0)       # Pace(plans=20, median_s=0.18, p99_s=0.22)

What is timed is what happens while planning: an observation handed to a planning thread, until its decision is back.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from rehearse.ros_nodes.codes import Code, Fault
from rehearse.ros_nodes.planning import Agent, Observed, PlanningThread


@dataclass(frozen=True)
class Pace:
    """How long a decision took: the median, and the 99th percentile, which is the slowest of 100 plans or fewer."""

    plans: int
    median_s: float
    p99_s: float

    def check(self, allowed_s: float, futures: int) -> None:
        """Raise Fault, too slow, where the 99th percentile is above what is allowed."""
        if self.p99_s > allowed_s:
            raise Fault(
                Code.TOO_SLOW,
                f"too slow: a decision takes {1e3 * self.p99_s:.0f} ms (99th percentile of {self.plans} plans, median "
                f"{1e3 * self.median_s:.0f} ms), {1e3 * allowed_s:.0f} ms are allowed; "
                f"set fewer futures than {futures}",
            )


def measure(
    agent: Agent, observation: Mapping[str, np.ndarray], action: np.ndarray, plans: int, enough_s: float
) -> Pace:
    """Decide that often about one observation, with one action (A,) under way; an agent's error is raised.

    No more is tried once all took ``enough_s`` together. The first decision, which warms up, does not count, unless
    it took so long that it is the only one.
    """
    decided: SimpleQueue = SimpleQueue()
    thread = PlanningThread(agent, 0, decided.put)
    took_s: list[float] = []
    try:
        while len(took_s) <= plans and sum(took_s) < enough_s:
            led = action if took_s else None
            began_s = time.perf_counter()
            thread.submit(Observed(len(took_s), 0, dict(observation), led, (action,)))
            decision = decided.get()
            took_s.append(time.perf_counter() - began_s)
            if decision.error is not None:
                raise decision.error
    finally:
        thread.close()
    counted = took_s[1:] or took_s
    return Pace(len(counted), float(np.median(counted)), float(np.quantile(counted, 0.99, method="higher")))
