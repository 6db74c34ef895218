"""Reach: goals that the arm can reach, commands that it follows, and a script that gets there."""

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.agents import OracleAgent
from rehearse.sim.arm_world import STEP_M
from rehearse.sim.layouts import layout_seed
from rehearse.sim.reach import EPISODE_STEPS, Demonstrator, ReachEnv, ReachWorld, noisy_play
from rehearse.sim.reach.env import ARMS
from rehearse.sim.robots import ROBOTS
from rehearse.sim.tasks import get_task


@pytest.fixture(scope="module", params=ARMS)
def world(request: pytest.FixtureRequest) -> ReachWorld:
    return ReachWorld(ROBOTS[request.param])


def lay_out(world: ReachWorld, layout: int, split: str = "validation") -> ReachWorld:
    world.reset(np.random.default_rng(layout_seed(split, layout)))
    return world


def test_starts_and_goals_are_within_reach(world: ReachWorld) -> None:
    for layout in range(60):
        lay_out(world, layout)
        posture = world.posture(world.goal_state)
        np.testing.assert_allclose(world.kinematics.forward(posture), world.goal_state, atol=3e-3)
        np.testing.assert_allclose(world.fingertips(world.data.qpos), world.commanded_m, atol=3e-3)


def test_the_corners_of_the_workspace_can_be_reached(world: ReachWorld) -> None:
    for corner in np.ndindex(2, 2, 2):
        place = np.where(corner, *world.workspace_m[::-1])
        np.testing.assert_allclose(world.kinematics.forward(world.posture(place)), place, atol=3e-3)


def test_fingertips_are_where_the_hand_is_simulated(world: ReachWorld) -> None:
    """Positions are measured with the arm's own kinematics, which must be the scene's."""
    lay_out(world, 1)
    world.step(np.array([1.0, -1.0, 0.5]))
    np.testing.assert_allclose(world.fingertips(world.data.qpos), world.data.site("arm/grip").xpos, atol=1e-9)


def test_the_arm_follows_its_command_to_the_edge_of_the_workspace(world: ReachWorld) -> None:
    lay_out(world, 2)
    before = world.commanded_m.copy()
    world.step(np.array([0.5, 0.0, 0.0]))
    after = np.clip(before + np.array([0.5, 0.0, 0.0]) * STEP_M, *world.workspace_m)
    np.testing.assert_allclose(world.commanded_m, after)
    for _ in range(15):
        world.step(np.array([1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(world.commanded_m, world.workspace_m[1])
    np.testing.assert_allclose(world.fingertips(world.data.qpos), world.workspace_m[1], atol=5e-3)
    assert np.abs(world.proprioception()[3:]).max() < 5e-3


def test_factors_reach_the_physics_and_the_ball(world: ReachWorld) -> None:
    damping, mass = world._nominal
    for layout in range(3):
        factors = lay_out(world, layout).factors
        dofs = world._dofs
        np.testing.assert_allclose(world.model.dof_damping[dofs], damping[dofs] * factors.joint_damping)
        assert world.model.body_mass[world._hand] == mass[world._hand] + factors.payload_kg
        np.testing.assert_array_equal(world.model.body("ball").pos, world.goal_state)
        assert float(world.model.geom("ball").size[0]) == pytest.approx(factors.ball_radius_m * world._ball)


def test_the_demonstrator_reaches(world: ReachWorld) -> None:
    for layout in range(15):
        lay_out(world, layout)
        behaviour = Demonstrator()
        behaviour.reset(world, np.random.default_rng(0))
        for _ in range(EPISODE_STEPS // 2):
            world.step(behaviour.act(world))
        outcome = world.outcome()
        assert outcome["success"]
        assert outcome["distance_m"] < 5e-3
        assert world.data.warning.number.sum() == 0


def test_play_fills_the_workspace(world: ReachWorld) -> None:
    play, places, successes = noisy_play(), [], 0
    for layout in range(30):
        lay_out(world, layout, split="train")
        play.reset(world, np.random.default_rng(layout))
        for _ in range(EPISODE_STEPS):
            world.step(play.act(world))
            places.append(world.fingertips(world.data.qpos))
        successes += world.outcome()["success"]
    low, high = np.percentile(places, [3, 97], axis=0)
    assert ((high - low) / np.subtract(*world.workspace_m[::-1])).min() > 0.75
    assert successes >= 3


@pytest.mark.gl
def test_the_small_arm_by_name() -> None:
    task = get_task("reach")
    env, usual = (task.make_env(split="validation", options=options) for options in ({"arm": "so101"}, {}))
    image, other = (e.reset(options={"layout": 0})[0]["image"] for e in (env, usual))
    assert env.world.robot is ROBOTS["so101"]
    assert usual.world.robot is ROBOTS["arm7"]
    assert np.abs(image.astype(int) - other).mean() > 3
    agent = OracleAgent(task, "oracle")
    agent.reset(env, env.reset(options={"layout": 2})[0], np.random.default_rng(0))
    for _ in range(EPISODE_STEPS):
        *_, info = env.step(agent.act(env).astype(np.float32))
        if info["success"]:
            break
    assert info["success"]
    env.close()
    usual.close()


def test_an_arm_that_does_not_reach() -> None:
    with pytest.raises(ConfigError, match="unknown arm 'arm9'; choose one of arm7, so101"):
        ReachEnv(arm="arm9")
