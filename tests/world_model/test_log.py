"""Logs: one unbroken curve over kills, TensorBoard files that its reader reads, wandb that stays at home."""

import json
import subprocess
import sys

import pytest

from rehearse.errors import SetupError
from rehearse.world_model import log
from rehearse.world_model.config import TrainConfig
from rehearse.world_model.log import JsonLines, TensorBoard, WeightsAndBiases, opened, read_lines


def write(made, steps):
    for step in steps:
        made.scalars(step, {"loss": 1 / step})


def test_a_resumed_file_has_neither_gap_nor_repeat(tmp_path):
    path = tmp_path / "training.jsonl"
    write(JsonLines(path), range(1, 8))  # never closed, as after a kill
    path.open("a").write('{"step": 8, "lo')
    again = JsonLines(path)
    assert len(read_lines(path)) == 7, "a finished training that is started again leaves its curve"
    write(again, range(5, 10))
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": step, "loss": 1 / step} for step in range(1, 10)
    ]
    write(JsonLines(path), [1])
    assert read_lines(path) == [{"step": 1, "loss": 1.0}], "a training from the start has a curve from the start"


def test_tensorboard_reads_the_curve_of_a_killed_and_resumed_run(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write(TensorBoard(tmp_path), range(1, 8))  # never closed
    write(TensorBoard(tmp_path), range(5, 10))
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["scalars"] == ["loss"]
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(s, pytest.approx(1 / s)) for s in range(1, 10)]


def test_wandb_offline_keeps_one_run_over_a_kill(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    names = []
    for steps in (range(1, 4), range(3, 6), range(1, 3)):
        made = WeightsAndBiases("dogs", tmp_path, TrainConfig())
        write(made, steps)
        made.close()
        names.append((tmp_path / log.RUN_FILE).read_text())
    assert names[0] == names[1] != names[2], "resumed the same run, started anew another"
    for name in set(names):
        assert list(tmp_path.glob(f"wandb/offline-run-*-{name}/run-{name}.wandb")), name


def test_what_is_missing_is_left_out_or_named(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "find_spec", lambda name: None)
    with opened(TrainConfig(), tmp_path) as logs:
        assert [type(made) for made in logs] == [JsonLines]
    with pytest.raises(SetupError, match=r"rehearse\[wandb\]"), opened(TrainConfig(wandb="dogs"), tmp_path):
        pass


def test_what_is_not_wanted_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "find_spec", lambda name: "found")

    def kinds(**wanted):
        with opened(TrainConfig(**wanted), tmp_path) as logs:
            return [type(made) for made in logs]

    assert kinds() == [JsonLines, TensorBoard]
    assert kinds(tensorboard=False) == [JsonLines]
    assert kinds(tensorboard=False, wandb="dogs") == [JsonLines, WeightsAndBiases]
    code = "import sys, rehearse.world_model; sys.exit('wandb' in sys.modules or 'tensorboard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
