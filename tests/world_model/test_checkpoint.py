"""Checkpoints: what is saved comes back, and anything else is refused by name."""

import dataclasses
import errno
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from rehearse.errors import CheckpointError
from rehearse.world_model import checkpoint
from rehearse.world_model.config import preset
from rehearse.world_model.model import WorldModel


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = dataclasses.replace(
        preset("debug").model, action_dim=2, proprio_dim=3, signals={"effort": "regression"}, image_size=32
    )
    built = WorldModel(config).eval()
    built.heads.mean.fill_(0.25)
    return built


def same(one, two):
    pairs = zip(one.state_dict().items(), two.state_dict().items(), strict=True)
    return all(name == other and torch.equal(a, b) for (name, a), (other, b) in pairs)


def test_round_trip(model, tmp_path):
    path = checkpoint.save(model, tmp_path / "dog", data=["runs/a"], metrics={"mse": [0.5]})
    back = checkpoint.load(tmp_path / "dog")
    assert same(model, back)
    assert not back.training
    assert back.config == model.config
    assert same(model, checkpoint.load(path))
    side = checkpoint.describe(path)
    assert (side["data"], side["metrics"]) == (["runs/a"], {"mse": [0.5]})
    assert side["format"] == checkpoint.FORMAT


def test_missing(model, tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        checkpoint.load(tmp_path)
    checkpoint.save(model, tmp_path).with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"model\.json is missing"):
        checkpoint.load(tmp_path)


def test_truncated(model, tmp_path):
    path = checkpoint.save(model, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cut short"):
        checkpoint.load(tmp_path)


def test_damaged_json(model, tmp_path):
    note = checkpoint.save(model, tmp_path).with_suffix(".json")
    note.write_text(note.read_text()[:50])
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(tmp_path)


def test_other_format(model, tmp_path):
    note = checkpoint.save(model, tmp_path).with_suffix(".json")
    note.write_text(json.dumps(json.loads(note.read_text()) | {"format": 99}))
    with pytest.raises(CheckpointError, match="format 99"):
        checkpoint.load(tmp_path)


def test_wrong_shape_names_the_tensor(model, tmp_path):
    path = checkpoint.save(model, tmp_path)
    tensors = load_file(path)
    tensors["backbone.predict.second.weight"] = torch.zeros(2, 2)
    mark = checkpoint.read_tensors(path)[1]
    save_file(tensors, path, metadata=mark)
    with pytest.raises(CheckpointError, match=r"'backbone.predict.second.weight' is \(2, 2\)"):
        checkpoint.load(tmp_path)
    del tensors["backbone.predict.second.weight"]
    save_file(tensors, path, metadata=mark)
    with pytest.raises(CheckpointError, match=r"lacks the tensor 'backbone\.predict\.second\.weight'"):
        checkpoint.load(tmp_path)


def test_halves_of_two_checkpoints(model, tmp_path):
    one, two = checkpoint.save(model, tmp_path / "one"), checkpoint.save(model, tmp_path / "two")
    two.with_suffix(".json").write_text(one.with_suffix(".json").read_text())
    with pytest.raises(CheckpointError, match="halves"):
        checkpoint.load(two)


def test_full_disk_leaves_the_old_checkpoint(model, tmp_path, monkeypatch):
    checkpoint.save(model, tmp_path)
    changed = WorldModel(model.config).eval()

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(CheckpointError, match="No space left"):
        checkpoint.save(changed, tmp_path)
    assert same(checkpoint.load(tmp_path), model)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.json", "model.safetensors"]
