"""The model card: all that a checkpoint and its training say of themselves, in a form that the Hub reads."""

import hashlib
import json

import pytest

from rehearse.errors import CheckpointError
from rehearse.world_model import ModelConfig, WorldModel, preset, save
from rehearse.world_model.card import fingerprint, write_card

METRICS = {
    "episodes": 9,
    "starts": 42,
    "held_out": True,
    "moment": {"mse": [0.1, 0.2, 0.3, 0.4, 0.54321], "copy": [1.0, 2.0, 3.0, 4.0, 5.4321]},
    "signals": {
        "speed": {"mae": [0.01] * 5, "copy": [0.02] * 5, "spearman": None},
        "woken": {
            "mae": [0.1] * 5,
            "copy": [0.3] * 5,
            "spearman": 0.75,
            "rate": 0.125,
            "brier": 0.0625,
            "auroc": None,
            "calibration_error": 0.03125,
            "reliability": [[0.05, 0.04, 30.0], [0.9, 0.8, 5.0]],
        },
    },
}
DATA = [{"task": "dog-on-jacket", "episodes": 40, "frames": 800, "seed": 7, "fingerprint": "feed|beef"}, {"seed": 8}]


@pytest.fixture
def saved(tmp_path):
    config = preset("debug", seed=11, learning_rate=0.0123)
    robot = dict(action_dim=4, proprio_dim=10, signals={"speed": "regression", "woken": "event"})
    with_robot = ModelConfig(**vars(config.model) | robot)
    return config, WorldModel(with_robot), tmp_path


FRONT = """license: apache-2.0
library_name: rehearse
pipeline_tag: robotics
tags:
- "robotics"
- "world-model"
- "model-predictive-control"
- "dog-on-jacket"
"""


def parts(text):
    """The front matter, which is YAML, and what follows."""
    nothing, front, body = text.split("---\n", 2)
    assert not nothing, "the Hub looks for it at the top"
    return front, body


def test_the_card_holds_what_is_known(saved):
    config, model, folder = saved
    weights = save(model, folder, data=DATA, metrics=METRICS)
    path = write_card(folder, config)
    assert path == folder / "README.md" == write_card(weights, config)
    front, body = parts(path.read_text())
    assert front == FRONT
    side = json.loads((folder / "model.json").read_text())
    for known in (side["id"], side["code"], hashlib.sha256(weights.read_bytes()).hexdigest()):
        assert known in body
    assert "| task | episodes | frames | seed | fingerprint |" in body
    assert "| dog-on-jacket | 40 | 800 | 7 | feed\\|beef |" in body
    assert "|  |  |  | 8 |  |" in body
    assert "| moments | 0.1 (1) | 0.543 (5.43) |  |" in body
    assert "| `woken` | 0.1 (0.3) | 0.1 (0.3) | 0.75 |" in body
    assert "| `woken` | 0.125 | 0.0625 |  | 0.0312 |" in body
    assert "4 numbers per action, 10 proprioceptive readings" in body
    assert "| 0.05 | 0.04 | 30 |" in body
    assert "held-out" in body
    written = json.loads(body.split("```json\n")[1].split("```")[0])
    assert (written["seed"], written["learning_rate"]) == (11, 0.0123)
    for part in ("encoder", "backbone", "heads", "decoder"):
        numbers = sum(t.numel() for t in getattr(model, part).state_dict().values())
        assert f"| {part} | {numbers:,} |" in body
    assert "seed 11: 300 steps" in body
    assert "None" not in body.split("```json")[0]


def test_what_is_unknown_is_said_to_be(saved):
    config, model, folder = saved
    save(model, folder)
    body = parts(write_card(folder, config).read_text())[1]
    assert "Not evaluated." in body
    assert "Not noted in the checkpoint." in body
    with pytest.raises(CheckpointError, match="no checkpoint"):
        write_card(folder / "nowhere", config)
    assert not (folder / "nowhere").exists()


def test_a_model_of_video_alone_has_a_card(saved):
    config, _, folder = saved
    video = ModelConfig(**vars(config.model) | {"latent_actions": True, "action_width": 16})
    save(WorldModel(video), folder, metrics={"episodes": 0, "starts": 0})
    body = write_card(folder, config).read_text()
    assert "from camera frames alone" in body
    assert "(N, H, A): 16 latent numbers" in body


def test_the_code_in_the_card_loads_the_model(saved, monkeypatch):
    config, model, folder = saved
    save(model, folder)
    code = write_card(folder, config).read_text().split("```python\n")[1].split("belief")[0]
    monkeypatch.chdir(folder)
    names = {}
    exec(code, names)
    assert names["model"].config == model.config


def test_a_dataset_s_fingerprint_is_of_its_content_alone(tmp_path):
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / name / "meta").mkdir(parents=True)
        (tmp_path / name / "meta/info.json").write_text(text)
        (tmp_path / name / ".cache-64").mkdir()
        (tmp_path / name / ".cache-64/index.json").write_text(name)
    a, b, c = (fingerprint(tmp_path / name) for name in "abc")
    assert a == b != c
    (tmp_path / "b/meta/info.json").rename(tmp_path / "b/meta/more.json")
    assert fingerprint(tmp_path / "b") != a
