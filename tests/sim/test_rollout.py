"""The generic oracle: what it imagines is, bit for bit, what the world then does."""

import numpy as np
import pytest
import torch

from rehearse.sim.batch import Threads
from rehearse.sim.goal_world import GoalWorld
from rehearse.sim.play import NoisyPlay
from rehearse.sim.push import PushWorld
from rehearse.sim.push import noisy_play as push_play
from rehearse.sim.reach import ReachWorld
from rehearse.sim.reach import noisy_play as reach_play
from rehearse.sim.robots import ROBOTS
from rehearse.sim.rollout import RolloutDynamics
from rehearse.sim.two_room import TwoRoomWorld
from rehearse.sim.two_room import noisy_play as two_room_play

STEPS = 10
TASKS = {
    "push": (PushWorld, push_play),
    "push-T": (lambda: PushWorld("T"), push_play),
    "two-room": (TwoRoomWorld, two_room_play),
    "reach": (ReachWorld, reach_play),
    "reach, so101": (lambda: ReachWorld(ROBOTS["so101"]), reach_play),
}


@pytest.fixture(scope="module", params=list(TASKS))
def world_and_play(request: pytest.FixtureRequest) -> tuple[GoalWorld, NoisyPlay]:
    make_world, make_play = TASKS[request.param]
    return make_world(), make_play()


@pytest.fixture
def world(world_and_play: tuple[GoalWorld, NoisyPlay]) -> GoalWorld:
    """In the middle of an episode of play, in which for example a block has been touched."""
    world, play = world_and_play
    world.reset(np.random.default_rng(5))
    play.reset(world, np.random.default_rng(2))
    for _ in range(12):
        world.step(play.act(world))
    return world


def plans(world: GoalWorld, count: int, seed: int = 0) -> torch.Tensor:
    """(count, STEPS, A) float32: actions held for a while."""
    rng = np.random.default_rng(seed)
    held = rng.uniform(-1, 1, (count, 2, len(world.action_names))).repeat(STEPS // 2, axis=1)
    return torch.from_numpy(held).float()


def test_imagines_what_happens(world: GoalWorld, world_and_play: tuple[GoalWorld, NoisyPlay]) -> None:
    play = world_and_play[1]
    state = world.get_state()
    actions, real = [], []
    for _ in range(STEPS):
        actions.append(play.act(world).astype(np.float32))
        world.step(actions[-1])
        real.append(world.outcome())
    world.set_state(state)
    oracle = RolloutDynamics(world)
    others = plans(world, 3)
    others[1] = torch.from_numpy(np.stack(actions))
    futures = oracle.imagine(oracle.observe(world), others)
    assert futures.signals.keys() == real[0].keys()
    for name, signal in futures.signals.items():
        expected = np.array([outcome[name] for outcome in real], np.float32)
        np.testing.assert_array_equal(signal[0, 1].numpy(), expected, err_msg=name)
    assert world.data.warning.number.sum() == 0


def test_imagining_leaves_the_world_alone(world: GoalWorld) -> None:
    before = world.get_state()
    oracle = RolloutDynamics(world)
    belief = oracle.observe(world)
    first, again = (oracle.imagine(belief, plans(world, 3)) for _ in range(2))
    np.testing.assert_array_equal(world.get_state(), before)
    for name in world.signals:
        assert torch.equal(first.signals[name], again.signals[name])
    world.step(np.ones(len(world.action_names)))
    assert torch.equal(oracle.imagine(belief, plans(world, 3)).signals["distance_m"], first.signals["distance_m"])


def test_threads_change_nothing(world: GoalWorld) -> None:
    belief = RolloutDynamics(world).observe(world)
    one, other = (
        RolloutDynamics(world, Threads(world.model, threads)).imagine(belief, plans(world, 5)) for threads in (0, 2)
    )
    for name, values in one.signals.items():
        assert torch.equal(values, other.signals[name]), name


def test_shapes(world: GoalWorld) -> None:
    oracle = RolloutDynamics(world)
    futures = oracle.imagine(oracle.observe(world), plans(world, 3))
    assert {tuple(signal.shape) for signal in futures.signals.values()} == {(1, 3, STEPS)}
    assert {signal.dtype for signal in futures.signals.values()} == {torch.float32}
    assert {*world.signals, "distance_m", "progress", "success"} <= set(futures.signals)
    assert futures.latents.shape == (3, STEPS, world.model.nq)
    assert not futures.disagreement.any()


def test_a_moment_is_where_everything_is(world: GoalWorld) -> None:
    oracle = RolloutDynamics(world)
    belief = oracle.observe(world)
    np.testing.assert_allclose(oracle.moment(belief), world.data.qpos, rtol=1e-6)
    arrived = oracle.imagine(belief, plans(world, 2)).latents[1]
    for action in plans(world, 2)[1].numpy():
        world.step(action)
    np.testing.assert_allclose(arrived[-1], world.data.qpos, rtol=1e-5, atol=1e-6)


def test_what_goes_on_leg_by_leg_is_what_goes_at_once(world: GoalWorld) -> None:
    oracle, wanted = RolloutDynamics(world), plans(world, 3)
    belief = oracle.observe(world)
    whole = oracle.imagine(belief, wanted)
    first, ends = oracle.go_on(belief, torch.zeros(3, dtype=torch.long), wanted[:, :2])
    rest, _ = oracle.go_on(ends, torch.tensor([2, 0]), wanted[[2, 0], 2:])
    torch.testing.assert_close(first.latents, whole.latents[:, :2], atol=1e-5, rtol=1e-4)
    # The warm start is not handed on: where a block has just been touched a little differs, as much as the CPU has it.
    wanted_rest = whole.latents[[2, 0], 2:]
    off = ~torch.isclose(rest.latents, wanted_rest, atol=1e-3, rtol=1e-2)
    assert off.sum() <= (1 if isinstance(world, PushWorld) else 0)
    between_plans = (wanted_rest[0] - wanted_rest[1]).abs().max()
    assert (rest.latents - wanted_rest).abs().max() < 0.1 * between_plans
