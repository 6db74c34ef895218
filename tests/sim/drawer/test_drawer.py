"""The drawer: starts that are no goals, a script that opens it gently, a yank that costs a glass, a soft end stop."""

from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import rehearse.sim
from rehearse.sim.drawer import scene
from rehearse.sim.drawer.behaviours import Demonstrator, noisy_play
from rehearse.sim.drawer.env import EPISODE_STEPS, DrawerEnv
from rehearse.sim.drawer.world import FARTHER_THAN_M, TOLERANCE_M, DrawerWorld
from rehearse.sim.layouts import layout_seed
from rehearse.sim.rollout import RolloutDynamics
from rehearse.sim.task import Situation
from rehearse.sim.tasks import get_task


@pytest.fixture(scope="module")
def world() -> DrawerWorld:
    return DrawerWorld()


def lay_out(world: DrawerWorld, layout: int) -> DrawerWorld:
    world.reset(np.random.default_rng(layout_seed("validation", layout)))
    return world


def demonstrated(world: DrawerWorld, layout: int, **how: float) -> Iterator[dict]:
    """What is measured after every step of the script."""
    behaviour = Demonstrator(**how)
    behaviour.reset(lay_out(world, layout), np.random.default_rng(0))
    for _ in range(EPISODE_STEPS):
        world.step(behaviour.act(world))
        yield world.outcome()


def test_no_start_is_a_goal_and_every_glass_stands(world: DrawerWorld) -> None:
    openings = []
    for layout in range(60):
        outcome = lay_out(world, layout).outcome()
        assert not outcome["success"]
        assert outcome["progress"] == 0
        assert world.goal_state[0] - outcome["opening_m"] >= FARTHER_THAN_M - 2e-3
        assert outcome["disturbance"] < 0.05
        for _ in range(3):
            world.step(np.array(world.hold))
        after = world.outcome()
        assert after["disturbance"] < 0.05, "nor does it begin to fall"
        assert after["opening_m"] == pytest.approx(outcome["opening_m"], abs=1e-3), "nor does the drawer open by itself"
        openings.append((outcome["opening_m"], float(world.goal_state[0])))
    assert np.ptp(openings, axis=0).min() > 0.03, "neither start nor goal can be known by heart"


def test_the_demonstrator_opens_it_and_lets_go(world: DrawerWorld) -> None:
    for layout in range(12):
        steps = list(demonstrated(world, layout))
        assert any(step["holds"] for step in steps)
        assert steps[-1]["success"], "and it stays so"
        assert not steps[-1]["holds"]
        assert steps[-1]["distance_m"] <= TOLERANCE_M
        assert max(step["disturbance"] for step in steps) < 0.5


def test_a_yank_costs_glasses_and_a_glass_costs_the_success(world: DrawerWorld) -> None:
    fell = 0
    for layout in range(16):
        steps = list(demonstrated(world, layout, pull=1.0))
        fell += steps[-1]["fallen"]
        assert not (steps[-1]["fallen"] and steps[-1]["success"])
    assert fell >= 4


def test_the_end_stop_is_soft_and_it_holds(world: DrawerWorld) -> None:
    lay_out(world, 0)
    world.data.qfrc_applied[world._slide_dof] = 40.0
    for _ in range(3):
        world.step(np.array(world.hold))
    pressed_m = world.outcome()["opening_m"] - scene.TRAVEL_M
    assert 1e-3 < pressed_m < 0.02, "it gives way"
    world.data.qfrc_applied[world._slide_dof] = 0.0
    world.step(np.array(world.hold))
    assert world.outcome()["opening_m"] - scene.TRAVEL_M < 0.6 * pressed_m, (
        "and pushes back, as far as friction lets it"
    )


def test_factors_change_how_it_opens(world: DrawerWorld) -> None:
    """A drawer that is given a push glides the farther, the less it rubs and the heavier it is."""

    def glides_m(**variations: float) -> float:
        found = []
        for layout in range(6):
            world.reset(np.random.default_rng(layout_seed("validation", layout)), variations=variations)
            before = world.outcome()["opening_m"]
            world.data.qvel[world._slide_dof] = 0.5
            world.step(np.array(world.hold))
            found.append(world.outcome()["opening_m"] - before)
        return np.array(found)

    usual = glides_m()
    assert (usual > 1e-3).all()
    assert (np.abs(glides_m(friction=1.0) / usual - 1) > 0.1).all()
    assert (np.abs(glides_m(mass=1.0) / usual - 1) > 0.1).all()


def test_play_moves_the_drawer_and_now_and_then_fells_the_glass(world: DrawerWorld) -> None:
    moved = fell = 0
    for layout in range(20):
        play = noisy_play()
        play.reset(lay_out(world, layout), np.random.default_rng(layout))
        start_m = world.outcome()["opening_m"]
        for _ in range(30):
            world.step(play.act(world))
        outcome = world.outcome()
        moved += abs(outcome["opening_m"] - start_m) > 0.02
        fell += outcome["fallen"]
    assert moved >= 6
    assert 2 <= fell <= 14


def test_true_physics_tells_the_glass_that_falls(world: DrawerWorld) -> None:
    """The oracle's price of a jolting that fells the glass is above that of a gentle pull."""
    lay_out(world, 0)
    behaviour = Demonstrator()
    behaviour.reset(world, np.random.default_rng(0))
    while not world.outcome()["holds"]:
        world.step(behaviour.act(world))
    oracle = RolloutDynamics(world)
    plans = torch.tensor([[[0.3, 0, 0, 1.0]] * 6, [[1.0, 0, 0, 1.0], [-1.0, 0, 0, 1.0]] * 3])
    futures = oracle.imagine(oracle.observe(world), plans)
    assert not futures.signal("fallen")[0, 0].any()
    assert futures.signal("fallen")[0, 1, -1] == 1
    gentle, jolting = get_task("drawer").objective(Situation(20, goal_state=world.goal_state))(futures, plans)
    assert jolting > gentle + 1


@pytest.mark.gl
def test_the_environment_is_a_sound_one_and_shows_its_goal() -> None:
    assert rehearse.sim  # registers it
    env = gymnasium.make("rehearse/Drawer-v0", split="test")
    check_env(env.unwrapped, skip_render_check=True)
    observation, info = env.reset(options={"layout": 1})
    assert np.abs(observation["goal"].astype(int) - observation["image"]).mean() > 0.5
    assert info["holds"] == 0
    shown = env.unwrapped.world.outcomes(env.unwrapped._goal_data.qpos)
    assert shown["success"]
    assert shown["distance_m"] < 1e-6
    env.close()


@pytest.mark.gl
@pytest.mark.parametrize("stop_at_harm", [True, False])
def test_a_fallen_glass_ends_the_episode_unless_told_otherwise(stop_at_harm: bool) -> None:
    env = DrawerEnv(split="validation", stop_at_harm=stop_at_harm)
    env.reset(options={"layout": 0})
    lying = env.world._glass_qpos
    env.world.data.qpos[lying + 2] += 0.05
    env.world.data.qpos[lying + 3 : lying + 7] = [np.sqrt(0.5), np.sqrt(0.5), 0, 0]
    _, reward, terminated, truncated, info = env.step(np.array(env.world.hold))
    assert info["fallen"]
    assert not info["success"]
    assert (terminated, truncated) == (stop_at_harm, False)
    assert reward == pytest.approx(-1.01 if stop_at_harm else -0.01, abs=0.01)
    env.close()


def test_the_task_says_what_it_is() -> None:
    task = get_task("drawer")
    assert task.actions[-1] == "grip"
    assert {"opening_m", "holds", "disturbance"} <= task.signals.keys()
    assert task.signals["fallen"] == "event"
    assert (task.harm.event, task.harm.strain) == ("fallen", "disturbance")
