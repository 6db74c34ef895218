"""The registry, and what every task in it must keep: names, shapes, signals, scripts, an oracle."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch

import rehearse.sim
from rehearse.errors import ConfigError
from rehearse.planner import CEMConfig
from rehearse.sim.agents import OracleAgent, make_agent, methods_of
from rehearse.sim.evaluate import run_episode
from rehearse.sim.task import Harm, Situation
from rehearse.sim.tasks import TASKS, get_task, task_names
from tests.sim import point_mass

EVERY = (*TASKS, "tests.sim.point_mass:TASK")


@pytest.fixture(scope="module", params=EVERY)
def task_and_env(request: pytest.FixtureRequest):
    task = get_task(request.param)
    env = task.make_env(split="validation")
    yield task, env
    env.close()


def test_tasks_are_found_by_their_names() -> None:
    assert [get_task(name).name for name in TASKS] == list(TASKS)
    assert get_task("tests.sim.point_mass:TASK") is point_mass.TASK
    assert "dog-on-jacket" in task_names("flagship")
    assert set(task_names("smoke")) < set(task_names())
    for task in map(get_task, TASKS):
        assert task.env_id in rehearse.sim.ENVIRONMENTS


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cat-on-jacket", r"'cat-on-jacket'.*dog-on-jacket, push"),
        ("no.such.module:TASK", "no.such.module"),
        ("tests.sim.point_mass:NOTHING", "NOTHING"),
        ("tests.sim.point_mass:World", "must be a rehearse.sim.task.Task"),
    ],
)
def test_what_is_no_task_is_told_in_one_line(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        get_task(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hold": (0.0,)}, "2 numbers"),
        ({"tags": frozenset({"fun"})}, "tag 'fun'"),
        ({"signals": {"x_m": "number"}, "tops": {}}, "kind of signal 'number'"),
        ({"tops": {"y": 1.0}}, "signal 'y'"),
        ({"level": "nowhere"}, "level 'nowhere'"),
        ({"goal_signals": ("x_m", "z_m")}, "signal 'z_m'"),
        ({"goal_signals": ("x_m",)}, "goal_signals need 2 names"),
        ({"goal_within": ((0, 1),)}, "goal_within need 2 pairs"),
        ({"harm": Harm("broke", "rim", "Broken")}, "signal of harm 'broke'"),
        ({"period_s": 0.1}, "not 0.1 s"),
        ({"changeable": frozenset({"colour"})}, "changeable thing 'colour'"),
        ({"options": {"seed": point_mass.TASK.options["pace"]}, "changeable": frozenset()}, "option seed"),
    ],
)
def test_a_task_that_contradicts_itself_is_refused(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=f"point-mass: .*{said}"):
        replace(point_mass.TASK, **changes)


def test_options_and_levels_are_checked() -> None:
    task = get_task("dog-on-jacket")
    assert task.checked_options({"arm": "arm6"}) == {"jacket": "patch", "arm": "arm6", "camera": "front"}
    with pytest.raises(ConfigError, match=r"arm9.*arm7, arm6, arm5"):
        task.make_env(options={"arm": "arm9"})
    with pytest.raises(ConfigError, match=r"hard.*easy, half, full"):
        task.make_env("hard")
    with pytest.raises(ConfigError, match="push has no option arm; its options are: none"):
        get_task("push").make_env(options={"arm": "arm7"})


@pytest.mark.gl
def test_an_environment_keeps_what_its_task_says(task_and_env) -> None:
    task, env = task_and_env
    assert isinstance(env, gymnasium.Env)
    observation, info = env.reset(options={"layout": 3})
    for _ in range(2):
        assert observation["image"].shape == (64, 64, 3)
        assert observation["image"].dtype == np.uint8
        assert observation["proprio"].shape == (len(task.proprio),)
        if task.goal:
            assert observation["goal"].shape == (64, 64, 3)
            assert observation["goal_state"].shape == (len(task.goal),)
            assert len(task.goal_signals) == len(task.goal)
        told = {*task.signals, task.success, "progress", "time_s", "layout"}
        assert told | ({task.harm.event, task.harm.strain} if task.harm else set()) <= set(info)
        observation, _, _, _, info = env.step(np.array(task.hold))
    assert (env.steps, info["layout"]) == (2, 3)
    assert info["time_s"] == pytest.approx(2 * task.period_s)


@pytest.mark.gl
def test_the_scripts_act_and_the_best_one_gets_somewhere(task_and_env) -> None:
    task, env = task_and_env
    runs = {
        method: [run_episode(task, env, make_agent(task, method), method, layout) for layout in range(4)]
        for method in ("nothing", "random", "script-best")
    }
    reached = {method: np.mean([episode.progress for episode in episodes]) for method, episodes in runs.items()}
    assert max(reached["nothing"], reached["random"]) < reached["script-best"]
    assert not any(episode.success for episode in runs["nothing"])
    assert any(episode.success for episode in runs["script-best"])
    assert {"nothing", "random", "script-best", "oracle", "planner-64"} <= set(methods_of(task))


@pytest.mark.gl
def test_physics_tells_what_the_objective_asks_for(task_and_env) -> None:
    task, env = task_and_env
    observation, _ = env.reset(options={"layout": 1})
    dynamics = next(iter(task.oracles.values()))(env.world)
    futures = dynamics.imagine(dynamics.observe(env.world), torch.zeros(3, 4, len(task.actions)))
    now = Situation(task.episode_steps, goal_state=observation.get("goal_state"))
    cost = task.objective(now)(futures, torch.zeros(3, 4, len(task.actions)))
    assert cost.shape == (3,)
    assert torch.isfinite(cost).all()
    oracle = OracleAgent(replace(task, oracle_search=CEMConfig(futures=4, iterations=1)))
    oracle.reset(env, observation, np.random.default_rng(0))
    assert oracle.act(env).shape == (len(task.actions),)
