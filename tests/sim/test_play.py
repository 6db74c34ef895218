"""Noisy play is its generator, has all its kinds, and strays from each."""

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.baselines import Nothing, Random, towards
from rehearse.sim.play import NoisyPlay
from rehearse.sim.two_room import TwoRoomWorld


@pytest.fixture(scope="module")
def world() -> TwoRoomWorld:
    world = TwoRoomWorld()
    world.reset(np.random.default_rng(0))
    return world


class Full:
    """Always the fastest action."""

    def reset(self, world: TwoRoomWorld, rng: np.random.Generator) -> None:
        """Nothing to prepare."""

    def act(self, world: TwoRoomWorld) -> np.ndarray:
        """Ones."""
        return np.ones(len(world.action_names))


def test_baselines(world: TwoRoomWorld) -> None:
    assert Nothing((0.0, 0.0)).act(world).tolist() == [0, 0]
    draws = []
    for seed in (0, 0, 1):
        behaviour = Random(2)
        behaviour.reset(world, np.random.default_rng(seed))
        draws.append(np.stack([behaviour.act(world) for _ in range(50)]))
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert np.abs(draws[0]).max() <= 1
    assert draws[0].std() > 0.4


def test_towards_keeps_the_direction_and_the_limit() -> None:
    np.testing.assert_allclose(towards(np.array([0.02, -0.01]), 0.05), [0.4, -0.2])
    np.testing.assert_allclose(towards(np.array([0.2, -0.1]), 0.05), [1, -0.5])


def test_has_all_its_kinds_in_their_shares(world: TwoRoomWorld) -> None:
    play, kinds = NoisyPlay({"full": (0.75, Full()), "random": (0.25, Random(2))}), []
    for seed in range(200):
        play.reset(world, np.random.default_rng(seed))
        kinds.append(play.kind)
    assert 0.65 < np.mean([kind == "full" for kind in kinds]) < 0.85


def test_strays_slows_down_and_stays_within_limits(world: TwoRoomWorld) -> None:
    play, noises, lapsed = NoisyPlay({"full": (1.0, Full())}), [], []
    for seed in range(30):
        play.reset(world, np.random.default_rng(seed))
        actions = np.stack([play.act(world) for _ in range(60)])
        assert np.abs(actions).max() <= 1
        assert actions.max() > 0.8
        lapsed.append((actions < 0).any())
        noises.append(actions.std())
    assert np.mean(lapsed) > 0.8
    assert min(noises) < 0.8 * max(noises)


def test_is_its_generator(world: TwoRoomWorld) -> None:
    plays = [NoisyPlay({"full": (0.5, Full()), "random": (0.5, Random(2))}) for _ in range(2)]
    for play in plays:
        play.reset(world, np.random.default_rng(5))
    for _ in range(20):
        np.testing.assert_array_equal(*(play.act(world) for play in plays))


def test_shares_must_add_up() -> None:
    with pytest.raises(ConfigError, match="do not add up to 1"):
        NoisyPlay({"full": (0.5, Full())})
