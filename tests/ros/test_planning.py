"""The planning thread, without ROS."""

import threading
from dataclasses import replace
from queue import Queue

import numpy as np
import pytest

from rehearse.ros_nodes.planning import Decision, Observed, PlanningThread
from rehearse.sim.planner_agent import PlannerSettings


class Recorder:
    """An agent that waits for permission to act and writes down what it was told."""

    last_plan, committed, belief, settings = None, (), None, PlannerSettings()

    def __init__(self) -> None:
        self.told: list[str] = []
        self.acting, self.may_act = threading.Semaphore(0), threading.Semaphore(0)

    def use(self, settings: PlannerSettings) -> None:
        self.told.append(f"told by {settings.goal}")

    def reset(self, env: object, observation: dict, rng: np.random.Generator) -> None:
        self.told.append(f"reset {observation['at']} {rng.integers(1000)}")

    def saw(self, action: np.ndarray, observation: dict) -> None:
        self.told.append(f"saw {observation['at']} after {action[0]:.0f}")

    def act(self, env: object) -> np.ndarray:
        self.acting.release()
        assert self.may_act.acquire(timeout=10)
        if self.told[-1].startswith("saw 13"):
            raise ValueError("unlucky")
        self.told.append("act" if not self.committed else f"act after {len(self.committed)}")
        return np.zeros(4)


def observed(at: int, episode: int = 1) -> Observed:
    """Observation number ``at``; number 0 begins an episode."""
    return Observed(at, episode, {"at": at}, None if at == 0 else np.full(4, float(at)))


@pytest.fixture
def agent() -> Recorder:
    return Recorder()


@pytest.fixture
def decisions() -> Queue:
    return Queue()


@pytest.fixture
def thread(agent: Recorder, decisions: Queue):
    thread = PlanningThread(agent, seed=0, on_decision=decisions.put)
    yield thread
    for _ in range(10):
        agent.may_act.release()
    thread.close()


def test_what_came_meanwhile_is_remembered_and_answered_once(
    thread: PlanningThread, agent: Recorder, decisions: Queue
) -> None:
    thread.submit(observed(0))
    assert agent.acting.acquire(timeout=10)
    for at in (1, 2, 3):
        thread.submit(observed(at))
    agent.may_act.release(2)
    answers: list[Decision] = [decisions.get(timeout=10), decisions.get(timeout=10)]
    assert [answer.key for answer in answers] == [0, 3]
    first = f"reset 0 {np.random.default_rng(0).integers(1000)}"
    assert agent.told == [first, "act", "saw 1 after 1", "saw 2 after 2", "saw 3 after 3", "act"]


def test_a_new_episode_drops_what_waited(thread: PlanningThread, agent: Recorder, decisions: Queue) -> None:
    thread.submit(observed(0))
    assert agent.acting.acquire(timeout=10)
    thread.submit(observed(1))
    thread.submit(observed(0, episode=2))
    agent.may_act.release(2)
    assert [decisions.get(timeout=10).episode for _ in range(2)] == [1, 2]
    assert [line.split()[0] for line in agent.told] == ["reset", "act", "reset", "act"]


def test_a_history_begins_with_how_its_goal_is_told(thread: PlanningThread, agent: Recorder, decisions: Queue) -> None:
    agent.may_act.release(2)
    thread.submit(replace(observed(0), told="image"))
    decisions.get(timeout=10)
    thread.submit(replace(observed(1), told="image"))
    decisions.get(timeout=10)
    assert [line.split()[0] for line in agent.told] == ["told", "reset", "act", "saw", "act"]
    assert agent.told[0] == "told by image"


def test_an_error_is_handed_over_and_survived(thread: PlanningThread, agent: Recorder, decisions: Queue) -> None:
    agent.may_act.release(2)
    thread.submit(observed(13))
    failed = decisions.get(timeout=10)
    assert (str(failed.error), failed.action) == ("unlucky", None)
    thread.submit(observed(0))
    assert decisions.get(timeout=10).error is None
