"""Suites: that a name means the same episodes, that a kill loses and repeats nothing, and that nonsense is refused."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from rehearse.cli import main
from rehearse.errors import ConfigError, DataError
from rehearse.recorded import conditions, config_of
from rehearse.sim.agents import make_agent
from rehearse.sim.evaluate import EvalConfig, env_for, run_episode
from rehearse.sim.latency import Clock, Measured
from rehearse.sim.tasks import get_task
from rehearse.suites.frozen import freeze, read_lock, scenes_of, used
from rehearse.suites.page import markdown
from rehearse.suites.run import SuiteRun, read_row
from rehearse.suites.suite import cells_of, checked, read_suite, suite_from, suite_hash, suite_path

pytestmark = pytest.mark.gl
POINT = "tests.sim.point_mass:TASK"
CONTENT = {
    "name": "small",
    "episodes": 2,
    "seed": 5,
    "films": 0,
    "references": ["nothing", "script-best"],
    "parts": [
        {"task": POINT, "name": "point", "levels": ["near", "far"]},
        {
            "task": "reach",
            "references": ["script-best"],
            "clocks": ["ideal", "fixed:400"],
            "variations": [{"factor": "light", "strengths": [0, 0.5]}],
        },
    ],
}
OF_THE_CLOCK = ("cpu_ms", "plan_ms", "late")


def small(**changes: object):
    return checked(suite_from(copy.deepcopy(CONTENT) | changes, "small.yaml"), "small.yaml")


def begun(out: Path, suite=None, lock=None) -> SuiteRun:
    suite = suite or small()
    return SuiteRun.open(suite, cells_of(suite), lock, out, "code 1")


def table(out: Path) -> list[dict]:
    rows = pq.read_table(out / "rows.parquet").to_pylist()
    return [{name: value for name, value in row.items() if name not in OF_THE_CLOCK} for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("suite") / "whole"
    begun(out).go(workers=1)
    return out


def test_cells_vary_one_thing_at_a_time() -> None:
    assert [cell.id for cell in cells_of(small())] == [
        "point_near",
        "point_far",
        "reach_usual",
        "reach_usual_fixed-400",
        "reach_usual_light-0.5",
    ]


def test_rows_hold_all_that_an_episode_depends_on(whole: Path) -> None:
    rows = table(whole)
    assert len(rows) == 2 * 2 * 2 + 3 * 2
    last = rows[-1]
    assert (last["task"], last["factor"], last["strength"], last["clock"]) == ("reach", "light", 0.5, "ideal")
    assert rows[8 + 2]["clock"] == "fixed:400"
    assert {row["success"] for row in rows if row["method"] == "script-best" and row["task"] == POINT} == {True}
    assert {row["layout"] for row in rows} == {5_000_000, 5_000_001}
    assert read_row(whole, 3)["row"] == 3
    with pytest.raises(ConfigError, match="no row 99"):
        read_row(whole, 99)


def test_a_kill_loses_and_repeats_nothing(whole: Path, tmp_path: Path) -> None:
    count = 0

    def killed(cell: object, episode: object) -> None:
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begun(tmp_path / "out").go(1, killed)
    rows = tmp_path / "out/rows"
    half = max(rows.glob("*.jsonl"), key=lambda path: path.stat().st_size)
    with half.open("a") as file:
        file.write('{"method": "script-best", "lay')  # a line that the kill has torn
    before = sum(len(path.read_text().splitlines()) for path in rows.glob("*.jsonl"))
    ran = []
    resumed = begun(tmp_path / "out")
    resumed.go(1, lambda cell, episode: ran.append(episode))
    assert len(ran) == resumed.total, "what is known is counted as well"
    assert before > len(list(rows.glob("*.jsonl"))), "something had been finished"
    assert table(tmp_path / "out") == table(whole)


@pytest.mark.slow
def test_what_takes_long_may_have_fewer_episodes(tmp_path: Path) -> None:
    parts = [{"task": POINT, "name": "point", "levels": ["near"], "fewer": {"script-best": 1}}]
    run = begun(tmp_path, small(parts=parts))
    run.go(workers=1)
    assert [(row["row"], row["method"], row["layout"]) for row in run.rows()] == [
        (0, "nothing", 5_000_000),
        (1, "nothing", 5_000_001),
        (2, "script-best", 5_000_000),
    ]
    assert [row["n"] for row in run.summaries(0)] == [2, 1]
    assert run.total == 3
    assert run.hash != begun(tmp_path / "all", small(parts=[{**parts[0], "fewer": {}}])).hash


def test_processes_give_the_same_rows(whole: Path, tmp_path: Path) -> None:
    begun(tmp_path / "out").go(workers=2)
    assert table(tmp_path / "out") == table(whole)


def test_the_hash_is_of_what_is_run_and_of_nothing_else() -> None:
    told = suite_hash(cells_of(small()), None)
    assert told == suite_hash(cells_of(small(about="words", films=1)), None)
    for changes in ({"seed": 6}, {"episodes": 3}, {"references": ["nothing"]}, {"parts": CONTENT["parts"][:1]}):
        assert told != suite_hash(cells_of(small(**changes)), None), changes


def test_another_suite_in_its_folder_is_refused(whole: Path) -> None:
    with pytest.raises(ConfigError, match="give another folder"):
        begun(whole, small(seed=6))


def test_a_changed_scene_is_noticed(tmp_path: Path) -> None:
    suite = small(parts=CONTENT["parts"][:1])
    lock = freeze(cells_of(suite))
    begun(tmp_path / "same", suite, lock).go(1)
    scene = next(iter(lock))
    lock[scene]["starts"][0] = "0" * len(lock[scene]["starts"][0])
    with pytest.raises(DataError, match="5000000"):
        begun(tmp_path / "other", suite, lock).go(1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, "no field 'colour'"),
        ({"parts": []}, "at least one part"),
        ({"split": "train"}, "never on training"),
        ({"name": "../up"}, "small letters"),
        ({"episodes": "many"}, "episodes"),
        ({"parts": [{"task": "juggling"}]}, "unknown task 'juggling'"),
        ({"parts": [{"task": "reach", "steps": 3}]}, r"parts\[0\] has no field 'steps'"),
        ({"parts": [{"task": "reach"}, {"task": "reach"}]}, "two parts are called 'reach'"),
        ({"parts": [{"task": "reach", "clocks": ["fixed:90"]}]}, "200"),
        ({"parts": [{"task": "reach", "variations": [{"factor": "mood", "strengths": [1]}]}]}, "unknown factor"),
        ({"parts": [{"task": "reach", "variations": [{"factor": "light", "strengths": [1.5]}]}]}, r"lies in \[0, 1\]"),
        (
            {"parts": [{"task": "dog-on-jacket", "variations": [{"factor": "size", "strengths": [1]}]}]},
            "here are: light",
        ),
        ({"parts": [{"task": "reach", "variations": [{"factor": "latency", "strengths": [1]}]}]}, "in a suite clocks"),
        ({"parts": [{"task": "reach", "planner": {"haste": 1}}]}, "no field 'haste'"),
        ({"parts": [{"task": "reach"}], "methods": ["planner-many"], "references": None}, "planner-many"),
    ],
)
def test_nonsense_is_refused_by_name(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        small(**changes)


def test_shipped_suites_are_sound_and_frozen() -> None:
    for name in ("smoke", "headline", "robustness"):
        cells = cells_of(read_suite(name))
        lock = used(read_lock(suite_path(name)), cells)
        first = [replace(cell, config=replace(cell.config, episodes=1)) for cell in scenes_of(cells).values()]
        for scene, laid_out in freeze(first).items():
            assert lock[scene]["starts"][0] == laid_out["starts"][0], (name, scene)
    with pytest.raises(ConfigError, match="headline, robustness, smoke"):
        read_suite("nothing-of-the-kind")


@pytest.mark.slow
def test_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source, out = tmp_path / "small.yaml", tmp_path / "out"
    parts = [CONTENT["parts"][0], {"task": "reach", "methods": ["planner-8"], "episodes": 1}]
    source.write_text(yaml.safe_dump(CONTENT | {"films": 1, "parts": parts}))
    assert main(["eval", "--suite", str(source), "--out", str(out), "--workers", "1"]) == 0
    report = json.loads((out / "report.json").read_text())
    assert [part["name"] for part in report["parts"]] == ["point", "reach"]
    page = (out / "page.html").read_text()
    assert "<video" in page
    assert "http" not in page.replace("http://www.w3.org", ""), "nothing is loaded from anywhere"
    assert "`script-best`" in (out / "report.md").read_text()
    assert main(["replay", str(out), "--row", "1"]) == 0, capsys.readouterr()


def test_what_varies_is_told_in_a_table() -> None:
    rate = {"success": 0.5, "low": 0.25, "high": 0.75}
    factors = {"light": [{"strength": 1.0, **rate, "success": 0.3}], "latency": [{"strength": 0.4, **rate}]}
    varied = {"method": "planner-8", "scene": "usual", "usual": rate, "factors": factors}
    part = {"harm": None, "cells": [], "latency": [], "main": "planner-8", "robustness": [varied]}
    suite = {"name": "small", "hash": "0", "frozen": False, "episodes": 2, "split": "test", "seed": 5}
    table = markdown({"suite": suite, "about": {}, "parts": [part]}).splitlines()[-3:]
    assert table == [
        "| `planner-8`, varied | as usual | 1 |",
        "| --- | ---: | ---: |",
        "| light | 50 % [25, 75] | 30 % [25, 75] |",
    ]


def test_the_model_replaced_by_identity_foresees_no_change() -> None:
    task = get_task("reach")
    env = task.make_env(split="validation")
    from rehearse.world_model import shipped_checkpoint

    agent = make_agent(task, "planner-identity-16", shipped_checkpoint("reach-tiny"))
    observation, _ = env.reset(options={"layout": 0})
    agent.reset(env, observation, np.random.default_rng(0))
    agent.act(env)
    costs = {round(candidate.cost, 5) for candidate in agent.last_plan.kept}
    env.close()
    assert len(costs) == 1, "all futures are alike"


def test_what_varies_is_another_scene_and_frozen_but_for_what_happens_to_pictures() -> None:
    part = {"task": "reach", "references": ["nothing"], "episodes": 1}
    part["variations"] = [{"factor": "light", "strengths": [0.5]}, {"factor": "frozen_frames", "strengths": [1]}]
    plain, light, frozen = cells_of(small(parts=[part]))
    assert plain.scene == frozen.scene == "reach usual arm=arm7 test"
    assert light.scene == "reach usual arm=arm7 light=0.5 test"
    lock = freeze([plain, light])
    assert lock[plain.scene]["starts"] != lock[light.scene]["starts"]
    for cell in (plain, light, frozen):
        assert freeze([cell])[cell.scene] == lock[cell.scene], cell.id
    with pytest.raises(DataError, match="light="):
        used({plain.scene: lock[plain.scene]}, [plain, light])


def test_an_evaluation_varies_what_it_says_and_tells_it() -> None:
    usual, dark = (EvalConfig(task="reach", methods=("nothing",), variations=v) for v in ({}, {"light": 1, "mass": 0}))
    assert dark.variations == {"light": 1.0}, "strength 0 is as usual"
    seen = []
    for config in (usual, dark, usual):
        env = env_for(config)
        seen.append(env.reset(options={"layout": 3})[0])
        env.close()
    plain, varied, again = seen
    np.testing.assert_array_equal(plain["image"], again["image"])
    assert np.abs(plain["image"].astype(int) - varied["image"]).mean() > 5
    for name in ("goal_state", "proprio"):
        np.testing.assert_array_equal(plain[name], varied[name])
    assert "variations" not in conditions(usual)
    assert config_of(conditions(dark), "nothing", None).variations == dark.variations
    with pytest.raises(ConfigError, match="--clock fixed:400"):
        EvalConfig(task="reach", variations={"latency": 0.5})


def test_fewer_episodes_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    told = tmp_path / "told.json"
    begun = ["eval", "--task", POINT, "--methods", "nothing,script-best", "--episodes", "2", "--workers", "1"]
    for words in ("script-best", "script-best=many", "script-best=0", "oracle=1"):
        assert main([*begun, "--fewer", words]) == 2, words
        assert "fewer" in capsys.readouterr().err
    assert main([*begun, "--fewer", "script-best=1", "--until-decided"]) == 2
    assert main([*begun, "--fewer", "script-best=1", "--json", str(told)]) == 0
    assert [row["n"] for row in json.loads(told.read_text())["rows"]] == [2, 1]


def test_variations_by_the_command_line(tmp_path: Path) -> None:
    told, varied = tmp_path / "told.json", ["eval", "--task", POINT, "--methods", "nothing", "--episodes", "1"]
    assert main([*varied, "--variations", "light=1"]) == 2, "this task has no factors"
    varied[2] = "reach"
    for words in ("light", "light=", "light=much", "light=2", "mood=1", "latency=1"):
        assert main([*varied, "--variations", words]) == 2, words
    assert main([*varied, "--variations", "light=1,friction=0.5", "--workers", "1", "--json", str(told)]) == 0
    assert json.loads(json.loads(told.read_text())["about"]["variations"]) == {"light": 1.0, "friction": 0.5}
    assert main(["replay", str(told), "--method", "nothing", "--layout", "0"]) == 0


def test_a_measured_clock_is_late_by_what_planning_took() -> None:
    task = get_task(POINT)
    env = task.make_env("near")
    seconds = iter(np.arange(0, 100, 0.25))  # every decision takes 0.25 s, of steps of 0.2 s
    agent = make_agent(task, "script-best")
    late = Measured(agent, task.hold, task.period_s, clock=lambda: float(next(seconds)))
    run_episode(task, env, late, "script-best", 1)
    assert set(late.delays) == {2}
    env.close()
    assert Clock.parse("measured", 0.2, True).measured
    with pytest.raises(ConfigError):
        Clock.parse("soon", 0.2, True)
