"""What was sensed at one control step -> one moment: frames (M,h,w,3) uint8, proprio (M,P) -> (M,D).

A moment is the sum of one embedding per sense, whitened by a BatchNorm without affine parameters, so that
distances between moments mean the same in every direction. A sense that is absent is a learned vector, never
a made-up reading.

    moments = encoder(frames, proprio)          # proprio=None: not sensed

The stem (8x8, stride 4, no normalisation, channels last, bfloat16) is what makes this fast on a CPU; a
stride-2 stem with GroupNorm costs 7-15 times as much. The whitening goes with SIGReg: LeJEPA, arXiv
2511.08544.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model.config import ModelConfig


class Encoder(nn.Module):
    """Sum of a convolutional embedding of the frame and an MLP embedding of normalised proprioception."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, latent, grid = config.encoder_width, config.latent_dim, config.image_size // 16
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(3, width, 8, 4, 2),
                nn.Conv2d(width, 2 * width, 4, 2, 1),
                nn.Conv2d(2 * width, 2 * width, 4, 2, 1),
            ]
        ).to(memory_format=torch.channels_last)
        self.project = nn.Linear(2 * width * grid * grid, latent)
        self.whiten = nn.BatchNorm1d(latent, affine=False, momentum=0.02)
        self.proprio_dim = config.proprio_dim
        if config.proprio_dim:
            self.proprio = nn.Sequential(nn.Linear(config.proprio_dim, 64), nn.SiLU(), nn.Linear(64, latent))
            self.proprio_absent = nn.Parameter(torch.zeros(latent))
            self.register_buffer("proprio_mean", torch.zeros(config.proprio_dim))
            self.register_buffer("proprio_std", torch.ones(config.proprio_dim))

    def forward(self, frames: Tensor, proprio: Tensor | None, sensed: Tensor | None = None) -> Tensor:
        """``sensed`` (M,) bool says for which rows proprioception is shown; None = for all."""
        with torch.autocast(frames.device.type, torch.bfloat16):
            # uint8 NHWC permuted is already channels-last. The map from [0,255] to [-1,1] is folded into the
            # first convolution: as passes over the pixels it would cost as much as the convolution itself.
            stem = self.convolutions[0]
            x = frames.permute(0, 3, 1, 2).to(torch.bfloat16)
            x = F.silu(F.conv2d(x, stem.weight / 127.5, stem.bias - stem.weight.sum((1, 2, 3)), 4, 2))
            for convolution in self.convolutions[1:]:
                x = F.silu(convolution(x))
            # Flattened in the order that it lies in memory: no copy on the way in or back.
            moment = self.project(x.permute(0, 2, 3, 1).flatten(1)).float()
        if self.proprio_dim:
            moment = moment + self._embed_proprio(proprio, sensed)
        return self.whiten(moment)

    def _embed_proprio(self, proprio: Tensor | None, sensed: Tensor | None) -> Tensor:
        if proprio is None:
            return self.proprio_absent
        # Clamped, so that one sensor far outside its training range cannot drown the others.
        embedded = self.proprio(((proprio - self.proprio_mean) / self.proprio_std).clamp(-8, 8))
        return embedded if sensed is None else torch.where(sensed[:, None], embedded, self.proprio_absent)
