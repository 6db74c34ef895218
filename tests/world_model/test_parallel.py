"""Several processes: real ones under torchrun, over gloo. They train what one process trains, and stop as one."""

import os
import signal
import time

import numpy as np
import pytest
import torch

from rehearse.errors import ConfigError
from rehearse.world_model import load, parallel
from rehearse.world_model.checkpoint import read_tensors
from rehearse.world_model.log import LINES_FILE, read_lines
from rehearse.world_model.loop import STATE_FILE
from tests.world_model import process

WANTED = dict(steps=40, batch=16)
# On a busy machine processes that wait for each other wait long.
pytestmark = pytest.mark.timeout(900)


def finish(folder, processes, what="train", **changes):
    """Run to the end; returns the curve, {"loss": (steps,), ...}."""
    with process.start(processes, what, folder, **WANTED | changes) as running:
        errors = running.communicate()[1]
    assert running.returncode == 0, errors
    rows = read_lines(folder / LINES_FILE)
    assert [row["step"] for row in rows] == list(range(1, WANTED["steps"] + 1))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "run"
    return folder, finish(folder, 2)


@pytest.mark.slow
def test_losses_over_all_rows_give_the_curve_of_one_process(tmp_path):
    """Measured: 6e-6 at most, in 40 steps; what is left is the order of sums."""
    one, both = finish(tmp_path / "one", 1, "exact"), finish(tmp_path / "two", 2, "exact")
    for name in ("loss", "speed", "sigreg", "gradient"):
        np.testing.assert_allclose(both[name], one[name], rtol=1e-4, err_msg=name)
    assert one["loss"][-1] < 0.8 * one["loss"][0]
    states = [read_tensors(tmp_path / name / STATE_FILE)[0] for name in ("one", "two")]
    assert torch.equal(states[0]["generator"], states[1]["generator"])
    for name, tensor in states[0].items():
        if name.startswith("model."):
            torch.testing.assert_close(states[1][name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_model_learns_in_two_processes_what_it_learns_in_one(two, tmp_path):
    """Measured: 5e-4 at most of the loss, 1.2e-3 of any term, in 40 steps; another seed differs by 0.27."""
    one, both = finish(tmp_path / "one", 1), two[1]
    for name in ("loss", "next", "open", "sigreg", "observed"):
        np.testing.assert_allclose(both[name], one[name], rtol=0.02, err_msg=name)
    np.testing.assert_array_equal(both["learning_rate"], one["learning_rate"])
    assert {p.name for p in two[0].iterdir()} - {p.name for p in (tmp_path / "one").iterdir()} == {"1.pid"}


@pytest.mark.slow
def test_killed_in_one_process_all_end_and_all_resume(two, tmp_path):
    folder = tmp_path / "killed"
    with process.start(2, "train", folder, **WANTED) as running:
        while len(read_lines(folder / LINES_FILE)) < 7:
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.002)
        os.kill(int((folder / "1.pid").read_text()), signal.SIGKILL)
        running.communicate()
    assert running.returncode != 0
    assert not (folder / "model.safetensors").exists()
    curve = finish(folder, 2)
    np.testing.assert_array_equal(curve["loss"], two[1]["loss"])
    straight, resumed = load(two[0]).state_dict(), load(folder).state_dict()
    for name, tensor in straight.items():
        assert torch.equal(tensor, resumed[name]), name


@pytest.mark.slow
def test_what_breaks_one_process_stops_all_with_one_error(tmp_path):
    with process.start(2, "spoiled", tmp_path / "run", **WANTED) as running:
        lines = running.communicate()[1].splitlines()
    assert running.returncode != 0
    [error] = [line for line in lines if line.startswith("error: ")]
    assert "is not finite" in error
    kept, _ = read_tensors(tmp_path / "run/bad_batch.safetensors")
    assert len(kept["episodes.frames"]) == WANTED["batch"], "the whole batch, whoever broke over it"
    assert torch.isnan(kept["episodes.signals.speed"]).any()


def test_one_process_has_everything_to_itself(monkeypatch):
    batch, generator = {"valid": torch.ones(3, 2), "signals": {"speed": torch.rand(3, 2)}}, torch.Generator()
    assert parallel.own(batch) is batch
    assert (parallel.size(), parallel.rank(), parallel.is_first()) == (1, 0, True)
    rows = torch.rand(4, 2, requires_grad=True)
    assert parallel.gathered(rows) is rows
    assert parallel.together(torch.neg, rows).equal(-rows)
    drawn = parallel.uniform(3, 2, generator=generator.manual_seed(5))
    assert drawn.equal(torch.rand(3, 2, generator=generator.manual_seed(5)))


def test_a_batch_that_cannot_be_shared_out_is_refused(monkeypatch):
    monkeypatch.setattr(parallel, "size", lambda: 3)
    with pytest.raises(ConfigError, match="16, which 3 processes"):
        parallel.check(16)
    parallel.check(15)
    monkeypatch.setattr(parallel, "rank", lambda: 1)
    with pytest.raises(SystemExit) as ended:
        parallel.check(16)
    assert ended.value.code == 0, "the first tells it"
    shares = parallel.own({"x": torch.arange(6), "signals": {"y": torch.arange(6)}})
    assert shares["x"].tolist() == shares["signals"]["y"].tolist() == [1, 4]
