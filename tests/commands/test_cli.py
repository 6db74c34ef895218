"""The command line as scripts use it: exit codes, JSON, and one clear line per error."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from rehearse.cli import main
from rehearse.sim.agents import methods_of
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.tasks import TASKS
from rehearse.world_model import shipped_checkpoint
from tests.house.tree import ROOT

COMMANDS = (
    *("demo", "eval", "collect", "train", "pretrain", "finetune", "fidelity", "novelty", "gate", "replay", "explain"),
    *("aggregate", "dream", "inspect", "sweep", "tasks", "bench"),
)
ROW_KEYS = {"method", "n", "success", "success_low", "success_high", "woken", "time_s"}


def refused(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    """Run a command that must exit with 2 and one line of error; returns the line."""
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, lines
    assert lines[-1] == errors[0], "nothing follows the error"
    return errors[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_the_common_options(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert all(option in text for option in ("--seed", "--json", "--debug"))


def test_an_unknown_option_exits_with_2(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["eval", "--no-such-option"])
    assert stopped.value.code == 2


def test_a_reader_that_has_had_enough_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "rehearse.cli", "eval", "--help"], stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_fidelity_writes_a_row_for_the_model_and_for_nominal_physics(checkpoint, tmp_path):
    path = tmp_path / "rows.json"
    options = ["--states", "12", "--candidates", "6", "--workers", "1", "--json", path, "--checkpoint", checkpoint]
    assert main(["fidelity", *map(str, options)]) == 0
    model, nominal = json.loads(path.read_text())["rows"]
    assert (model["dynamics"], nominal["dynamics"]) == ("model", "nominal")
    assert nominal["distance"] > 0.8 > model["distance"], "an untrained model knows nothing, the physics nearly all"
    for row in (model, nominal):
        assert -1 <= row["cost_low"] <= row["cost"] <= row["cost_high"] <= 1
        assert row["woken_true"] == model["woken_true"]


def test_eval_writes_rows_that_scripts_can_rely_on(checkpoint, tmp_path):
    path = tmp_path / "rows.json"
    methods = "nothing,script-fast,planner-8"
    arguments = ["--methods", methods, "--episodes", "2", "--seed", "5", "--json", path, "--checkpoint", checkpoint]
    assert main(["eval", "--task", "dog-on-jacket", "--level", "half", *map(str, arguments)]) == 0
    result = json.loads(path.read_text())
    assert [row["method"] for row in result["rows"]] == methods.split(",")
    for row in result["rows"]:
        assert row.keys() >= ROW_KEYS
        assert row["n"] == 2
        assert 0 <= row["success_low"] <= row["success"] <= row["success_high"] <= 1
    layouts = {
        method: [e["layout"] for e in result["episodes"] if e["method"] == method] for method in methods.split(",")
    }
    assert len({tuple(found) for found in layouts.values()}) == 1, "every method meets the same layouts"
    assert next(row for row in result["rows"] if row["method"] == "planner-8")["futures"] == 8


def test_eval_with_another_arm_and_another_camera(checkpoint, tmp_path):
    result, options = (
        tmp_path / "rows.json",
        ["--methods", "script-best,planner-8", "--episodes", "1", "--workers", "1"],
    )
    scene = ["--arm", "arm6", "--camera", "left", "--jacket", "cloth"]
    assert main(["eval", *options, *scene, "--checkpoint", str(checkpoint), "--json", str(result)]) == 0
    content = json.loads(result.read_text())
    assert (content["about"]["arm"], content["about"]["camera"]) == ("arm6", "left")
    replay = ["replay", str(result), "--method", "planner-8", "--layout", "0", "--checkpoint", str(checkpoint)]
    assert main(replay) == 0
    del content["about"]["arm"], content["about"]["camera"]  # as in results from before there was a choice
    result.write_text(json.dumps(content))
    assert main(replay) == 1, "by arm7 it ends otherwise"


def test_eval_under_latency(checkpoint, tmp_path, capsys):
    path = tmp_path / "rows.json"
    options = ["--methods", "script-fast,planner-8", "--episodes", "2", "--checkpoint", checkpoint, "--json", path]
    assert main(["eval", "--clock", "fixed:400", *map(str, options)]) == 0
    result = json.loads(path.read_text())
    assert result["about"]["delay_steps"] == "2"
    assert all(episode["time_s"] > 0.4 for episode in result["episodes"]), "nothing can happen before it is done"
    assert "multiple of 200" in refused(capsys, "eval", "--clock", "fixed:150", *options)


def test_gate_tells_by_its_exit_code_and_leaves_reports(tmp_path, capsys):
    result, junit, table = (tmp_path / name for name in ("rows.json", "junit.xml", "gates.md"))
    assert main(["eval", "--methods", "nothing", "--episodes", "2", "--json", str(result)]) == 0
    gate = ["gate", str(result), "--methods", "nothing", "--junit", str(junit), "--markdown", str(table)]
    assert main([*gate, "--baseline", str(result), "--max-woken", "0.1"]) == 0
    assert "All 3 gates hold" in table.read_text()
    assert main([*gate, "--min-success", "0.5", "--json", str(tmp_path / "gates.json")]) == 1
    assert "<failure" in junit.read_text()
    assert json.loads((tmp_path / "gates.json").read_text())["passed"] is False
    assert "rehearse eval --json" in refused(capsys, *gate, "--baseline", junit)
    assert "nowhere.json" in refused(capsys, *gate, "--baseline", "nowhere.json")


def test_a_killed_evaluation_goes_on_and_ends_alike(tmp_path):
    def rows(path: Path) -> list[dict]:
        found = [json.loads(line) for line in path.read_text().splitlines()[1:]]
        return sorted(({**row, "cpu_ms": 0} for row in found), key=lambda row: (row["method"], row["layout"]))

    command = [sys.executable, "-m", "rehearse.cli", "eval", "--methods", "random,script-best", "--episodes", "6"]
    straight, killed = tmp_path / "straight.jsonl", tmp_path / "killed.jsonl"
    subprocess.run([*command, "--rows", str(straight)], check=True, capture_output=True)
    process = subprocess.Popen([*command, "--rows", str(killed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and (not killed.exists() or killed.read_text().count("\n") < 4):
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = rows(killed)
    assert 0 < len(before) < 12, "killed in the middle"
    done = subprocess.run([*command, "--rows", str(killed), "--json", str(tmp_path / "r.json")], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert rows(killed) == rows(straight)
    assert [row["n"] for row in json.loads((tmp_path / "r.json").read_text())["rows"]] == [6, 6]


def test_an_episode_can_be_replayed_and_filmed(checkpoint, tmp_path, capsys):
    import av

    result, film = tmp_path / "rows.json", tmp_path / "film.mp4"
    options = ["--methods", "planner-8", "--episodes", "2", "--seed", "3", "--clock", "fixed:200", "--workers", "1"]
    assert main(["eval", *options, "--checkpoint", str(checkpoint), "--json", str(result)]) == 0
    replay = ["replay", str(result), "--method", "planner-8", "--layout", "3000001", "--checkpoint", str(checkpoint)]
    assert main([*replay, "--film", str(film)]) == 0
    with av.open(str(film)) as opened:
        frames = sum(1 for _ in opened.decode(video=0))
    content = json.loads(result.read_text())
    assert frames == content["episodes"][1]["steps"] + 1
    content["episodes"][1]["disturbance"] += 0.01
    result.write_text(json.dumps(content))
    assert main(replay) == 1, "an episode that ends otherwise is told"
    assert "3000009" in refused(capsys, *replay[:-3], "3000009")
    assert "not the checkpoint" in refused(capsys, *replay[:-2])


def test_a_recorded_decision_is_explained(checkpoint, tmp_path, capsys):
    result, page, told = (tmp_path / name for name in ("rows.json", "page.html", "told.json"))
    options = ["--episodes", "1", "--workers", "1", "--checkpoint", str(checkpoint), "--json", str(result)]
    assert main(["eval", "--methods", "planner-64,nothing", *options]) == 0
    explain = ["explain", str(result), "0", "--layout", "0", "--checkpoint", str(checkpoint)]
    chosen = ["--method", "planner-64", "--page", str(page), "--json", str(told)]
    assert main([*explain, *chosen]) == 0
    candidates = json.loads(told.read_text())["candidates"]
    assert candidates[0]["verdict"] == "chosen"
    assert candidates[-1]["verdict"].startswith("rejected: ")
    assert sum(candidates[0]["parts"].values()) == pytest.approx(candidates[0]["cost"], rel=1e-4)
    assert [c["cost"] for c in candidates] == sorted(c["cost"] for c in candidates)
    assert "decision 0" in page.read_text()
    late = [*explain[:2], "20", *explain[3:]]
    assert "decisions 0 to" in refused(capsys, *late, "--method", "planner-64")
    assert "learned planner" in refused(capsys, *explain, "--method", "nothing")
    assert "name one with --method" in refused(capsys, "explain", result, "0")


def test_the_tree_of_an_episode_is_explained_and_drawn(checkpoint, tmp_path, capsys):
    trees, picture, told = tmp_path / "trees", tmp_path / "tree.svg", tmp_path / "told.json"
    options = ["--episodes", "1", "--workers", "1", "--checkpoint", str(checkpoint)]
    assert main(["eval", "--methods", "planner-64,nothing", "--trees", str(trees), *options]) == 0
    assert [file.name for file in trees.iterdir()] == ["planner-64-0.safetensors"]
    tree = trees / "planner-64-0.safetensors"
    assert main(["explain", str(tree), "0", "--picture", str(picture), "--json", str(told)]) == 0
    assert "rejected: " in capsys.readouterr().out
    assert len(json.loads(told.read_text())["candidates"]) == 16
    assert picture.read_text().count("<path") > 16
    assert "decisions 0 to" in refused(capsys, "explain", tree, "99")
    assert "leave --method" in refused(capsys, "explain", tree, "0", "--method", "planner-64")
    assert "cannot be read" in refused(capsys, "explain", tmp_path / "none.safetensors", "0")


def test_tasks_are_listed_with_what_they_are(tmp_path):
    path = tmp_path / "tasks.json"
    assert main(["tasks", "--json", str(path)]) == 0
    rows = {row["task"]: row for row in json.loads(path.read_text())["tasks"]}
    assert list(rows) == list(TASKS)
    assert rows["dog-on-jacket"]["levels"] == ["easy", "half", "full"]
    assert "oracle-nominal" in rows["dog-on-jacket"]["methods"]
    assert main(["tasks", "--tag", "smoke", "--speed", "--json", str(path)]) == 0
    for row in json.loads(path.read_text())["tasks"]:
        assert "smoke" in row["tags"]
        assert row["steps per CPU-s"] > 0


def test_the_page_of_tasks_is_that_of_the_registry():
    page = runpy.run_path(str(ROOT / "docs" / "make_tasks.py"))["page"]()
    assert (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8") == page, "make docs"


def test_the_method_names_are_stable():
    planners = tuple(f"planner-{n}" for n in (1, 8, 64, 512, 4096))
    assert methods_of(TASK) == ("nothing", "random", "script-fast", "script-best", "cloning", *planners, "oracle")


def test_collect_then_train_then_eval(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["collect", "--episodes", "6", "--json", "collected.json"]) == 0
    assert json.loads(Path("collected.json").read_text())["episodes"] == 6
    train = [
        "train",
        "--preset",
        "debug",
        "--steps",
        "4",
        "--rounds",
        "1",
        "--round-episodes",
        "2",
        "--round-steps",
        "2",
    ]
    assert main([*train, "--json", "trained.json"]) == 0
    weights = Path(json.loads(Path("trained.json").read_text())["checkpoint"])
    made = weights.stat().st_mtime_ns, Path("runs/dog-on-jacket/round-1/attempts/meta/info.json").stat().st_mtime_ns
    assert main(["eval", "--methods", "planner-1", "--episodes", "1", "--checkpoint", str(weights)]) == 0
    assert main(train) == 0, "a finished run can be run again"
    assert Path("runs/dog-on-jacket/round-1/attempts/meta/info.json").stat().st_mtime_ns == made[1], "nothing twice"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["eval", "--task", "cat-on-jacket"], "cat-on-jacket"),
        (["eval", "--level", "hard"], "hard"),
        (["eval", "--methods", "planner-many"], "planner-many"),
        (["eval", "--jacket", "wool", "--methods", "nothing"], "wool"),
        (["eval", "--arm", "arm8", "--methods", "nothing"], "arm8"),
        (["eval", "--camera", "behind", "--methods", "nothing"], "behind"),
        (["eval", "--checkpoint", "no/such/model.safetensors", "--methods", "planner-8"], "no/such/model"),
        (["eval", "--episodes", "0"], "episodes"),
        (["train", "--data", "no/such/data"], "no/such/data"),
        (["train", "--preset", "huge"], "huge"),
        (["collect", "--level", "nowhere"], "nowhere"),
        (["collect", "--arm", "arm6+arm8"], "arm8"),
        (["collect", "--camera", "behind"], "behind"),
        (["collect", "--jacket", "wool"], "wool"),
        (["collect", "--workers", "0"], "workers"),
        (["sweep", "--episodes", "0"], "episodes"),
        (["demo", "--episodes", "0"], "episodes"),
        (["train", "--rounds", "1", "--level", "nonsense"], "nonsense"),
        (["eval", "--methods", "nothing", "--freeze"], "--freeze is for --suite"),
        (["eval", "--methods", "nothing", "--out", "somewhere"], "--out is for --suite"),
        (["eval", "--latency", "0,200", "--floor", "0.5"], "leave out --floor"),
        (["eval", "--latency", "0,200", "--ray-address", "auto"], "leave out --ray-address"),
        (["finetune", "--checkpoint", str(shipped_checkpoint("push-cloned"))], "no world model"),
    ],
)
def test_what_does_not_exist_is_named(arguments, named, capsys):
    assert named in refused(capsys, *arguments)


def test_a_result_that_cannot_be_written_is_refused_before_the_work(checkpoint, tmp_path, capsys):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "rows.json"):
        assert f"--json {path}" in refused(capsys, "inspect", checkpoint, "--json", path)
    collected = refused(capsys, "collect", "--episodes", "1", "--workers", "1", "--out", tmp_path / "file" / "play")
    assert "file" in collected


def test_data_of_another_task_are_refused(dataset, tmp_path, capsys):
    out = ["--preset", "debug", "--steps", "1", "--out", tmp_path / "run"]
    assert "push has (2, 4)" in refused(capsys, "train", "--task", "push", "--data", dataset, *out)
    assert not (tmp_path / "run/model.safetensors").exists()


def test_a_method_that_is_named_twice_counts_once(tmp_path):
    path = tmp_path / "rows.json"
    few = ["--episodes", "2", "--workers", "1", "--json", str(path)]
    assert main(["eval", "--task", "reach", "--methods", "nothing,nothing", *few]) == 0
    assert [row["n"] for row in json.loads(path.read_text())["rows"]] == [2]


def test_a_checkpoint_of_another_shape_is_refused(checkpoint, tmp_path, capsys):
    for source in (checkpoint, checkpoint.with_suffix(".json")):
        shutil.copy(source, tmp_path)
    side = json.loads((tmp_path / "model.json").read_text())
    side["model"]["state_dim"] += 8
    (tmp_path / "model.json").write_text(json.dumps(side))
    assert "tensor" in refused(capsys, "eval", "--methods", "planner-8", "--checkpoint", tmp_path)


def test_a_checkpoint_of_another_robot_is_refused(tmp_path, capsys):
    from rehearse.world_model import ModelConfig, WorldModel, preset, save

    small = vars(preset("debug").model) | {"action_dim": 2, "proprio_dim": 3, "signals": {"reward": "regression"}}
    save(WorldModel(ModelConfig(**small)), tmp_path)
    line = refused(capsys, "eval", "--methods", "planner-8", "--checkpoint", tmp_path)
    assert "dog-on-jacket" in line


def test_a_truncated_video_is_named_and_nothing_is_written(dataset, tmp_path, capsys):
    copy = tmp_path / "play"
    shutil.copytree(dataset, copy)
    video = next(copy.rglob("*.mp4"))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    line = refused(capsys, "train", "--data", copy, "--out", tmp_path / "run", "--preset", "debug", "--steps", "2")
    assert video.name in line
    assert not list(tmp_path.rglob("model.safetensors"))


def test_an_empty_dataset_is_refused(dataset, tmp_path, capsys):
    copy = tmp_path / "play"
    shutil.copytree(dataset, copy)
    info = json.loads((copy / "meta/info.json").read_text())
    (copy / "meta/info.json").write_text(json.dumps(info | {"total_episodes": 0, "total_frames": 0}))
    for path in (copy / "meta/episodes").rglob("*.parquet"):
        path.unlink()
    assert "play" in refused(capsys, "train", "--data", copy, "--out", tmp_path / "run", "--preset", "debug")


def test_collecting_onto_a_dataset_loses_nothing(dataset, capsys):
    before = sorted((p.name, p.stat().st_size) for p in dataset.rglob("*") if p.is_file())
    assert "exists" in refused(capsys, "collect", "--out", dataset, "--episodes", "1")
    assert before == sorted((p.name, p.stat().st_size) for p in dataset.rglob("*") if p.is_file())


def test_weights_that_are_not_finite_are_refused(checkpoint, tmp_path, capsys):
    shutil.copy(checkpoint.with_suffix(".json"), tmp_path)
    from safetensors import safe_open

    with safe_open(checkpoint, framework="pt") as opened:
        marks = opened.metadata()
    tensors = load_file(checkpoint)
    tensors["backbone.predict.change.weight"] = tensors["backbone.predict.change.weight"] + np.nan
    save_file(tensors, tmp_path / "model.safetensors", metadata=marks)
    named = refused(capsys, "eval", "--methods", "planner-8", "--checkpoint", tmp_path)
    assert "backbone.predict.change.weight" in named


def test_debug_shows_where_an_error_came_from():
    with pytest.raises(Exception, match="nowhere"):
        main(["collect", "--level", "nowhere", "--debug"])


def test_without_graphics_libraries_the_error_is_one_line_with_the_remedy():
    environment = {
        **os.environ,
        "MUJOCO_GL": "osmesa",
        "PYOPENGL_PLATFORM": "osmesa",
        "LD_LIBRARY_PATH": "/nonexistent",
    }
    code = (
        "import ctypes.util as u, sys; find = u.find_library\n"
        "u.find_library = lambda name: None if 'OSMesa' in name or 'GL' in name else find(name)\n"
        "from rehearse.cli import main; sys.exit(main(['eval', '--methods', 'nothing', '--episodes', '1']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert "apt-get install" in lines[0]
