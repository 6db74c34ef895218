"""Latency: everything arrives late by the same number of steps, and planners can be told what is on its way."""

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.latency import Delayed

HOLD = (0.0, 0.0, 0.0, 1.0)


class Counting:
    """Gives 1, 2, 3 …; remembers what it was told was on its way, and what was done."""

    last_plan = None

    def reset(self, env: object, observation: dict, rng: np.random.Generator) -> None:
        self.count, self.told, self.done, self.committed = 0, [], [], []

    def act(self, env: object) -> np.ndarray:
        self.count += 1
        self.told.append([float(action[0]) for action in self.committed])
        return np.full(4, float(self.count))

    def saw(self, action: np.ndarray, observation: dict) -> None:
        self.done.append(float(action[0]))


def play(steps: int, compensate: bool) -> Counting:
    agent = Delayed(Counting(), HOLD, steps, compensate)
    agent.reset(None, {}, np.random.default_rng(0))
    for _ in range(5):
        agent.saw(agent.act(None), {})
    return agent.agent


def test_actions_arrive_late_and_the_arm_holds_until_then() -> None:
    assert play(2, compensate=True).done == [HOLD[0], HOLD[0], 1, 2, 3]
    assert play(0, compensate=True).done == [1, 2, 3, 4, 5]


def test_a_planner_is_told_what_is_on_its_way_or_not() -> None:
    assert play(2, compensate=True).told == [[0, 0], [0, 1], [1, 2], [2, 3], [3, 4]]
    assert play(2, compensate=False).told == [[]] * 5


def test_each_episode_begins_with_nothing_on_its_way() -> None:
    agent = Delayed(Counting(), HOLD, 1)
    for _ in range(2):
        agent.reset(None, {}, np.random.default_rng(0))
        np.testing.assert_array_equal(agent.act(None), HOLD)


def test_negative_latency_is_refused() -> None:
    with pytest.raises(ConfigError, match="negative"):
        Delayed(Counting(), HOLD, -1)
