"""Reaching at a robot's pace: the account of the environment's own steps, moved by joints from outside."""

import numpy as np
import pytest

from rehearse.sim.reach.env import ARMS
from rehearse.sim.robots import ROBOTS
from rehearse.sim.tasks import get_task

TASK = get_task("reach")
ACTIONS = np.array([[-0.5, 0.2, 0.1], [0.3, 0.0, -0.2], [0.0, 0.0, 0.0]])


@pytest.mark.gl
def test_ticks_are_as_good_as_steps() -> None:
    """A tick holds its joint targets for 20 ms where a step moves them every 5 ms: the same way, a moment later."""
    stepped, ticked = (TASK.make_env(split="validation") for _ in range(2))
    live, motion = TASK.live(ticked), TASK.motion()
    expected, _ = stepped.reset(options={"layout": 3})
    observation, _ = live.reset(layout=3)
    np.testing.assert_array_equal(observation["image"], expected["image"])
    np.testing.assert_array_equal(observation["goal"], expected["goal"])
    q_rad = live.arm.q_rad.copy()
    for action in ACTIONS:
        expected, *_, info = stepped.step(action)
        [after] = motion.joint_targets(q_rad, action[None])
        for share in np.linspace(0, 1, live.ticks_a_period + 1)[1:]:
            due = live.tick(q_rad + (after - q_rad) * share)
        assert due
        q_rad = after
        observation, now, finished = live.observe()
        np.testing.assert_allclose(observation["proprio"], expected["proprio"], atol=4e-3)
        assert now["distance_m"] == pytest.approx(info["distance_m"], abs=4e-3)
        assert (now["time_s"], finished) == (info["time_s"], False)
    np.testing.assert_allclose(live.arm.arm_state()[0], q_rad, atol=0.02)
    stepped.close()
    ticked.close()


@pytest.mark.gl
def test_an_episode_ends_at_the_ball() -> None:
    env = TASK.make_env(split="validation")
    live = TASK.live(env)
    live.reset(layout=0)
    there = env.world.posture(env.world.goal_state)
    for _ in range(10 * live.ticks_a_period):
        if live.tick(there):
            observation, info, finished = live.observe()
    assert finished
    assert info["success"]
    assert info["time_s"] < 2.0, "the account is closed, and the world goes on"
    assert live.time_s == pytest.approx(2.0)
    np.testing.assert_allclose(observation["proprio"][:3], env.world.goal_state, atol=0.02)
    env.close()


@pytest.mark.parametrize("arm", ARMS)
def test_actions_to_joints_and_back(arm: str) -> None:
    motion = TASK.motion(arm)
    path = [motion.home_rad, *motion.joint_targets(motion.home_rad, ACTIONS)]
    for action, before, after in zip(ACTIONS, path[:-1], path[1:], strict=True):
        np.testing.assert_allclose(motion.action_between(before, after), action, atol=0.1)
    np.testing.assert_allclose(motion.action_of(motion.velocity_mps(ACTIONS[0])), ACTIONS[0])
    assert np.abs(motion.action_of(np.array([9.0, 0, 0]))).max() == 1
    felt = np.array([-0.1, 0.05, 0.1, 0.01, 0.0, 0.0])
    np.testing.assert_array_equal(motion.path_m(felt, np.full((50, 3), -1.0))[-1], ROBOTS[arm].workspace_low_m)
