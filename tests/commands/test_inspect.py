"""``rehearse inspect``: what it tells of a checkpoint, and what it refuses."""

import json
import shutil

import pytest

from rehearse.cli import main
from rehearse.world_model import load, save, shipped_checkpoint


def refused(capsys: pytest.CaptureFixture, path: object) -> str:
    assert main(["inspect", str(path)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def told(checkpoint, tmp_path):
    """A checkpoint with metrics that end after eight steps."""
    errors = [0.1 * step for step in range(1, 9)]
    row = {"mae": errors, "copy": [2 * error for error in errors], "spearman": 0.875}
    metrics = {
        "episodes": 40,
        "held_out": True,
        "moment": {"mse": errors, "copy": [4 * error for error in errors]},
        "signals": {"progress": row, "woken": row | {"auroc": 0.9375, "brier": 0.0625, "rate": 0.25}},
    }
    data = [{"task": "dog-on-jacket", "episodes": 6}, {"task": "dog-on-jacket", "level": "full"}]
    return save(load(checkpoint), tmp_path, data=data, metrics=metrics)


def test_the_shipped_checkpoint_is_told(capsys):
    assert main(["inspect"]) == 0
    text = capsys.readouterr().out
    count = sum(p.numel() for p in load(shipped_checkpoint("dog-on-jacket-tiny")).parameters())
    for word in (f"{count:,} parameters", "decoder", "dog_turn_radps", "event", "0.959", "noisy play", "held-out"):
        assert word in text, word


def test_figures_are_those_of_the_side_file(told, tmp_path, capsys):
    assert main(["inspect", str(told), "--json", str(tmp_path / "facts.json")]) == 0
    text = capsys.readouterr().out
    facts = json.loads((tmp_path / "facts.json").read_text())
    model = load(told)
    assert facts["parameters"] == sum(p.numel() for p in model.parameters())
    assert facts["parts"]["decoder"]["parameters"] == sum(p.numel() for p in model.decoder.parameters())
    assert facts["bytes"] == told.stat().st_size
    assert facts["moment"]["8"] == {"model": pytest.approx(0.8), "copy": pytest.approx(3.2)}
    assert "15" not in facts["moment"], "nothing is made up where the metrics end"
    assert facts["signals"]["woken"]["auroc"] == 0.9375
    assert facts["signals"]["disturbance"] == dict(
        kind="regression", mae={}, spearman=None, auroc=None, brier=None, rate=None
    )
    assert facts["data"][1]["level"] == "full"
    for word in ("0.875", "0.938", "0.062", "25 %", "0.8000 / 3.2000", "40 held-out episodes"):
        assert word in text, word


def test_a_checkpoint_without_metrics_says_so(checkpoint, capsys):
    assert main(["inspect", str(checkpoint)]) == 0
    assert "no evaluation is recorded" in capsys.readouterr().out


def test_what_is_no_checkpoint_is_one_clear_error(told, tmp_path, capsys):
    assert "no checkpoint" in refused(capsys, tmp_path / "nowhere")
    whole, side = told.read_bytes(), json.loads(told.with_suffix(".json").read_text())
    told.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refused(capsys, told)
    told.write_bytes(whole)
    for change, said in (({"format": 99}, "format 99"), ({"model": {"layers": 3}}, "describes no known model")):
        told.with_suffix(".json").write_text(json.dumps(side | change))
        assert said in refused(capsys, told)
    shutil.copy(__file__, told.with_suffix(".json"))
    assert "damaged" in refused(capsys, told)
    told.with_suffix(".json").unlink()
    assert "missing" in refused(capsys, told)
