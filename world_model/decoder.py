"""Pixels from moments, for people to watch: moments (M,D) -> frames (M,3,h,w) in [-1,1].

It is trained behind a stop-gradient: it learns to show what the moments hold and never shapes them (a decoder
loss that reaches the encoder costs planning success: LeWM, arXiv 2603.19312, 96 -> 86 %).

    pixels = decoder(moments.detach())
"""

from torch import Tensor, nn

from rehearse.world_model.config import ModelConfig


class Decoder(nn.Module):
    """A linear map to a coarse grid, three doublings, and a pixel shuffle, which is cheaper than a fourth."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, grid = config.decoder_width, config.image_size // 16
        self.net = nn.Sequential(
            nn.Linear(config.latent_dim, 4 * width * grid * grid),
            nn.SiLU(),
            nn.Unflatten(1, (4 * width, grid, grid)),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1),
            nn.SiLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.SiLU(),
            nn.ConvTranspose2d(width, width, 4, 2, 1),
            nn.SiLU(),
            nn.Conv2d(width, 12, 3, 1, 1),
            nn.PixelShuffle(2),
        )

    def forward(self, moments: Tensor) -> Tensor:
        return self.net(moments)
