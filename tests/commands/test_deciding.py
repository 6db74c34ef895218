"""Planning an evaluation, one that stops by itself, and one figure for many, from the command line."""

import json

import pytest

from rehearse.cli import main


def test_plan_n_runs_nothing_and_tells_the_sizes(tmp_path, capsys):
    assert main(["eval", "--plan-n", "0.8", "0.9", "--json", str(tmp_path / "plan.json")]) == 0
    said = capsys.readouterr()
    assert "80%" in said.out
    assert "evaluating" not in said.err, "nothing ran"
    plans = json.loads((tmp_path / "plan.json").read_text())["plans"]
    assert {"test": "different", "layout": "unpaired, each", "power": 0.8, "n": 199} in plans
    assert {plan["power"] for plan in plans} == {0.8, 0.9}
    assert main(["eval", "--plan-n", "80", "90"]) == 2
    assert "between 0 and 1" in capsys.readouterr().err


def test_an_evaluation_stops_when_it_is_decided(tmp_path, capsys):
    rows, result = tmp_path / "rows.jsonl", tmp_path / "result.json"
    options = ["--episodes", "40", "--workers", "1", "--rows", str(rows), "--json", str(result)]
    known = {"method": "nothing", "success": False, "woken": False, "time_s": 4.0, "disturbance": 0.1}
    known |= {"progress": 0.0, "steps": 20, "futures": 0, "cpu_ms": 1.5}
    assert main(["eval", "--methods", "nothing", *options[:1], "1", *options[2:]]) == 0
    with rows.open("a") as file:  # all that it would find, so that nothing has to be run
        file.writelines(json.dumps({**known, "layout": layout}) + "\n" for layout in range(1, 40))
    assert main(["eval", "--methods", "nothing", *options, "--until-decided", "--floor", "0.5"]) == 0
    told = json.loads(result.read_text())
    assert told["decision"]["decided"] == "lower"
    assert told["rows"][0]["n"] == told["decision"]["layouts"] < 20
    assert "succeeds less often than 50%" in capsys.readouterr().out
    assert main(["gate", str(result), "--methods", "nothing", "--min-success", "0.5"]) == 2
    assert "fixed number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--until-decided", "--methods", "nothing"], "--floor"),
        (["--floor", "0.5", "--methods", "nothing"], "--until-decided"),
    ],
)
def test_half_a_question_is_refused(options, named, capsys):
    assert main(["eval", *options]) == 2
    assert named in capsys.readouterr().err


def test_aggregate_sorts_rates_into_tasks_and_seeds(tmp_path, capsys):
    def result(task, seed, success, n=100):
        path = tmp_path / f"{task}-{seed}.json"
        row = {"method": "planner-8", "n": n, "success": success}
        path.write_text(json.dumps({"rows": [row], "episodes": [], "about": {"task": task, "seed": seed}}))
        return str(path)

    files = [result(task, seed, 0.5 + 0.1 * int(seed)) for task in ("push", "reach") for seed in "012"]
    assert main(["aggregate", *files, "--json", str(tmp_path / "all.json")]) == 0
    [row] = json.loads((tmp_path / "all.json").read_text())["rows"]
    assert row["value"] == pytest.approx(0.6)
    assert (row["tasks"], row["seeds"]) == (["push", "reach"], 3)
    assert row["low"] < 0.6 < row["high"]
    capsys.readouterr()
    assert main(["aggregate", *files[:-1]]) == 2
    assert "reach: seeds 0, 1" in capsys.readouterr().err
    singles = [result(task, seed, 1.0, n=1) for task in ("push", "reach") for seed in "012"]
    assert main(["aggregate", *singles]) == 2
    assert "single episode" in capsys.readouterr().err
