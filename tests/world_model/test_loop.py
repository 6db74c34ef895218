"""The training loop: what kill -9 leaves behind, what is logged, and how large the presets are."""

import json
import signal
import time

import pytest
import torch

from rehearse.errors import ConfigError
from rehearse.world_model import WorldModel, load
from rehearse.world_model.config import PRESETS, ModelConfig, TrainConfig, preset
from rehearse.world_model.log import LINES_FILE, read_lines
from rehearse.world_model.loop import STATE_FILE, Task, fit
from tests.world_model import process


@pytest.mark.slow
def test_kill_9_changes_nothing(tmp_path):
    """Killed wherever it happens to be after step 7, started again: the weights and the curve of an unbroken run."""
    wanted = dict(steps=60, batch=4)
    with process.start(1, "train", tmp_path / "straight", **wanted) as straight:
        assert straight.wait() == 0, straight.stderr.read()
    killed = process.start(1, "train", tmp_path / "killed", **wanted)
    while len(read_lines(tmp_path / "killed" / LINES_FILE)) < 7:
        assert killed.poll() is None, killed.stderr.read()
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed/model.safetensors").exists()
    assert (tmp_path / "killed" / STATE_FILE).exists()
    with process.start(1, "train", tmp_path / "killed", **wanted) as again:
        assert again.wait() == 0, again.stderr.read()
    one, two = load(tmp_path / "straight").state_dict(), load(tmp_path / "killed").state_dict()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name
    curves = [read_lines(tmp_path / name / LINES_FILE) for name in ("straight", "killed")]
    assert [row["step"] for row in curves[1]] == list(range(1, 61)), "neither gap nor repeat"
    assert [row["loss"] for row in curves[0]] == [row["loss"] for row in curves[1]]


class Kept:
    """A log that remembers."""

    def __init__(self):
        self.rows, self.closed = [], False

    def scalars(self, step, values):
        self.rows.append((step, dict(values)))

    def close(self):
        self.closed = True


def line(model, batch, generator):
    return {"loss": (model(batch["x"]) - batch["y"]).square().mean()}


def draw(generator):
    x = torch.randn(4, 3, generator=generator)
    return {"x": x, "y": x.sum(1, keepdim=True)}


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Linear(3, 1)


def test_every_step_is_logged_with_its_loss_gradient_rate_and_speed(tmp_path):
    config, kept = TrainConfig(steps=40, batch=4, learning_rate=0.3, weight_decay=0.0), Kept()
    fit(network(), Task(draw, line), config, tmp_path, "line", on_progress=lambda now: None, logs=[kept])
    assert [step for step, _ in kept.rows] == list(range(1, 41))
    assert set(kept.rows[0][1]) == {"loss", "gradient", "learning_rate", "frames_per_s"}
    assert [{"step": step} | values for step, values in kept.rows] == read_lines(tmp_path / LINES_FILE)
    rates = [values["learning_rate"] for _, values in kept.rows]
    assert max(rates) == pytest.approx(0.3, rel=1e-3)
    assert rates[0] < max(rates) > rates[-1]
    assert kept.rows[-1][1]["loss"] < 0.5 * kept.rows[0][1]["loss"], "it has learnt"
    assert not kept.closed, "whoever opened it closes it"


def test_a_bar_needs_no_more_than_a_loss(tmp_path):
    fit(network(), Task(draw, line), TrainConfig(steps=2, batch=4), tmp_path, "line")
    assert len(read_lines(tmp_path / LINES_FILE)) == 2


def count(model: ModelConfig) -> int:
    robot = dict(action_dim=4, proprio_dim=10, signals={f"signal {i}": "regression" for i in range(8)})
    with torch.device("meta"):
        network = WorldModel(ModelConfig(**vars(model) | robot))
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("name", "millions"), [("debug", 0.5), ("tiny", 1.4), ("small", 10), ("base", 100)])
def test_presets_have_the_size_that_is_said_of_them(name, millions):
    assert count(preset(name).model) == pytest.approx(millions * 1e6, rel=0.3)


def test_tiny_is_the_default_and_base_takes_what_device_there_is():
    assert PRESETS["tiny"] == TrainConfig()
    assert preset("base").device == ("cuda" if torch.cuda.is_available() else "cpu")
    assert preset("base", device="cuda").device == "cuda"
    with pytest.raises(ConfigError, match="debug, tiny, small, base"):
        preset("huge")


def test_where_it_logs_is_no_part_of_what_it_learns():
    assert TrainConfig(wandb="dogs", tensorboard=False).identity() == TrainConfig().identity()
    assert TrainConfig(seed=1).identity() != TrainConfig().identity()
    json.dumps(TrainConfig().identity())
