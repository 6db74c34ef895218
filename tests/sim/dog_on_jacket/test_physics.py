"""The oracle: what it imagines is what the world then does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from rehearse.sim.batch import Threads
from rehearse.sim.dog_on_jacket.behaviours import StraightPull
from rehearse.sim.dog_on_jacket.physics import NominalPhysics, PhysicsDynamics
from rehearse.sim.dog_on_jacket.world import World

STEPS = 8
SIGNALS = ("disturbance", "progress", "distance_m", "woken")


def pulls(count: int, seed: int = 0) -> torch.Tensor:
    """(count, STEPS, 4) noisy pulls towards the drop zone with the grip closed."""
    rng = np.random.default_rng(seed)
    actions = rng.normal([-0.4, 0.0, 0.1, 1.0], [0.3, 0.2, 0.2, 0.0], (count, STEPS, 4))
    return torch.from_numpy(np.clip(actions, -1, 1))


def played(world: World, actions: np.ndarray) -> dict[str, np.ndarray]:
    outcomes = [world.step(action) for action in actions]
    return {name: np.array([getattr(o, name) for o in outcomes]) for name in SIGNALS}


def assert_same(signals: dict[str, torch.Tensor], real: dict[str, np.ndarray], n: int = 0) -> None:
    for name, values in real.items():
        np.testing.assert_allclose(signals[name][0, n], values, rtol=1e-4, atol=1e-4, err_msg=name)


def test_imagines_what_happens(either_world: World, layout) -> None:
    either_world.reset(layout(0))
    dynamics = PhysicsDynamics(either_world)
    actions = pulls(2)
    futures = dynamics.imagine(dynamics.observe(either_world), actions)
    real = played(either_world, actions[1].numpy())
    assert_same(futures.signals, real, n=1)
    assert real["progress"][-1] > 0.1
    assert either_world.data.warning.number.sum() == 0


def test_imagines_from_the_middle_of_an_episode(world: World, layout) -> None:
    world.reset(layout(1))
    dynamics = PhysicsDynamics(world)
    actions = pulls(1)[0].numpy()
    played(world, actions[:4])
    futures = dynamics.imagine(dynamics.observe(world), torch.from_numpy(actions[None, 4:]))
    assert_same(futures.signals, played(world, actions[4:]))


def test_imagining_leaves_the_world_alone(world: World, layout) -> None:
    world.reset(layout(0))
    before = (
        world.data.qpos.copy(),
        world.q_rad.copy(),
        world.arousal.level.copy(),
        world.data.eq_active.copy(),
    )
    dynamics = PhysicsDynamics(world)
    belief = dynamics.observe(world)
    first = dynamics.imagine(belief, pulls(3))
    again = dynamics.imagine(belief, pulls(3))
    after = world.data.qpos, world.q_rad, world.arousal.level, world.data.eq_active
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert torch.equal(first.signals["disturbance"], again.signals["disturbance"])


def test_nearly_the_same_world_ranks_plans_the_same(world: World, layout) -> None:
    """Contacts stiffer than the time step resolves made the dog's motion chaotic: then nothing can be foreseen."""
    correlations = []
    for index in range(3):
        factors = layout(index)
        world.reset(factors)
        dynamics, actions = PhysicsDynamics(world), pulls(16, seed=index)[:, :1].repeat(1, STEPS, 1)
        belief = dynamics.observe(world)
        peaks = []
        for friction in (1.0, 1.003):
            world.assume(replace(factors, friction=friction * factors.friction), world.jacket_start)
            peaks.append(dynamics.imagine(belief, actions).signals["disturbance"][0].amax(-1))
        correlations.append(spearmanr(*peaks).statistic)
    assert np.mean(correlations) > 0.93


def test_nominal_physics_knows_the_state_but_not_friction_and_mass(world: World, layout) -> None:
    factors = layout(0)
    world.reset(replace(factors, friction=0.8, dog_mass_kg=7.0))
    nominal, actions = NominalPhysics(World()), pulls(4)
    before = world.model.body_mass.copy()
    imagined = nominal.imagine(nominal.observe(world), actions).signals
    np.testing.assert_array_equal(world.model.body_mass, before)
    true = PhysicsDynamics(world).imagine(PhysicsDynamics(world).observe(world), actions).signals
    assert not torch.equal(imagined["disturbance"], true["disturbance"])
    torch.testing.assert_close(imagined["progress"], true["progress"], atol=0.1, rtol=0)


def test_shapes(world: World, layout) -> None:
    world.reset(layout(0))
    dynamics = PhysicsDynamics(world)
    futures = dynamics.imagine(dynamics.observe(world), pulls(3).float())
    assert {name: tuple(s.shape) for name, s in futures.signals.items()} == dict.fromkeys(SIGNALS, (1, 3, STEPS))
    assert futures.latents is None
    assert tuple(futures.disagreement.shape) == (3, STEPS)
    assert not futures.disagreement.any()


def test_copies_are_identical(world: World, layout) -> None:
    world.reset(layout(2))
    dynamics = PhysicsDynamics(world)
    signals = dynamics.imagine(dynamics.observe(world), pulls(1).repeat(5, 1, 1)).signals
    for values in signals.values():
        assert torch.equal(values, values[:, :1].expand_as(values))


def test_threads_change_nothing(world: World, layout) -> None:
    world.reset(layout(0))
    belief = PhysicsDynamics(world).observe(world)
    batches = [Threads(world.model, threads) for threads in (0, 1, 2)]
    results = [PhysicsDynamics(world, batch).imagine(belief, pulls(5)).signals for batch in batches]
    for name, values in results[0].items():
        assert torch.equal(values, results[1][name]), name
        assert torch.equal(values, results[2][name]), name


def test_letting_go_within_a_future(either_world: World, layout) -> None:
    """A hand that opens leaves the jacket behind; beside it a hand that keeps hold does not."""
    either_world.reset(layout(0))
    actions = torch.tensor([-0.4, 0.0, 0.0, 1.0]).repeat(2, STEPS, 1)
    actions[1, 2:, 3] = -1
    dynamics = PhysicsDynamics(either_world)
    futures = dynamics.imagine(dynamics.observe(either_world), actions)
    held, dropped = futures.signals["progress"][0]
    torch.testing.assert_close(held[:2], dropped[:2])
    assert held[-1] > held[1] + 0.2
    assert abs(dropped[-1] - dropped[2]) < 0.05
    assert_same(futures.signals, played(either_world, actions[1].numpy()), n=1)
    assert not either_world.data.eq_active[either_world.grasps].any()


def test_taking_hold_within_a_future(world: World, layout) -> None:
    world.reset(layout(0), held=False)
    down, pull = [0, 0, -1.0, -1.0], [-0.4, 0, 0, 1.0]
    actions = torch.tensor([[down, down, *[pull] * 5], [down, down, *[[-0.4, 0, 0, -1.0]] * 5]])
    dynamics = PhysicsDynamics(world)
    futures = dynamics.imagine(dynamics.observe(world), actions)
    assert futures.signals["progress"][0, 0, -1] > 0.2
    assert futures.signals["progress"][0, 1, -1] < 0.1
    assert_same(futures.signals, played(world, actions[0].numpy()))


def test_woken_stays_woken(world: World, layout) -> None:
    world.reset(layout(0))
    world.woken = True
    dynamics = PhysicsDynamics(world)
    assert dynamics.imagine(dynamics.observe(world), pulls(2)).signals["woken"].all()


@pytest.mark.parametrize("index", [0, 3])
def test_cloth_is_brought_by_a_slow_pull(index: int, layout) -> None:
    world = World("cloth")
    world.reset(layout(index))
    behaviour = StraightPull(0, 0.3, 0, follow=True)
    behaviour.reset(world, np.random.default_rng(0))
    outcomes = [world.step(behaviour.act(world)) for _ in range(20)]
    assert outcomes[-1].progress > 0.6
    assert world.data.warning.number.sum() == 0
    assert np.isfinite(world.data.qpos).all()
