"""What is sensed adds up: a sense of one's own in a few lines, further cameras, and absence."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from rehearse.errors import DataError
from rehearse.world_model.config import preset
from rehearse.world_model.encoder import Encoder
from rehearse.world_model.losses import training_losses
from rehearse.world_model.model import History, WorldModel

CONFIG = dataclasses.replace(preset("debug").model, action_dim=2, proprio_dim=2, image_size=32)


class Hearing(nn.Module):
    """Loudness in a few bands (M,8): all that a modality of one's own needs."""

    def __init__(self, latent_dim):
        super().__init__()
        self.net = nn.Linear(8, latent_dim)
        self.absent = nn.Parameter(torch.zeros(latent_dim))

    def forward(self, readings):
        return self.net(readings)


def history(length=4, **more):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (length, 32, 32, 3), dtype=np.uint8)
    return History(frames, np.zeros((length, 2), np.float32), np.zeros((length - 1, 2), np.float32), **more)


def test_a_new_modality_is_one_module_and_one_line():
    model = WorldModel(CONFIG).eval()
    model.encoder.senses["hearing"] = Hearing(CONFIG.latent_dim)
    silent, loud = (np.full((4, 8), level, np.float32) for level in (0.0, 3.0))
    heard = [model.observe(history(senses={"hearing": sound})).moment for sound in (silent, loud)]
    assert (heard[0] - heard[1]).abs().max() > 0.1
    deaf = model.observe(history())
    assert model.imagine(deaf, torch.zeros(3, 5, 2)).latents.isfinite().all()
    with pytest.raises(DataError, match="hearing"):
        model.observe(history(senses={"hearing": silent[:2]}))


def test_it_is_trained_like_the_others():
    model = WorldModel(CONFIG)
    model.encoder.senses["hearing"] = hearing = Hearing(CONFIG.latent_dim)
    config = preset("debug", batch=2, length=6, rollout_steps=3, sense_dropout=0.0)
    batch = {
        "frames": torch.zeros(2, 6, 32, 32, 3, dtype=torch.uint8),
        "senses": {"hearing": torch.randn(2, 6, 8)},
        "action": torch.zeros(2, 6, 2),
        "valid": torch.ones(2, 6, dtype=torch.bool),
        "signals": {},
    }
    training_losses(model, batch, config, torch.Generator().manual_seed(0))["loss"].backward()
    assert hearing.net.weight.grad.abs().max() > 0
    assert model.encoder.senses["proprio"].absent.grad.abs().max() > 0  # which nobody has sent


def test_cameras_are_told_apart_and_may_be_off():
    config = dataclasses.replace(CONFIG, views=("left", "wrist"))
    torch.manual_seed(0)
    model = WorldModel(config).eval()
    one, two = (np.full((4, 32, 32, 3), level, np.uint8) for level in (40, 200))
    seen = {
        (left, wrist): model.observe(history(views={"left": views[left], "wrist": views[wrist]})).moment
        for views in [{1: one, 2: two}]
        for left, wrist in ((1, 2), (2, 1))
    }
    assert (seen[1, 2] - seen[2, 1]).abs().max() > 0.01  # the same pictures, by other cameras
    off = model.observe(history(views={"wrist": two})).moment
    assert (off - seen[1, 2]).abs().max() > 0.01
    with pytest.raises(DataError, match="view 'left'"):
        model.observe(history(views={"left": one[:, :16]}))


def test_an_absent_sense_is_its_learned_vector():
    encoder = Encoder(CONFIG).eval()
    with torch.no_grad():
        encoder.senses["proprio"].absent.copy_(torch.arange(float(CONFIG.latent_dim)))
    frames = torch.zeros(3, 32, 32, 3, dtype=torch.uint8)
    readings = {"frames": frames, "proprio": torch.randn(3, 2)}
    hidden = encoder(readings, {"proprio": torch.tensor([True, False, True])})
    without = encoder({"frames": frames})
    torch.testing.assert_close(hidden[1], without[1])
    assert (hidden[0] - without[0]).abs().max() > 0.1
