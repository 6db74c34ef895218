"""Scripted behaviours aim, rise and follow; noisy play covers gentle and rough."""

import numpy as np
import pytest

from rehearse.sim.dog_on_jacket.behaviours import RISE_STEPS, NoisyPlay, StraightPull, heading_to_zone
from rehearse.sim.dog_on_jacket.scene import DROP_ZONE_M
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.dog_on_jacket.world import World


def test_heading_points_at_the_zone(world: World, layout) -> None:
    world.reset(layout(0))
    heading = heading_to_zone(world)
    gap = np.array(DROP_ZONE_M) - world.jacket_position()[:2]
    np.testing.assert_allclose(np.array([np.cos(heading), np.sin(heading)]) * np.hypot(*gap), gap)


def test_nothing_holds_still(world: World, layout) -> None:
    world.reset(layout(0))
    nothing = TASK.scripts["nothing"]()
    assert nothing.act(world).tolist() == [0, 0, 0, 1]
    outcomes = [world.step(nothing.act(world)) for _ in range(5)]
    assert outcomes[-1].progress < 0.05
    assert not outcomes[-1].woken


def test_random_is_its_generator(world: World) -> None:
    draws = []
    for seed in (0, 0, 1):
        behaviour = TASK.scripts["random"]()
        behaviour.reset(world, np.random.default_rng(seed))
        draws.append(np.stack([behaviour.act(world) for _ in range(50)]))
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert draws[0].min() < -0.5
    assert draws[0].max() > 0.5


@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_straight_pull_keeps_its_line(world: World, layout, offset: float) -> None:
    world.reset(layout(0))
    behaviour = StraightPull(offset, 0.3, 0.2)
    behaviour.reset(world, np.random.default_rng(0))
    heading = heading_to_zone(world) + offset
    for step in range(RISE_STEPS + 2):
        action = behaviour.act(world)
        expected = [0.3 * np.cos(heading), 0.3 * np.sin(heading), 0.2 if step < RISE_STEPS else 0, 1]
        np.testing.assert_allclose(action, expected)
        world.step(action)


def test_following_aims_anew(world: World, layout) -> None:
    world.reset(layout(0))
    behaviour = StraightPull(0.8, 0.5, 0.0, follow=True)
    behaviour.reset(world, np.random.default_rng(0))
    first = behaviour.act(world)
    for _ in range(6):
        world.step(first)
    later = behaviour.act(world)
    heading = heading_to_zone(world) + 0.8
    np.testing.assert_allclose(later[:2], [0.5 * np.cos(heading), 0.5 * np.sin(heading)])
    assert not np.allclose(first, later)


def test_rough_pulls_disturb_more_than_gentle_ones(world: World, layout) -> None:
    """On average over layouts: the whole task rests on it."""
    peak = {speed: [] for speed in (0.2, 1.0)}
    for speed, peaks in peak.items():
        for index in range(4):
            world.reset(layout(index))
            behaviour = StraightPull(0, speed, 0, follow=True)
            behaviour.reset(world, np.random.default_rng(0))
            peaks.append(max(world.step(behaviour.act(world)).disturbance for _ in range(8)))
    assert np.mean(peak[1.0]) > 2 * np.mean(peak[0.2])


def test_noisy_play(world: World, layout) -> None:
    world.reset(layout(0))
    speeds, opened, uniform = [], 0, 0
    for seed in range(150):
        play = NoisyPlay()
        play.reset(world, np.random.default_rng(seed))
        actions = np.stack([play.act(world) for _ in range(12)])
        assert actions.shape == (12, 4)
        assert np.abs(actions).max() <= 1
        uniform += play.kind == "uniform"
        if play.kind != "uniform":
            speeds.append(np.linalg.norm(actions[0, :2]))
            opened += bool((actions[:, 3] < 0).any())
    assert 0 < uniform < 30
    assert 0 < opened < 40
    assert np.min(speeds) < 0.15
    assert np.max(speeds) > 0.8


def test_noisy_play_is_its_generator(world: World, layout) -> None:
    world.reset(layout(0))
    one, other = NoisyPlay(), NoisyPlay()
    one.reset(world, np.random.default_rng(5))
    other.reset(world, np.random.default_rng(5))
    for _ in range(10):
        np.testing.assert_array_equal(one.act(world), other.act(world))
