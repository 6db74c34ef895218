"""What was sensed at one control step -> one moment: {sense: readings (M,...)} -> (M,D).

    moments = encoder({"frames": frames, "proprio": proprio})          # uint8 (M,h,w,3), float (M,P)

A moment is the sum of one embedding per sense, whitened by a BatchNorm without affine parameters, so that distances
between moments mean the same in every direction. A sense that is absent is a learned vector, never a made-up reading.
Cameras share one network and differ by a tint, an embedding of the camera that is added to the first layer. Any module
with ``absent`` (D,) and ``forward(readings) -> (M,D)`` is a sense: add it to ``encoder.senses`` by name.

The stem (8x8, stride 4, no normalisation, channels last, bfloat16 where that pays) is what makes this fast on a CPU; a
stride-2 stem with GroupNorm costs 7-15 times as much. The whitening goes with SIGReg: LeJEPA, arXiv
2511.08544.
"""

from collections.abc import Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model import parallel
from rehearse.world_model.config import ModelConfig
from rehearse.world_model.precision import halves

FRAMES = "frames"  # the first camera; further ones go by their names
ALL: Mapping[str, Tensor] = MappingProxyType({})


class Camera(nn.Module):
    """What one camera has of its own: its tint of the first layer, and what it says when it is off."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.tint = nn.Parameter(torch.zeros(config.encoder_width))
        self.absent = nn.Parameter(torch.zeros(config.latent_dim))


class Eye(nn.Module):
    """The network that all cameras share: frames (M,h,w,3) uint8 and a tint -> (M,D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, grid = config.encoder_width, config.image_size // 16
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(3, width, 8, 4, 2),
                nn.Conv2d(width, 2 * width, 4, 2, 1),
                nn.Conv2d(2 * width, 2 * width, 4, 2, 1),
            ]
        ).to(memory_format=torch.channels_last)
        self.project = nn.Linear(2 * width * grid * grid, config.latent_dim)

    def forward(self, frames: Tensor, tint: Tensor) -> Tensor:
        half = halves(frames.device)
        with torch.autocast(frames.device.type, torch.bfloat16, enabled=half):
            # uint8 NHWC permuted is already channels-last. The map from [0,255] to [-1,1] is folded into the
            # first convolution: as passes over the pixels it would cost as much as the convolution itself.
            stem = self.convolutions[0]
            bias = stem.bias + tint - stem.weight.sum((1, 2, 3))
            x = frames.permute(0, 3, 1, 2).to(torch.bfloat16 if half else torch.float32)
            x = F.silu(F.conv2d(x, stem.weight / 127.5, bias, 4, 2))
            for convolution in self.convolutions[1:]:
                x = F.silu(convolution(x))
            # Flattened in the order that it lies in memory: no copy on the way in or back.
            return self.project(x.permute(0, 2, 3, 1).flatten(1)).float()


class Proprioception(nn.Module):
    """Readings (M,P) of the robot's own body; ``mean`` and ``std`` are those of the training data."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(config.proprio_dim, 64), nn.SiLU(), nn.Linear(64, config.latent_dim))
        self.absent = nn.Parameter(torch.zeros(config.latent_dim))
        self.register_buffer("mean", torch.zeros(config.proprio_dim))
        self.register_buffer("std", torch.ones(config.proprio_dim))

    def forward(self, readings: Tensor) -> Tensor:
        # Clamped, so that one sensor far outside its training range cannot drown the others.
        return self.net(((readings - self.mean) / self.std).clamp(-8, 8))


class Encoder(nn.Module):
    """The sum of what all senses say."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.eye = Eye(config)
        self.cameras = nn.ModuleDict({name: Camera(config) for name in (FRAMES, *config.views)})
        for name in config.views:
            nn.init.normal_(self.cameras[name].tint, std=0.5)  # cameras must differ before they can be told apart
        self.senses = nn.ModuleDict({"proprio": Proprioception(config)} if config.proprio_dim else {})
        self.whiten = nn.BatchNorm1d(config.latent_dim, affine=False, momentum=0.02)

    def forward(self, readings: Mapping[str, Tensor], shown: Mapping[str, Tensor] = ALL) -> Tensor:
        """``shown[sense]`` (M,) bool says in which rows that sense is on; without it, in all. A sense that
        ``readings`` lacks is off."""
        count = len(next(iter(readings.values())))
        moment = 0.0
        for name, camera in self.cameras.items():
            see = lambda frames, tint=camera.tint: self.eye(frames, tint)  # noqa: E731
            moment = moment + _felt(see, readings.get(name), shown.get(name), camera.absent)
        for name, sense in self.senses.items():
            moment = moment + _felt(sense, readings.get(name), shown.get(name), sense.absent)
        moment = moment.expand(count, -1)
        return parallel.together(self.whiten, moment) if self.whiten.training else self.whiten(moment)


def _felt(sense: object, reading: Tensor | None, shown: Tensor | None, absent: Tensor) -> Tensor:
    if reading is None:
        return absent[None]
    said = sense(reading)
    return said if shown is None else torch.where(shown[:, None], said, absent)
