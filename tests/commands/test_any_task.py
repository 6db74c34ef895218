"""From nothing to a planner on a task that the harness has never heard of, by the command line alone."""

import json

import pytest

from rehearse.cli import main
from rehearse.world_model import describe
from rehearse.world_model.data import LeRobotReader
from tests.sim.point_mass import TASK

NAME = "tests.sim.point_mass:TASK"
pytestmark = pytest.mark.gl


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    """A model that has seen 8 episodes of play, and then one attempt of its own."""
    folder = tmp_path_factory.mktemp("point-mass")
    play, run = folder / "play", folder / "run"
    collect = ["collect", "--task", NAME, "--out", str(play), "--episodes", "8", "--level", "near+far"]
    assert main([*collect, "--workers", "1", "--json", str(folder / "collected.json")]) == 0
    rounds = ["--rounds", "1", "--round-episodes", "1", "--round-steps", "2", "--task", NAME]
    train = ["train", "--data", str(play), "--out", str(run), "--preset", "debug", "--steps", "12"]
    assert main([*train, *rounds, "--no-tensorboard"]) == 0
    return folder


def test_its_dataset_says_what_it_is(model) -> None:
    reader = LeRobotReader(model / "play")
    assert reader.signal_kinds == TASK.signals
    assert (reader.action_dim, reader.proprio_dim, reader.fps) == (2, 2, 5)
    told = {name: reader.provenance[name] for name in ("task", "level", "pace", "split")}
    assert told == {"task": NAME, "level": "near+far", "pace": "slow", "split": "train"}
    assert max(reader.read(i).signals["rim"].max() for i in range(8)) <= TASK.tops["rim"]
    counts = json.loads((model / "collected.json").read_text())
    assert counts["fell"] == sum(bool(reader.read(i).signals["fell"].max()) for i in range(8))
    assert '"shift_px": 0' in (model / "run" / "README.md").read_text(), "trained as the task asks for"
    sources = describe(model / "run")["data"]
    assert [source["behaviour"] for source in sources] == ["noisy play", "attempts of the planner"]


@pytest.mark.parametrize("goal", ["state", "image"])
def test_it_is_evaluated_replayed_and_judged(model, tmp_path, goal: str, capsys) -> None:
    result, rows = tmp_path / "result.json", tmp_path / "rows.jsonl"
    command = [
        "eval",
        "--task",
        NAME,
        "--planner.goal",
        goal,
        "--option",
        "pace=fast",
        "--level",
        "near",
        "--checkpoint",
    ]
    command += [str(model / "run"), "--episodes", "3", "--workers", "1", "--rows", str(rows), "--json", str(result)]
    methods = "nothing,script-best,planner-16,oracle"
    assert main([*command, "--methods", methods]) == 0
    told = json.loads(result.read_text())
    by_method = {row["method"]: row for row in told["rows"]}
    assert list(by_method) == methods.split(",")
    assert by_method["oracle"]["success"] == by_method["script-best"]["success"] == 1.0
    assert by_method["nothing"]["success"] == by_method["nothing"]["fell"] == 0.0
    assert by_method["planner-16"]["futures"] == 16
    assert {"fell", "rim"} <= told["episodes"][0].keys()
    assert (told["about"]["task"], told["about"]["pace"], told["about"]["level"]) == (NAME, "fast", "near")
    assert ("planner" in told["about"]) == (goal != "state"), "what is usual need not be said"
    assert main([*command, "--methods", methods]) == 0, "again, from the file of rows"
    assert json.loads(result.read_text())["episodes"] == told["episodes"]
    replay = ["replay", str(result), "--method", "planner-16", "--layout", "2", "--checkpoint", str(model / "run")]
    assert main([*replay, "--film", str(tmp_path / "film.mp4")]) == 0
    gate = ["gate", str(result), "--baseline", str(result), "--methods", "oracle", "--max-harm", "0.1"]
    assert main(gate) == 0
    assert "fell at most 10%" in capsys.readouterr().out.replace("\n", " ")


def test_it_is_dreamt_of(model, tmp_path) -> None:
    dream = ["dream", str(model / "run"), "--task", NAME, "--option", "pace=fast", "--out", str(tmp_path / "dream.mp4")]
    assert main([*dream, "--json", str(tmp_path / "dream.json")]) == 0
    told = json.loads((tmp_path / "dream.json").read_text())
    assert set(told["truth"]) == set(TASK.signals)
    assert tmp_path.joinpath("dream.png").stat().st_size > 0


def test_it_is_explained_and_shown(model, tmp_path) -> None:
    result, told, why, page = (tmp_path / name for name in ("result.json", "told.json", "why.html", "demo.html"))
    run, chosen = ["--checkpoint", str(model / "run")], ["--method", "planner-16", "--layout", "0"]
    evaluated = ["eval", "--task", NAME, "--option", "pace=fast", "--methods", "planner-16", "--episodes", "1"]
    assert main([*evaluated, *run, "--workers", "1", "--json", str(result)]) == 0
    assert main(["explain", str(result), *chosen, *run, "--json", str(told), "--page", str(why)]) == 0
    verdicts = {candidate["verdict"] for candidate in json.loads(told.read_text())["candidates"]}
    assert {"chosen", "runner-up"} < verdicts
    assert "Layout 0: decision 0" in why.read_text()
    assert main(["demo", "--task", NAME, "--episodes", "1", "--level", "near", "--out", str(page), *run]) == 0
    text = page.read_text()
    assert all(said in text for said in ("A point mass goes to a place", "Fell over the rim", "Imagination acts"))
    assert "jacket" not in text


def test_what_does_not_fit_is_refused(model, capsys) -> None:
    """One line each: a task without a shipped model, a model of another robot, an option that the task has not."""
    run = ["--checkpoint", str(model / "run")]
    for arguments, said in (
        (["eval", "--task", NAME, "--methods", "planner-8"], "no model is shipped for point-mass"),
        (["eval", "--task", "dog-on-jacket", "--methods", "planner-8", *run], "dog-on-jacket needs 4"),
        (["eval", "--task", NAME, "--arm", "arm6", "--methods", "nothing"], "point-mass has no option arm"),
        (["eval", "--task", NAME, "--option", "pace", "--methods", "nothing"], "write NAME=VALUE"),
        (["eval", "--task", NAME, "--level", "half", "--methods", "nothing"], "choose one of near, far"),
        (["collect", "--task", "push", "--jacket", "cloth", "--out", "never"], "push has no option jacket"),
    ):
        assert main(arguments) == 2
        assert said in capsys.readouterr().err
