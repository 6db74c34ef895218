"""Picking and placing: starts that are no goals, a grasp that holds by friction alone, and a script that gets there."""

from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import rehearse.sim
from rehearse.sim.layouts import layout_seed
from rehearse.sim.pick_place.behaviours import Demonstrator, noisy_play
from rehearse.sim.pick_place.env import EPISODE_STEPS
from rehearse.sim.pick_place.world import FARTHER_THAN_M, TOLERANCE_M, PickPlaceWorld
from rehearse.sim.tasks import get_task


@pytest.fixture(scope="module")
def world() -> PickPlaceWorld:
    return PickPlaceWorld()


def lay_out(world: PickPlaceWorld, layout: int) -> PickPlaceWorld:
    world.reset(np.random.default_rng(layout_seed("validation", layout)))
    return world


def demonstrated(world: PickPlaceWorld, layout: int) -> Iterator[dict]:
    """What is measured after every step of the script."""
    behaviour = Demonstrator()
    behaviour.reset(lay_out(world, layout), np.random.default_rng(0))
    for _ in range(EPISODE_STEPS):
        world.step(behaviour.act(world))
        yield world.outcome()


def test_no_start_is_a_goal(world: PickPlaceWorld) -> None:
    shelves = 0
    for layout in range(40):
        outcome = lay_out(world, layout).outcome()
        assert not outcome["success"]
        assert np.linalg.norm((world.block_m() - world.goal_state)[:2]) >= FARTHER_THAN_M - 5e-3
        assert not world.holds()
        shelves += world.goal_state[2] > 0.06
    assert 5 < shelves < 35, "some goals are on the shelf, some on the table"


def test_the_demonstrator_places_what_it_has_lifted(world: PickPlaceWorld) -> None:
    for layout in range(12):
        steps = list(demonstrated(world, layout))
        held = [step for step in steps if step["holds"]]
        assert max(step["height_m"] for step in held) > 0.02, "in the air, and between the fingers"
        assert any(step["success"] for step in steps)
        assert min(step["distance_m"] for step in steps) <= TOLERANCE_M


def test_the_block_is_held_by_friction_and_falls_when_let_go(world: PickPlaceWorld) -> None:
    for outcome in demonstrated(world, 3):
        if outcome["holds"] and outcome["height_m"] > 0.03:
            break
    lifted_m = world.outcome()["height_m"]
    world.step(np.array([0.0, 0.0, 0.0, 1.0]))
    still = world.outcome()
    assert still["height_m"] == pytest.approx(lifted_m, abs=0.02), "held, it stays"
    assert still["holds"]
    for _ in range(4):
        world.step(np.array([0.0, 0.0, 0.0, -1.0]))
    assert not world.holds()
    assert world.outcome()["height_m"] < 0.01, "let go, it falls"


def test_play_touches_the_block(world: PickPlaceWorld) -> None:
    moved = 0
    for layout in range(6):
        play = noisy_play()
        play.reset(lay_out(world, layout), np.random.default_rng(layout))
        start = world.block_m()
        for _ in range(30):
            world.step(play.act(world))
        moved += np.linalg.norm(world.block_m() - start) > 0.005
    assert moved >= 2


@pytest.mark.gl
def test_the_environment_is_a_sound_one_and_shows_its_goal() -> None:
    assert rehearse.sim  # registers it
    env = gymnasium.make("rehearse/PickPlace-v0", split="test")
    check_env(env.unwrapped, skip_render_check=True)
    observation, info = env.reset(options={"layout": 1})
    assert np.abs(observation["goal"].astype(int) - observation["image"]).mean() > 0.5
    assert info["holds"] == 0
    env.close()


def test_the_task_says_what_it_is() -> None:
    task = get_task("pick-place")
    assert task.actions[-1] == "grip"
    assert {"holds", "height_m", "block_x_m"} <= task.signals.keys()
    assert task.checkpoint is None
