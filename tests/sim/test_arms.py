"""Every arm does the task, imagines and is imagined alike; the first one does exactly what it always did."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
import torch

from rehearse.planner import CEMConfig
from rehearse.sim.agents import OracleAgent
from rehearse.sim.arms import ARMS
from rehearse.sim.dog_on_jacket.env import PROPRIO_NAMES, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.physics import PhysicsDynamics
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.dog_on_jacket.world import World

OTHERS = [name for name in ARMS if name != "arm7"]
# Gripper and jacket after eight random actions, and the mean of the pictures on the way, from before there were others.
AS_EVER = {
    ("patch", "cartesian"): ((-0.355012, -0.057350, 0.043243), (0.067266, -0.039451, 0.001988), 124.542),
    ("patch", "joint"): ((-0.225379, -0.145083, 0.027839), None, 124.330),
    ("cloth", "cartesian"): ((-0.350516, -0.019114, 0.043763), None, 125.047),
    ("cloth", "joint"): ((-0.227599, -0.103082, 0.030360), None, 125.110),
}


@pytest.fixture(scope="module", params=ARMS)
def any_world(request: pytest.FixtureRequest) -> World:
    return World(arm=ARMS[request.param])


@pytest.mark.gl
@pytest.mark.parametrize(("jacket", "control"), AS_EVER)
def test_the_first_arm_is_as_ever(jacket: str, control: str) -> None:
    env, rng = DogOnJacketEnv(jacket=jacket, control=control, terminate_when_woken=False), np.random.default_rng(3)
    images = [env.reset(options={"layout": 5})[0]["image"]]
    for _ in range(8):
        observation = env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))[0]
        images.append(observation["image"])
    grip_m, jacket_m, brightness = AS_EVER[jacket, control]
    np.testing.assert_allclose(observation["proprio"][:3], grip_m, atol=1e-5)
    if jacket_m is not None:
        np.testing.assert_allclose(env.world.jacket_position(), jacket_m, atol=1e-5)
    assert np.mean(images) == pytest.approx(brightness, abs=0.02)
    env.close()


def test_holds_the_tab_and_brings_the_jacket(any_world: World, layout) -> None:
    any_world.reset(layout(0))
    tab = any_world.tab_sites[any_world.factors.tab]
    script = TASK.scripts["script-best"]()
    script.reset(any_world, np.random.default_rng(0))
    for _ in range(14):
        outcome = any_world.step(script.act(any_world))
        assert np.linalg.norm(any_world.data.site_xpos[tab] - any_world.read("grip_position")) < 0.01
    assert outcome.progress > 0.5
    assert any_world.data.warning.number.sum() == 0


def test_the_dog_sleeps_on_while_nothing_is_done(any_world: World, layout) -> None:
    for index in range(4):
        any_world.reset(layout(index))
        assert max(any_world.step(np.array([0, 0, 0, 1.0])).disturbance for _ in range(3)) < 0.1


def test_goes_through_neither_dog_nor_floor(any_world: World, layout) -> None:
    model, data = any_world.model, any_world.data
    body = [model.body(b).name for b in model.geom_bodyid]
    moving = [g for g, name in enumerate(body) if name.startswith("arm/") and name != "arm/base"]
    others = [model.geom("floor").id, *(g for g, name in enumerate(body) if name.startswith("dog/"))]
    for index in (1, 2):
        any_world.reset(layout(index))
        script = TASK.scripts["script-best"]()
        script.reset(any_world, np.random.default_rng(0))
        for _ in range(8):
            any_world.step(script.act(any_world))
            gaps = [mujoco.mj_geomDistance(model, data, a, b, 0.1, None) for a in moving for b in others]
            assert min(gaps) > -0.003


def test_the_command_is_followed_alike(any_world: World, layout) -> None:
    """At a fast pull the gripper lags by little, and feels the jacket from the same side, whichever arm it is on."""
    any_world.reset(layout(0))
    for _ in range(5):
        any_world.step(np.array([-0.5, 0.0, 0.1, 1.0]))
    felt = dict(zip(PROPRIO_NAMES, any_world.proprioception(), strict=True))
    assert np.linalg.norm([felt["lag_x"], felt["lag_y"], felt["lag_z"]]) < 0.04
    assert felt["force_y"] > 0.2  # along -x of the world, since the hands are turned alike
    assert felt["holds"] == 1


@pytest.mark.parametrize("name", OTHERS)
def test_physics_imagines_what_another_arm_does(name: str, layout) -> None:
    world = World(arm=ARMS[name])
    world.reset(layout(0))
    dynamics = PhysicsDynamics(world)
    actions = torch.tensor([-0.4, 0.1, 0.1, 1.0]).repeat(1, 6, 1)
    imagined = dynamics.imagine(dynamics.observe(world), actions).signals
    outcomes = [world.step(action.numpy()) for action in actions[0]]
    for signal in ("disturbance", "progress", "distance_m"):
        lived = [getattr(outcome, signal) for outcome in outcomes]
        np.testing.assert_allclose(imagined[signal][0, 0], lived, rtol=1e-4, atol=1e-4, err_msg=signal)
    assert outcomes[-1].progress > 0.2


@pytest.mark.gl
@pytest.mark.parametrize("method", ["oracle", "oracle-nominal"])
def test_the_oracle_plans_for_the_arm_and_the_jacket_that_are_there(method: str) -> None:
    env = DogOnJacketEnv(arm="arm6", jacket="cloth", split="validation")
    oracle = OracleAgent(replace(TASK, oracle_search=CEMConfig(futures=2, iterations=1)), method)
    oracle.reset(env, env.reset(options={"layout": 0})[0], np.random.default_rng(0))
    action = oracle.act(env)
    assert env.action_space.contains(action.astype(np.float32))
    env.close()


@pytest.mark.gl
@pytest.mark.parametrize("name", ARMS)
def test_spaces_follow_the_arm(name: str) -> None:
    for control, size in (("cartesian", 4), ("joint", len(ARMS[name].joints) + 1)):
        env = DogOnJacketEnv(arm=name, control=control)
        assert env.action_space.shape == (size,)
        observation, _ = env.reset(options={"layout": 0})
        before = env.world.q_rad.copy()
        env.step(np.full(size, 0.2, np.float32))
        assert (env.world.q_rad != before).any()
        assert observation["proprio"].shape == (len(PROPRIO_NAMES),)
        env.close()


@pytest.mark.gl
def test_arms_look_different() -> None:
    images = []
    for name in ARMS:
        env = DogOnJacketEnv(arm=name)
        images.append(env.reset(options={"layout": 0})[0]["image"].astype(float))
        env.close()
    for i, one in enumerate(images):
        for other in images[:i]:
            assert (np.abs(one - other).max(-1) > 40).mean() > 0.01
