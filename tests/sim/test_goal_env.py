"""What all goal tasks promise alike: the Gymnasium contract, layouts, goals, pictures, and any moment again."""

import warnings
from dataclasses import asdict, fields

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rehearse.errors import ConfigError, DataError
from rehearse.sim.goal_env import GoalEnv
from rehearse.sim.layouts import layout_seed
from rehearse.sim.push import PushEnv
from rehearse.sim.reach import ReachEnv
from rehearse.sim.two_room import TwoRoomEnv
from rehearse.sim.variation import Look

MAKERS = {
    "push": PushEnv,
    "push-T": lambda **settings: PushEnv("T", **settings),
    "two-room": TwoRoomEnv,
    "reach": ReachEnv,
}
IDS = {"rehearse/Push-v0": PushEnv, "rehearse/TwoRoom-v0": TwoRoomEnv, "rehearse/Reach-v0": ReachEnv}
LOOKS = tuple(item.name for item in fields(Look))

pytestmark = pytest.mark.gl


@pytest.fixture(scope="module", params=list(MAKERS))
def task(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def env(task: str) -> GoalEnv:
    return MAKERS[task]()


def played(env: GoalEnv, steps: int = 3, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [env.step(rng.uniform(-1, 1, env.action_space.shape)) for _ in range(steps)]


def assert_same(one: object, other: object) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), list(other.values())
    if isinstance(one, tuple | list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", list(IDS))
def test_gymnasium_finds_nothing_to_complain_about(name: str) -> None:
    env = gymnasium.make(name, render_mode="rgb_array", render_size=(48, 64))
    assert type(env.unwrapped) is IDS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # An unbounded observation is meant: positions have no honest limit.
        warnings.filterwarnings("ignore", message=".*Box observation space (minimum|maximum) value is.*infinity.*")
        check_env(env.unwrapped)
    env.close()


def test_spaces_and_info(env: GoalEnv) -> None:
    observation, info = env.reset(options={"layout": 4})
    assert env.observation_space.contains(observation)
    assert observation["image"].shape == observation["goal"].shape == (64, 64, 3)
    assert observation["image"].std() > 10
    assert {*env.world.signals, "distance_m", "progress", "success", "time_s", "layout"} <= set(info)
    assert (info["layout"], info["time_s"], info["progress"], info["success"]) == (4, 0.0, 0.0, False)
    assert all(np.isfinite(value) for value in info.values())
    after = played(env, 2)[-1]
    assert env.observation_space.contains(after[0])
    assert after[4]["time_s"] == pytest.approx(0.4)


def test_same_layout_same_episode(env: GoalEnv, task: str) -> None:
    first = [env.reset(options={"layout": 7}), *played(env)]
    env.reset(options={"layout": 8})  # what came before must not matter
    played(env)
    assert_same([env.reset(options={"layout": 7}), *played(env)], first)
    other = MAKERS[task]()
    assert_same([other.reset(options={"layout": 7}), *played(other)], first)
    other.close()


def test_layouts_seeds_and_splits_differ(env: GoalEnv, task: str) -> None:
    assert env.reset(seed=1)[1]["layout"] != env.reset(seed=2)[1]["layout"]
    assert env.reset(seed=1)[1]["layout"] == env.reset(seed=1)[1]["layout"]
    env.reset(options={"layout": 3})
    ours, goal = asdict(env.world.factors), env.world.goal_state.copy()
    test = MAKERS[task](split="test")
    test.reset(options={"layout": 3})
    varying = {item.name for item in fields(env.world.factors_kind) if item.metadata["low"] < item.metadata["high"]}
    assert all(ours[name] != asdict(test.world.factors)[name] for name in varying)
    assert not np.allclose(goal, test.world.goal_state)
    test.close()


def test_no_episode_begins_with_success(env: GoalEnv) -> None:
    for layout in range(150):
        env.world.reset(np.random.default_rng(layout_seed("validation", layout)))
        outcome = env.world.outcome()
        assert not outcome["success"]
        assert outcome["progress"] == 0
        assert outcome["distance_m"] > 0.09


def test_the_goal_picture_shows_success(env: GoalEnv) -> None:
    for layout in range(20):
        observation, _ = env.reset(options={"layout": layout})
        shown = env._goal_data.qpos
        outcome = env.world.outcomes(shown)
        assert outcome["success"]
        assert outcome["progress"] == 1
        assert outcome["distance_m"] < 0.003
        assert not np.array_equal(observation["goal"], observation["image"])
        np.testing.assert_allclose(observation["goal_state"], env.world.goal_state, rtol=1e-6)


def test_a_goal_that_is_shown_can_be_stood_in(env: GoalEnv) -> None:
    """Nothing in the picture is inside of something else: physics that goes on from there keeps still."""
    for layout in range(20):
        env.reset(options={"layout": layout})
        data = mujoco.MjData(env.world.model)
        env.world.pose_goal(data)
        before = data.qpos.copy()
        mujoco.mj_forward(env.world.model, data)
        deepest = min((contact.dist for contact in data.contact), default=0.0)
        assert deepest > -1e-3
        np.testing.assert_array_equal(data.qpos, before)


def test_reaching_the_goal_ends_the_episode_with_a_reward(env: GoalEnv) -> None:
    env.reset(options={"layout": 0})
    env.world.data.qpos[:] = env._goal_data.qpos
    if env.world.command.size:  # an arm also has to want to be there
        joints = env.world.data.qpos[env.world._qpos]
        env.world.command = np.concatenate([joints, env.world.goal_state])
    _, reward, terminated, truncated, info = env.step(np.zeros(env.action_space.shape))
    assert terminated
    assert info["success"]
    assert not truncated
    assert reward == pytest.approx(1.99)


def test_time_runs_out(env: GoalEnv) -> None:
    env.reset(options={"layout": 0})
    env.steps = env.episode_steps - 1
    _, reward, terminated, truncated, _ = env.step(np.zeros(env.action_space.shape))
    assert (terminated, truncated) == (False, True)
    assert reward == pytest.approx(-0.01, abs=1e-3)


def test_goes_on_from_a_stored_moment_bit_for_bit(env: GoalEnv, task: str) -> None:
    env.reset(options={"layout": 11})
    played(env, 4)
    state = env.state()
    assert all(isinstance(value, np.ndarray | np.generic) for value in state.values())
    went = played(env, 5, seed=1)
    after = env.state()
    for again in (env, MAKERS[task]()):
        observation, info = again.reset(options={"state": state})
        assert info["time_s"] == pytest.approx(0.8)
        assert env.observation_space.contains(observation)
        assert_same(played(again, 5, seed=1), went)
        assert_same(again.state(), after)


def test_what_is_no_state_is_refused(env: GoalEnv) -> None:
    env.reset(options={"layout": 0})
    with pytest.raises(DataError, match="use get_state's"):
        env.world.set_state(np.zeros(3))


def test_appearance_changes_pictures_and_no_physics(env: GoalEnv, task: str) -> None:
    plain = MAKERS[task](fixed=LOOKS)
    for one, other in zip(
        [plain.reset(options={"layout": 2}), *played(plain)],
        [env.reset(options={"layout": 2}), *played(env)],
        strict=True,
    ):
        np.testing.assert_array_equal(one[0]["proprio"], other[0]["proprio"])
        assert one[-1] == other[-1]
        for picture in ("image", "goal"):
            assert not np.array_equal(one[0][picture], other[0][picture])
    plain.close()


def test_the_goal_is_seen_only_where_it_stands(task: str) -> None:
    """All goals are green. In Push and TwoRoom the robot's pictures do not tell where to go; in Reach the ball does."""
    env = MAKERS[task](render_mode="rgb_array", render_size=(120, 160))
    for layout in range(5):
        observation, _ = env.reset(options={"layout": layout})
        assert green(env.render()) > 20
        assert green(env.observe()["image"]) == green(observation["image"])
        assert (green(observation["image"]) > 0) == (task == "reach")
    env.close()


def green(image: np.ndarray) -> int:
    """How many pixels of (h, w, 3) are green, and not of the divider's teal."""
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    return int(((green > red + 40) & (green > blue + 40)).sum())


def test_film_frames(task: str) -> None:
    env = MAKERS[task](render_mode="rgb_array", render_size=(60, 80))
    env.reset(seed=0)
    frame = env.render()
    assert (frame.shape, frame.dtype) == ((60, 80, 3), np.uint8)
    assert frame.std() > 10
    env.close()
    env.close()
    assert MAKERS[task]().render() is None


def test_wrong_settings_and_actions_are_named(env: GoalEnv, task: str) -> None:
    with pytest.raises(ConfigError, match="unknown split 'sideways'; choose one of"):
        MAKERS[task](split="sideways")
    with pytest.raises(ConfigError, match=r"unknown factor \['gravity'\]"):
        MAKERS[task](fixed=("gravity",)).reset(seed=0)
    env.reset(options={"layout": 0})
    with pytest.raises(DataError, match="velocity_x, velocity_y"):
        env.step(np.zeros(9))
    with pytest.raises(DataError, match="not finite"):
        env.step(np.full(env.action_space.shape, np.nan))


def test_actions_beyond_their_limits_are_clipped(env: GoalEnv) -> None:
    ends = []
    for factor in (1, 5):
        env.reset(options={"layout": 1})
        for _ in range(2):
            info = env.step(np.full(env.action_space.shape, factor))[-1]
        ends.append(info)
    assert ends[0] == ends[1]
