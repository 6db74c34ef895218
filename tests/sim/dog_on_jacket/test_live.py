"""The world at a robot's pace: the same physics as a step of the environment, moved by joints from outside."""

import numpy as np
import pytest

from rehearse.sim.arms import ARMS
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.live import live_world
from rehearse.sim.dog_on_jacket.motion import arm_motion
from rehearse.sim.dog_on_jacket.scene import TIMESTEP_S
from rehearse.sim.dog_on_jacket.world import HOLD_SUBSTEPS
from rehearse.sim.live import TICK_S

PULL = np.array([-0.5, 0.1, 0.2, 1.0])
TICKS = 10  # in a control period


@pytest.fixture
def env():
    env = DogOnJacketEnv(split="test")
    yield env
    env.close()


@pytest.mark.gl
def test_ticks_with_the_environments_own_joints_are_its_steps(env: DogOnJacketEnv) -> None:
    """To the last bit, the dog's arousal and the pictures included."""
    live = live_world(env)
    assert (HOLD_SUBSTEPS * TIMESTEP_S, live.ticks_a_period) == (TICK_S, TICKS)
    env.reset(options={"layout": 3})
    steps = [env.step(PULL) for _ in range(4)]
    observation, _ = live.reset(layout=3)
    q, point = env.world.q_rad, env.world.target_m
    for expected, _, terminated, truncated, info in steps:
        _, after, point = env.world.controls(PULL, q, point)
        for fraction in np.linspace(0, 1, TICKS + 1)[1:]:
            due = live.tick(q + (after - q) * fraction)
        q = after
        assert due
        observation, now, finished = live.observe()
        np.testing.assert_array_equal(observation["image"], expected["image"])
        np.testing.assert_allclose(observation["proprio"], expected["proprio"], atol=2e-3)
        assert {name: now[name] for name in ("disturbance", "progress", "woken", "time_s")} == {
            name: info[name] for name in ("disturbance", "progress", "woken", "time_s")
        }
        assert finished == (terminated or truncated)
    assert live.time_s == pytest.approx(0.8)


@pytest.mark.gl
def test_an_episode_begins_with_motion_and_the_world_goes_on_after_it(env: DogOnJacketEnv) -> None:
    live = live_world(env)
    live.reset(layout=0)
    home = env.world.q_rad.copy()
    for _ in range(5 * TICKS):
        if live.tick(home):
            _, info, finished = live.observe()
    assert info["time_s"] == 0.0, "nobody told it to move yet"
    for _ in range(21 * TICKS):
        if live.tick(home + 0.02):
            _, info, finished = live.observe()
    assert finished
    assert info["time_s"] == pytest.approx(4.0), "the account is closed"
    assert live.time_s == pytest.approx(5.2)
    assert not live.tick(home)
    assert live.time_s == pytest.approx(5.2 + TICK_S)


@pytest.mark.parametrize("name", ARMS)
def test_actions_to_joints_and_back(name: str) -> None:
    arm = ARMS[name]
    motion = arm_motion(name)
    home = np.array(arm.home_rad)
    actions = np.array([[-0.5, 0.2, 0.1, 1.0], [0.3, 0.0, -0.2, 1.0]])
    targets = motion.joint_targets(home, actions)
    assert targets.shape == (2, len(arm.joints))
    path = [home, *targets]
    for action, before, after in zip(actions, path[:-1], path[1:], strict=True):
        np.testing.assert_allclose(motion.action_between(before, after), action, atol=0.1)
    assert motion.action_between(home, home).tolist() == [0, 0, 0, 1]
