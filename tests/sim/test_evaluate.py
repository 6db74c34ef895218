"""Evaluation: intervals against published values, summaries, pairing, and rows that repeat."""

import importlib.util

import pytest

from rehearse.errors import ConfigError, SetupError
from rehearse.sim.agents import make_agent
from rehearse.sim.dog_on_jacket.env import EPISODE_STEPS, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.episode import Episode, summarise, wilson
from rehearse.sim.evaluate import EvalConfig, run_episode


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(9, 10, 0.60, 0.98), (45, 50, 0.79, 0.96), (450, 500, 0.87, 0.92), (0, 50, 0, 0.071)],
)
def test_wilson_interval(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=0.006)


def episode(**changes: object) -> Episode:
    """A successful episode, with changes."""
    base = dict(method="x", layout=0, success=True, harmed=False, time_s=2.0, strain=0.2, progress=1.0, steps=10)
    return Episode(**{**base, "futures": 8, "cpu_ms": 1.0, **changes})


def test_summary_counts_and_averages_time_over_successes_only():
    failed = episode(success=False, harmed=True, time_s=0.4, strain=1.5)
    row = summarise("x", [episode(), episode(time_s=3.0), failed], TASK.harm)
    assert (row["n"], row["success"], row["woken"]) == (3, 0.6667, 0.3333)
    assert row["time_s"] == 2.5
    assert row["disturbance_median"] == 0.2
    assert summarise("x", [episode(success=False)], TASK.harm)["time_s"] is None


def test_an_evaluation_layout_is_never_a_training_layout():
    assert EvalConfig(methods=("nothing",)).split == "test"
    with pytest.raises(ConfigError, match="train"):
        EvalConfig(methods=("nothing",), split="train")


@pytest.mark.parametrize("method", ["script-best", "random"])
def test_the_same_seed_gives_the_same_episode(method):
    env = DogOnJacketEnv(split="test")
    try:
        first, second = (run_episode(TASK, env, make_agent(TASK, method), method, 4, seed=1) for _ in range(2))
    finally:
        env.close()
    strip = lambda e: {key: value for key, value in vars(e).items() if key != "cpu_ms"}  # noqa: E731
    assert strip(first) == strip(second)


def test_doing_nothing_neither_wakes_the_dog_nor_brings_the_jacket():
    env = DogOnJacketEnv(split="test")
    try:
        done = run_episode(TASK, env, make_agent(TASK, "nothing"), "nothing", 0)
    finally:
        env.close()
    assert (done.success, done.harmed, done.steps) == (False, False, EPISODE_STEPS)


def test_a_planner_without_a_checkpoint_and_unknown_names_are_refused():
    for method in ("planner-8", "planner-icem-8", "planner-0", "planner-", "planner", "scripted", "oracle-8", ""):
        with pytest.raises(ConfigError):
            make_agent(TASK, method)


@pytest.mark.skipif(importlib.util.find_spec("lerobot") is not None, reason="LeRobot is here")
def test_a_policy_of_lerobots_without_lerobot_names_what_brings_it():
    with pytest.raises(SetupError, match="make test-lerobot"):
        make_agent(TASK, "lerobot:runs/act")
