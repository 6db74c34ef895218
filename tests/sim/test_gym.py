"""Gymnasium's own environments as tasks: what is seen, how they are laid out, their physics, and refusals."""

import json
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

from rehearse.cli import main
from rehearse.errors import ConfigError, DataError, SetupError
from rehearse.sim.agents import make_agent, methods_of
from rehearse.sim.evaluate import run_episode
from rehearse.sim.layouts import SPLITS
from rehearse.sim.planner_agent import OfWorld
from rehearse.sim.tasks import get_task

pytest.importorskip("imageio", reason="Gymnasium's MuJoCo environments draw with it")
pytestmark = pytest.mark.gl
NAME = "gym:Reacher-v5"


@pytest.fixture(scope="module")
def env():
    made = get_task(NAME).make_env(split="test")
    yield made
    made.close()


def test_it_is_seen_and_told(env) -> None:
    task = get_task(NAME)
    observation, info = env.reset(options={"layout": 3})
    assert observation["image"].shape == (64, 64, 3)
    assert observation["image"].std() > 10, "something is drawn"
    assert observation["proprio"].shape == (len(task.proprio),) == (10,)
    assert (task.period_s, task.episode_steps, len(task.actions)) == (0.02, 50, 2)
    assert {*task.signals, "progress", "success", "time_s", "layout"} <= info.keys()
    total = 0.0
    for step in range(50):
        _, reward, _, truncated, info = env.step(np.array([1.0, -1.0]))
        total += reward
        assert truncated == (step == 49)
    assert info["progress"] == pytest.approx(total)
    assert info["time_s"] == pytest.approx(1.0)
    assert not info["success"], "whirling does not reach the threshold"


def test_a_layout_is_always_the_same_and_splits_share_none(env) -> None:
    first = env.reset(options={"layout": 3})[0]
    env.step(np.ones(2))
    again = env.reset(options={"layout": 3})[0]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    train = get_task(NAME).make_env(split="train")
    assert not np.array_equal(train.reset(options={"layout": 3})[0]["proprio"], first["proprio"])
    for made in (env, train):
        made.reset(options={"layout": 64749})
        assert made.world.np_random_seed % len(SPLITS) == SPLITS.index(made.split)
    train.close()


@pytest.mark.parametrize("name", [NAME, "gym:Ant-v5"])
def test_what_the_oracle_imagines_comes_to_pass(name: str) -> None:
    env = get_task(name).make_env(split="test")
    env.reset(options={"layout": 5})
    size = env.action_space.shape[0]
    env.step(np.linspace(0.3, 0.1, size))
    oracle = get_task(name).oracles["oracle"](env.world)
    actions = torch.rand(3, 6, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    imagined = oracle.imagine(oracle.observe(env.world), actions).signals["reward"][0, 1]
    came = [env.step(action.numpy())[1] for action in actions[1]]
    np.testing.assert_allclose(imagined.numpy(), came, rtol=1e-6)
    env.close()


@pytest.mark.parametrize("action", [np.array([np.nan, 0.0]), np.array(0.5), np.zeros(3)])
def test_an_action_that_is_none_is_refused(env, action: np.ndarray) -> None:
    env.reset(options={"layout": 3})
    with pytest.raises(DataError, match="action"):
        env.step(action)


def test_an_end_is_the_last_that_is_earned() -> None:
    task = get_task("gym:InvertedPendulum-v5")
    env = task.make_env(split="test")
    env.reset(options={"layout": 0})
    oracle = task.oracles["oracle"](env.world)
    imagined = oracle.imagine(oracle.observe(env.world), torch.ones(1, 60, 1))
    fell = int(imagined.signals["ended"][0, 0].argmax())
    assert 0 < fell < 60
    assert imagined.signals["ended"][0, 0, fell:].all()
    assert not imagined.signals["reward"][0, 0, fell + 1 :].any()
    env.close()


def test_true_physics_earns_more_than_chance(env) -> None:
    task = get_task(NAME)
    earned = {}
    for method in ("random", "oracle"):
        agent = make_agent(task, method)
        earned[method] = [run_episode(task, env, agent, method, layout).progress for layout in range(2)]
    assert np.mean(earned["oracle"]) > np.mean(earned["random"]) / 2, "less is lost"


def test_methods_are_those_that_it_has() -> None:
    assert {"nothing", "random", "oracle"} <= set(methods_of(get_task(NAME)))


@pytest.mark.slow
def test_from_play_to_a_planner_by_the_command_line(tmp_path: Path) -> None:
    data, run, result = (str(tmp_path / name) for name in ("data", "run", "result.json"))
    assert main(["collect", "--task", NAME, "--episodes", "4", "--workers", "1", "--out", data]) == 0
    train = ["train", "--task", NAME, "--data", data, "--out", run, "--preset", "debug", "--steps", "5"]
    assert main([*train, "--no-tensorboard"]) == 0
    evaluate = ["eval", "--task", NAME, "--checkpoint", run, "--episodes", "1", "--workers", "1", "--json", result]
    assert main([*evaluate, "--methods", "nothing,planner-16"]) == 0
    told = json.loads(Path(result).read_text())
    assert [row["method"] for row in told["rows"]] == ["nothing", "planner-16"]
    assert told["rows"][0]["progress_mean"] < 0, "the return, which Reacher pays in losses"


def test_what_cannot_be_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="cannot make 'Nowhere-v0'"):
        get_task("gym:Nowhere-v0")
    with pytest.raises(SetupError, match="pip install"):
        get_task("gym:no_such_package:Thing-v0")
    monkeypatch.setattr(
        gymnasium, "make", lambda *_, **__: (_ for _ in ()).throw(gymnasium.error.DependencyNotInstalled("pygame"))
    )
    with pytest.raises(SetupError, match="pygame"):
        get_task("gym:CartPole-v1")


def test_what_an_environment_wants_to_be_told_stands_behind_its_id() -> None:
    task = get_task("gym:InvertedPendulum-v5?camera_name=track")
    env = task.make_env(split="test")
    assert env.inner.spec.kwargs["camera_name"] == "track"
    env.close()
    with pytest.raises(ConfigError, match="no_such_word"):
        get_task("gym:InvertedPendulum-v5?no_such_word=1")


def test_an_environment_that_breaks_at_its_start_is_one_error() -> None:
    def broken(**_: object) -> gymnasium.Env:
        raise AssertionError("made for another MuJoCo")

    gymnasium.register("rehearse-test/Broken-v0", entry_point=broken)
    with pytest.raises(SetupError, match=r"breaks at its start \(AssertionError: made for another MuJoCo\)"):
        get_task("gym:rehearse-test/Broken-v0")
    gymnasium.registry.pop("rehearse-test/Broken-v0")


class Buttons(gymnasium.Env):
    """One that cannot be planned for: its actions are choices."""

    metadata = {"render_modes": ["rgb_array"]}
    observation_space = gymnasium.spaces.Box(0, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None) -> None: ...


def test_choices_are_refused() -> None:
    gymnasium.register("rehearse-test/Buttons-v0", entry_point=Buttons)
    with pytest.raises(ConfigError, match="bounded Box"):
        get_task("gym:rehearse-test/Buttons-v0")
    gymnasium.registry.pop("rehearse-test/Buttons-v0")


def test_verification_needs_true_physics() -> None:
    blind = replace(get_task(NAME), oracles={})
    with pytest.raises(ConfigError, match=r"leave out planner\.verify"):
        OfWorld(blind, None)
