"""The planner as a plain function: it does what the agent does, and says what it misses."""

import numpy as np
import pytest

from rehearse.errors import ConfigError, DataError
from rehearse.sim.agents import make_agent
from rehearse.sim.policy import planner_policy
from rehearse.sim.tasks import get_task
from rehearse.world_model import shipped_checkpoint

pytestmark = pytest.mark.gl


@pytest.fixture(scope="module")
def env():
    made = get_task("reach").make_env(split="test")
    yield made
    made.close()


def test_it_does_what_the_agent_does_and_again_after_a_reset(env) -> None:
    policy = planner_policy("reach", seed=5, futures=16)
    agent = make_agent(get_task("reach"), "planner-16", shipped_checkpoint("reach-tiny"))
    observation, _ = env.reset(options={"layout": 2})
    agent.reset(env, observation, np.random.default_rng((5, 0)))
    first = observation
    for _ in range(4):
        action = policy(observation)
        np.testing.assert_array_equal(action, agent.act(env))
        observation = env.step(action)[0]
        agent.saw(action, observation)
    policy.reset()
    begun = policy(first)
    policy.reset()
    np.testing.assert_array_equal(begun, policy(first))
    policy.reset(episode=1)
    assert not np.array_equal(begun, policy(first)), "another episode, another draw"


def test_what_was_done_instead_is_remembered(env) -> None:
    observation, _ = env.reset(options={"layout": 2})
    costs = []
    for done in (None, np.ones(3)):
        policy = planner_policy("reach", futures=16)
        policy(observation)
        policy(observation, done)
        costs.append(policy.last_plan.cost)
    assert costs[0] != costs[1]


@pytest.mark.parametrize(
    ("reading", "done"),
    [
        ({"proprio": np.full(6, np.nan, np.float32)}, None),
        ({"proprio": np.zeros(2, np.float32)}, None),
        ({"image": np.zeros((32, 32, 3), np.uint8)}, None),
        ({}, np.full(3, np.nan)),
        ({}, np.zeros(7)),
    ],
)
def test_a_reading_that_was_refused_is_not_remembered(env, reading: dict, done: np.ndarray | None) -> None:
    observation, _ = env.reset(options={"layout": 2})
    policy, again = (planner_policy("reach", futures=16) for _ in range(2))
    for each in (policy, again):
        each(observation)
    with pytest.raises(DataError):
        policy({**observation, **reading}, done)
    np.testing.assert_array_equal(policy(observation), again(observation))


def test_what_is_missing_is_named(env) -> None:
    observation, _ = env.reset(options={"layout": 2})
    with pytest.raises(DataError, match="no 'goal_state'"):
        planner_policy("reach", futures=1)({k: v for k, v in observation.items() if k != "goal_state"})
    with pytest.raises(ConfigError, match="no model is shipped for tests"):
        planner_policy("tests.sim.point_mass:TASK")
    with pytest.raises(ConfigError, match="verify"):
        planner_policy("reach", verify=4)
