"""Factors of variation on the tasks that have them: each does its own, none does more; and any moment again."""

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from rehearse.errors import ConfigError, DataError
from rehearse.sim.link import Link
from rehearse.sim.task import Task, TaskEnv
from rehearse.sim.tasks import TASKS, get_task
from rehearse.sim.variation import FACTORS

SEEN = ("light", "camera", "background")
FELT = ("friction", "mass", "size")
VARIED = [name for name in TASKS if get_task(name).variations]


@pytest.fixture(scope="module", params=VARIED)
def task(request: pytest.FixtureRequest) -> Task:
    return get_task(request.param)


@pytest.fixture(scope="module")
def env(task: Task):
    env = task.make_env(split="validation")
    yield env
    env.close()


def played(env: TaskEnv, variations: Mapping[str, float] | None = None, layout: int = 5, steps: int = 3) -> list:
    """Observations and infos of an episode's first steps under the same random actions."""
    options = {"layout": layout} if variations is None else {"layout": layout, "variations": variations}
    moments = [env.reset(options=options)]
    rng = np.random.default_rng(1)
    for _ in range(steps):
        observation, _, _, _, info = env.step(rng.uniform(-1, 1, env.action_space.shape))
        moments.append((observation, info))
    return moments


def assert_same(one: list, other: list) -> None:
    for (seen, info), (seen_too, info_too) in zip(one, other, strict=True):
        assert info == info_too
        for name, value in seen.items():
            np.testing.assert_array_equal(value, seen_too[name], err_msg=name)


def test_tasks_have_what_they_say(task: Task) -> None:
    assert set(task.variations) <= set(FACTORS)
    assert {*SEEN, "latency", "dropped_frames", "frozen_frames", "friction", "mass"} <= set(task.variations)


@pytest.mark.gl
def test_nothing_varied_is_the_layout_as_it_was(task: Task, env: TaskEnv) -> None:
    plain = played(env)
    played(env, dict.fromkeys(task.variations, 1.0))
    assert_same(played(env, dict.fromkeys(task.variations, 0.0)), plain)
    assert_same(played(env), plain)


@pytest.mark.gl
@pytest.mark.parametrize("factor", SEEN)
def test_what_is_seen_changes_pictures_and_no_physics(env: TaskEnv, factor: str) -> None:
    differs = []
    plain = played(env)
    for strength in (0.5, 1.0):
        varied = played(env, {factor: strength})
        for (seen, info), (seen_too, info_too) in zip(plain, varied, strict=True):
            assert info == info_too
            np.testing.assert_array_equal(seen["proprio"], seen_too["proprio"])
        differs.append(np.abs(plain[0][0]["image"].astype(int) - varied[0][0]["image"]).mean())
        if "goal" in plain[0][0]:  # the goal's picture is of the same place under the same light
            assert not np.array_equal(plain[0][0]["goal"], varied[0][0]["goal"])
    assert 1 < differs[0] < differs[1]


@pytest.mark.gl
@pytest.mark.parametrize("factor", FELT)
def test_what_is_felt_changes_the_layout_and_not_where_the_goal_is(task: Task, env: TaskEnv, factor: str) -> None:
    if factor not in task.variations:
        with pytest.raises(ConfigError, match=f"unknown factor of variation '{factor}'"):
            played(env, {factor: 1.0})
        return
    factors_of = lambda: vars(env.factors if hasattr(env, "factors") else env.world.factors).copy()  # noqa: E731
    plain = played(env)
    usual = factors_of()
    varied = played(env, {factor: 1.0})
    changed = {name for name, value in factors_of().items() if value != usual[name]}
    assert changed
    assert not any(name.startswith(("camera", "light", "background", "latency")) for name in changed)
    if "goal_state" in plain[0][0]:
        # In the plane: how high a block's middle lies is for the block's size to say.
        np.testing.assert_array_equal(plain[0][0]["goal_state"][:2], varied[0][0]["goal_state"][:2])


@pytest.mark.gl
def test_latency_delays_actions(env: TaskEnv) -> None:
    env.reset(options={"layout": 5, "variations": {"latency": 0.5}})
    late = [env.step(np.full(env.action_space.shape, 0.7))[0]["proprio"] for _ in range(4)]
    env.reset(options={"layout": 5})
    for _ in range(2):
        env.step(np.array(env.world.hold) if hasattr(env.world, "hold") else np.array([0, 0, 0, 1.0]))
    prompt = [env.step(np.full(env.action_space.shape, 0.7))[0]["proprio"] for _ in range(2)]
    np.testing.assert_array_equal(late[2:], prompt)


@pytest.mark.gl
def test_frames_are_dropped_or_frozen(env: TaskEnv) -> None:
    plain = [seen["image"] for seen, _ in played(env, steps=12)]
    dropped = [seen["image"] for seen, _ in played(env, {"dropped_frames": 1.0}, steps=12)]
    black = [not image.any() for image in dropped]
    assert not black[0]
    assert 2 <= sum(black) <= 10
    for is_black, image, true in zip(black, dropped, plain, strict=True):
        assert is_black or np.array_equal(image, true)
    frozen = [seen["image"] for seen, _ in played(env, {"frozen_frames": 1.0}, steps=12)]
    again = [np.array_equal(a, b) for a, b in itertools.pairwise(frozen)]
    assert 5 <= sum(again) <= 12
    for step, image in enumerate(frozen):
        assert any(np.array_equal(image, true) for true in plain[: step + 1])


@pytest.mark.gl
def test_an_environment_is_made_varied(task: Task) -> None:
    env = task.make_env(split="validation", variations={"light": 1.0})
    other = task.make_env(split="validation")
    assert_same(played(env), played(other, {"light": 1.0}))
    assert_same(played(env, {}), played(other))
    with pytest.raises(ConfigError, match="unknown factor of variation 'gravity'"):
        task.make_env(variations={"gravity": 0.1})
    env.close()
    other.close()


@pytest.mark.gl
def test_goes_on_from_a_stored_moment_bit_for_bit(task: Task, env: TaskEnv) -> None:
    strengths = dict.fromkeys(task.variations, 0.5)
    before = played(env, strengths, layout=11, steps=4)[-1]
    state = env.state()
    assert all(isinstance(value, np.ndarray | np.generic) for value in state.values())
    actions = np.random.default_rng(2).uniform(-1, 1, (5, *env.action_space.shape))
    went = [env.step(action) for action in actions]
    after = env.state()
    other = task.make_env(split="validation")
    played(other, layout=3)
    for again in (env, other):
        assert_same([again.reset(options={"state": state})], [before])
        for action, (seen, reward, terminated, truncated, info) in zip(actions, went, strict=True):
            seen_too, *rest, info_too = again.step(action)
            assert_same([(seen_too, info_too)], [(seen, info)])
            assert rest == [reward, terminated, truncated]
        for name, value in again.state().items():
            np.testing.assert_array_equal(value, after[name], err_msg=name)
    other.close()
    with pytest.raises(DataError, match=r"state has no .*physics.*: use what env.state\(\) gave"):
        env.reset(options={"state": {"layout": 3}})
    for name in state:
        with pytest.raises(DataError, match=f"state has no {name}"):
            env.reset(options={"state": {known: value for known, value in state.items() if known != name}})


def test_a_link_loses_the_same_pictures_again() -> None:
    links = [Link(3, (0.0,), delay_steps=1, dropped=0.3, frozen=0.5) for _ in range(2)]
    shown = [[int(link.seen(step, lambda step=step: np.full(2, step + 1))[0]) for step in range(40)] for link in links]
    assert shown[0] == shown[1]
    assert shown[0][0] == 1
    assert 4 < shown[0].count(0) < 25
    first = links[0].sent(np.ones(1))
    np.testing.assert_array_equal([first, links[0].sent(np.zeros(1))], [[0.0], [1.0]])
