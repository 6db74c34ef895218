"""The formula of waking, on trajectories made by hand."""

import numpy as np
import pytest

from rehearse.sim.dog_on_jacket.disturbance import SAMPLE_PERIOD_S, Arousal, DisturbanceWeights

ONE = DisturbanceWeights(
    acceleration=2.0,
    acceleration_quiet_mps2=0.5,
    rotation=3.0,
    rotation_quiet_radps=0.1,
    speed=5.0,
    speed_quiet_mps=0.2,
    displacement=7.0,
    displacement_quiet_m=0.05,
    leak_per_s=0.4,
)


def dog(count: int = 1, depth: float = 1.0, level: float = 0.0, weights: DisturbanceWeights = ONE) -> Arousal:
    return Arousal(np.full(count, level), np.zeros((count, 3)), np.zeros((count, 3)), np.full(count, depth), weights)


def vector(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    return np.array([[x, y, z]])


def test_stillness_is_silent() -> None:
    arousal = dog(weights=DisturbanceWeights())
    for _ in range(20):
        assert arousal.sample(vector(), vector(), vector())[0] == 0.0


def test_each_term_by_hand() -> None:
    # at rest, moved 0.15 m: 7 * (0.15 - 0.05)
    assert dog().sample(vector(0.09, 0.12), vector(), vector())[0] == pytest.approx(0.1 * 0.7)
    # turning at 0.5 rad/s: 3 * (0.5 - 0.1)
    assert dog().sample(vector(), vector(), vector(0, 0.3, 0.4))[0] == pytest.approx(0.1 * 1.2)
    # from rest to 0.3 m/s in 0.1 s: 2 * (3 - 0.5) + 5 * (0.3 - 0.2)
    assert dog().sample(vector(), vector(0, 0, 0.3), vector())[0] == pytest.approx(0.1 * (5.0 + 0.5))


def test_constant_speed_has_no_acceleration() -> None:
    arousal = dog()
    first = arousal.sample(vector(), vector(0.3), vector())[0]
    second = arousal.sample(vector(), vector(0.3), vector())[0]
    assert second - first == pytest.approx(0.1 * (5 * 0.1 - 0.4 * first))


def test_a_change_of_direction_is_an_acceleration() -> None:
    arousal = dog()
    arousal.sample(vector(), vector(0.1), vector())
    before = arousal.level[0]
    after = arousal.sample(vector(), vector(-0.1), vector())[0]
    assert after - before == pytest.approx(0.1 * (2 * (2.0 - 0.5) - 0.4 * before))


def test_arousal_leaks_away() -> None:
    arousal, levels = dog(level=0.8), [0.8]
    for _ in range(10):
        levels.append(arousal.sample(vector(), vector(), vector())[0])
    ratio = 1 - SAMPLE_PERIOD_S * ONE.leak_per_s
    np.testing.assert_allclose(levels, 0.8 * ratio ** np.arange(11))


def test_a_deep_sleeper_is_stirred_half_as_much() -> None:
    deep, light = (dog(depth=depth).sample(vector(0.3), vector(0.5), vector(1))[0] for depth in (2.0, 1.0))
    assert deep == pytest.approx(light / 2)
    assert light > 0


def test_copies_equal_the_one() -> None:
    rng = np.random.default_rng(0)
    one = dog(depth=1.3, level=0.2)
    one.origin[:] = 0.1
    many = one.repeat(4)
    for _ in range(6):
        p, v, w = rng.normal(0, 0.3, (3, 1, 3))
        expected = one.sample(p, v, w)
        np.testing.assert_array_equal(many.sample(p.repeat(4, 0), v.repeat(4, 0), w.repeat(4, 0)), expected.repeat(4))


def test_copies_are_their_own() -> None:
    one = dog(level=0.2)
    one.repeat(3).sample(np.ones((3, 3)), np.ones((3, 3)), np.ones((3, 3)))
    assert one.level.tolist() == [0.2]
    assert one.velocity.tolist() == [[0, 0, 0]]
