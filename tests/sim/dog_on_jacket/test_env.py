"""The Gymnasium face: its contract, its seeds, its errors, and what it reports."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import rehearse.sim
from rehearse.errors import ConfigError, DataError
from rehearse.sim.dog_on_jacket.env import EPISODE_STEPS, PROPRIO_NAMES, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.world import GRASP_REACH_M, PERIOD_S, World

PULL = np.array([-0.3, 0.0, 0.0, 1.0], np.float32)
HOLD = np.array([0.0, 0.0, 0.0, 1.0], np.float32)

pytestmark = pytest.mark.gl


@pytest.fixture(scope="module")
def env() -> DogOnJacketEnv:
    return DogOnJacketEnv(terminate_when_woken=False)


def episode(env: gymnasium.Env, steps: int = 4, **reset) -> list:
    """Everything that came out of one short episode."""
    rng = np.random.default_rng(3)
    out = [env.reset(**reset)]
    out += [env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)) for _ in range(steps)]
    return out


def assert_identical(one: object, other: object) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), list(other.values())
    if isinstance(one, (tuple, list)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_identical(a, b)
    else:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("control", ["cartesian", "joint"])
def test_gymnasium_finds_nothing_to_complain_about(control: str) -> None:
    env = gymnasium.make(rehearse.sim.ENV_ID, control=control, render_mode="rgb_array", render_size=(48, 64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # An unbounded observation is meant: forces have no honest limit.
        warnings.filterwarnings("ignore", message=".*Box observation space (minimum|maximum) value is.*infinity.*")
        check_env(env.unwrapped)
    env.close()


def test_is_registered_once() -> None:
    rehearse.sim.register()
    spec = gymnasium.spec(rehearse.sim.ENV_ID)
    assert spec.id == "rehearse/DogOnJacket-v0"
    assert spec.entry_point == "rehearse.sim.dog_on_jacket.env:DogOnJacketEnv"


def test_public_names_resolve() -> None:
    assert [name for name in rehearse.sim.__all__ if not hasattr(rehearse.sim, name)] == []
    assert rehearse.sim.DogOnJacketEnv is DogOnJacketEnv
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = rehearse.sim.no_such_name


@pytest.mark.parametrize(("control", "size"), [("cartesian", 4), ("joint", 8)])
def test_spaces(control: str, size: int) -> None:
    env = DogOnJacketEnv(control=control, image_size=32)
    assert env.action_space == gymnasium.spaces.Box(-1, 1, (size,), np.float32)
    for observation in (env.reset(seed=0)[0], env.step(env.action_space.sample())[0]):
        assert env.observation_space.contains(observation)
        assert observation["image"].shape == (32, 32, 3)
        assert observation["proprio"].shape == (len(PROPRIO_NAMES),)
        assert observation["image"].std() > 10
    env.close()


@pytest.mark.parametrize("jacket", ["patch", "cloth"])
def test_same_seed_same_episode(jacket: str) -> None:
    one, other = DogOnJacketEnv(jacket=jacket), DogOnJacketEnv(jacket=jacket)
    first = episode(one, seed=7)
    episode(one, seed=8)  # what came before must not matter
    assert_identical(episode(one, seed=7), first)
    assert_identical(episode(other, seed=7), first)
    one.close()
    other.close()


def test_seeds_and_splits_differ(env: DogOnJacketEnv) -> None:
    assert env.reset(seed=1)[1]["layout"] != env.reset(seed=2)[1]["layout"]
    test = DogOnJacketEnv(split="test")
    test.reset(options={"layout": 3})
    env.reset(options={"layout": 3})
    assert test.factors != env.factors
    test.close()


def test_layout_on_request(env: DogOnJacketEnv) -> None:
    assert env.reset(options={"layout": 12})[1]["layout"] == 12
    factors = env.factors
    env.reset(seed=0)
    assert env.factors != factors
    env.reset(seed=5, options={"layout": 12})
    assert env.factors == factors


@pytest.mark.parametrize("setting", ["level", "split", "jacket", "control", "start", "arm", "camera", "oddity"])
def test_unknown_settings_are_named(setting: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown {setting} 'sideways'; choose one of"):
        DogOnJacketEnv(**{setting: "sideways"})


def test_an_unknown_view_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown camera 'sideways'"):
        DogOnJacketEnv(views=("left", "sideways"))


def test_unknown_factor_is_named() -> None:
    env = DogOnJacketEnv(fixed=("gravity",))
    with pytest.raises(ConfigError, match="gravity"):
        env.reset(seed=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_actions_must_be_finite(env: DogOnJacketEnv, bad: float) -> None:
    env.reset(seed=0)
    before = env.world.data.qpos.copy()
    with pytest.raises(DataError, match="not finite"):
        env.step(np.array([0, bad, 0, 1]))
    np.testing.assert_array_equal(env.world.data.qpos, before)


@pytest.mark.parametrize(("control", "size"), [("cartesian", 8), ("joint", 4), ("cartesian", 3)])
def test_actions_must_have_their_shape(control: str, size: int) -> None:
    env = DogOnJacketEnv(control=control)
    env.reset(seed=0)
    with pytest.raises(DataError, match=rf"\({size},\); expected"):
        env.step(np.zeros(size))
    env.close()


def test_actions_beyond_one_are_clipped(env: DogOnJacketEnv) -> None:
    results = []
    for scale in (1, 50):
        env.reset(options={"layout": 0})
        results.append(env.step(np.array([-1, 1, 1, 1]) * scale))
    assert_identical(*results)


def test_info(env: DogOnJacketEnv) -> None:
    dog = {"dog_speed_mps", "dog_turn_radps", "dog_shift_m"}
    keys = {"success", "woken", "disturbance", "progress", "distance_m", "sleep_depth", "time_s", "layout", *dog}
    _, info = env.reset(options={"layout": 4})
    assert set(info) == keys
    distance_m = info["distance_m"]
    assert 0.2 < distance_m < 0.6
    told = dict(distance_m=distance_m, sleep_depth=env.unwrapped.factors.sleep_depth, layout=4)
    still = dict.fromkeys(("disturbance", "progress", "time_s", *dog), 0.0)
    assert info == dict(success=False, woken=False, **told, **still)
    for step in range(1, 4):
        _, _, _, _, info = env.step(PULL)
        assert set(info) == keys
        assert info["time_s"] == pytest.approx(step * PERIOD_S)
        assert info["disturbance"] >= 0
        assert 0 <= info["progress"] <= 1
        assert info["progress"] == pytest.approx(max(0, 1 - info["distance_m"] / distance_m))
        assert all(info[name] >= 0 for name in dog)
        assert info["layout"] == 4


def test_nobody_wakes_while_nothing_is_done(env: DogOnJacketEnv) -> None:
    for layout in range(12):
        env.reset(options={"layout": layout})
        disturbance = max(env.step(HOLD)[-1]["disturbance"] for _ in range(4))
        assert disturbance < 0.1, layout


def test_time_runs_out(env: DogOnJacketEnv) -> None:
    env.reset(seed=0)
    for step in range(1, EPISODE_STEPS + 1):
        _, reward, terminated, truncated, info = env.step(HOLD)
        assert not terminated
        assert truncated == (step == EPISODE_STEPS)
        assert reward < 0
    assert info["time_s"] == pytest.approx(EPISODE_STEPS * PERIOD_S)
    assert env.reset(seed=0)[1]["time_s"] == 0


def test_waking_ends_the_episode_unless_asked_not_to(env: DogOnJacketEnv) -> None:
    strict = DogOnJacketEnv()
    for one, ends in ((strict, True), (env, False)):
        one.reset(options={"layout": 0})
        one.world.arousal.level[:] = 3.0
        _, reward, terminated, _, info = one.step(HOLD)
        assert info["woken"]
        assert not info["success"]
        assert terminated == ends
        assert (reward < -1) == ends
    # once awake, awake: when the arousal has leaked away too
    env.world.arousal.level[:] = 0.0
    _, _, terminated, _, info = env.step(HOLD)
    assert info["woken"]
    assert info["disturbance"] < 1
    assert not terminated
    strict.close()


def test_delivery_is_success_and_ends_the_episode(env: DogOnJacketEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    env.reset(options={"layout": 0})
    with monkeypatch.context() as patch:
        patch.setattr(World, "progress", lambda self, jacket_m: np.float64(1.0))
        _, reward, terminated, truncated, info = env.step(HOLD)
    assert info["success"]
    assert info["progress"] == 1
    assert terminated
    assert not truncated
    assert reward == pytest.approx(2 - 0.01)


def test_a_jacket_brought_awake_is_no_success(env: DogOnJacketEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    env.reset(options={"layout": 0})
    env.world.arousal.level[:] = 3.0
    with monkeypatch.context() as patch:
        patch.setattr(World, "progress", lambda self, jacket_m: np.float64(1.0))
        _, _, terminated, _, info = env.step(HOLD)
    assert not info["success"]
    assert not terminated


def test_reward_adds_up_to_progress(env: DogOnJacketEnv) -> None:
    env.reset(options={"layout": 1})
    steps = [env.step(PULL) for _ in range(5)]
    rewards = [step[1] for step in steps]
    assert sum(rewards) == pytest.approx(steps[-1][4]["progress"] - 5 * 0.01)
    assert steps[-1][4]["progress"] > 0.05


def test_grip_closes_on_the_tab_and_lets_go() -> None:
    env = DogOnJacketEnv(start="above", terminate_when_woken=False)
    observation, _ = env.reset(options={"layout": 0})
    assert observation["proprio"][-1] == 0
    assert not env.step(HOLD)[0]["proprio"][-1], "the tab is out of reach from where the hand hovers"
    env.reset(options={"layout": 0})
    tab = env.world.tab_sites[env.factors.tab]
    for _ in range(3):
        observation = env.step(np.array([0, 0, -0.4, -1]))[0]
        if np.linalg.norm(observation["proprio"][:3] - env.world.data.site_xpos[tab]) < 0.8 * GRASP_REACH_M:
            break
    assert observation["proprio"][-1] == 0
    assert env.step(HOLD)[0]["proprio"][-1] == 1
    for _ in range(4):
        observation, _, _, _, held = env.step(PULL)
    assert held["progress"] > 0.05
    assert env.step(np.array([0, 0, 0, -1]))[0]["proprio"][-1] == 0
    free = [env.step(np.array([-0.3, 0, 0, -1]))[4]["progress"] for _ in range(4)]
    assert free[-1] - free[0] < 0.03
    env.close()


def test_appearance_changes_pictures_and_no_physics() -> None:
    names = ("light_x_m", "light_y_m", "brightness", "camera_jitter_m")
    plain, varied = DogOnJacketEnv(fixed=names), DogOnJacketEnv()
    one, other = (episode(env, options={"layout": 2}) for env in (plain, varied))
    for a, b in zip(one[1:], other[1:], strict=True):
        np.testing.assert_array_equal(a[0]["proprio"], b[0]["proprio"])
        assert a[4] == b[4]
        assert not np.array_equal(a[0]["image"], b[0]["image"])
    plain.close()
    varied.close()


@pytest.mark.parametrize("how", ["close", "drop"])
def test_closing_one_leaves_the_pictures_of_another(how: str) -> None:
    kept, gone = DogOnJacketEnv(), DogOnJacketEnv()
    before = kept.reset(options={"layout": 2})[0]["image"]
    gone.reset(options={"layout": 3})
    kept.observe()  # the kept one drew last
    if how == "close":
        gone.close()
    del gone
    np.testing.assert_array_equal(kept.observe()["image"], before)
    kept.close()


def test_the_first_frame_shows_its_own_layout() -> None:
    env, fresh = DogOnJacketEnv(), DogOnJacketEnv()
    env.reset(options={"layout": 5})
    image = env.reset(options={"layout": 6})[0]["image"]
    np.testing.assert_array_equal(image, fresh.reset(options={"layout": 6})[0]["image"])
    env.close()
    fresh.close()


def test_film_frames() -> None:
    env = DogOnJacketEnv(render_mode="rgb_array", render_size=(60, 80))
    env.reset(seed=0)
    frame = env.render()
    assert (frame.shape, frame.dtype) == ((60, 80, 3), np.uint8)
    assert frame.std() > 10
    env.close()
    env.close()


def test_no_film_without_render_mode(env: DogOnJacketEnv) -> None:
    env.reset(seed=0)
    assert env.render() is None
