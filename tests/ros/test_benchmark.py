"""The self-benchmark, without ROS."""

import time

import numpy as np
import pytest

from rehearse.ros_nodes.benchmark import Pace, measure
from rehearse.ros_nodes.codes import Code, Fault


class Sleeper:
    """An agent that takes its time: so long for each decision, the last of them for ever after."""

    last_plan, belief, committed = None, None, ()

    def __init__(self, *seconds: float) -> None:
        self.seconds, self.decided = seconds, 0

    def reset(self, env: object, observation: dict, rng: np.random.Generator) -> None: ...
    def saw(self, action: np.ndarray, observation: dict) -> None: ...

    def act(self, env: object) -> np.ndarray:
        time.sleep(self.seconds[min(self.decided, len(self.seconds) - 1)])
        self.decided += 1
        return np.zeros(4)


def test_the_first_decision_warms_up_and_the_slowest_counts() -> None:
    agent = Sleeper(0.5, 0.0, 0.25, 0.0)
    pace = measure(agent, {}, np.zeros(4), plans=5, enough_s=60.0)
    assert (agent.decided, pace.plans) == (6, 5)
    assert pace.median_s < 0.2 < 0.25 <= pace.p99_s < 0.5


def test_it_gives_up_on_what_is_hopeless() -> None:
    agent = Sleeper(0.3)
    pace = measure(agent, {}, np.zeros(4), plans=20, enough_s=0.01)
    assert (agent.decided, pace.plans) == (1, 1)
    with pytest.raises(
        Fault, match=r"^too slow: a decision takes 3\d\d ms .* 100 ms are allowed; set fewer .* 512$"
    ) as at:
        pace.check(allowed_s=0.1, futures=512)
    assert at.value.code is Code.TOO_SLOW


def test_what_is_fast_enough_passes() -> None:
    Pace(20, 0.1, 0.3).check(allowed_s=0.3, futures=512)


def test_an_error_is_raised_and_the_thread_ended() -> None:
    import threading

    class Clumsy(Sleeper):
        def act(self, env: object) -> np.ndarray:
            raise ValueError("unlucky")

    count = threading.active_count()
    with pytest.raises(ValueError, match="unlucky"):
        measure(Clumsy(0.0), {}, np.zeros(4), plans=5, enough_s=60.0)
    assert threading.active_count() == count
