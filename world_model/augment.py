"""Sequences seen from a little elsewhere each time, so that a network cannot learn single episodes by heart.

    frames = shifted(batch["frames"], most_px=3, generator=generator)

The random shifts of DrQ (Kostrikov et al., arXiv 2004.13649), here one for a whole sequence: what moves within it is
what is to be learnt.
"""

import torch
from torch import Tensor


def shifted(frames: Tensor, most_px: int, generator: torch.Generator) -> Tensor:
    """Frames (B,T,h,w,3), each sequence moved by up to ``most_px`` pixels down, up, left or right.

    At the border, where the shift leaves nothing, what was there stays.
    """
    height, width = frames.shape[2:4]
    moves = torch.randint(-most_px, most_px + 1, (len(frames), 2), generator=generator).tolist()
    moved = frames.clone()
    for to, sequence, (down, right) in zip(moved, frames, moves, strict=True):
        to_rows, from_rows = _overlap(down, height)
        to_columns, from_columns = _overlap(right, width)
        to[:, to_rows, to_columns] = sequence[:, from_rows, from_columns]
    return moved


def _overlap(shift: int, length: int) -> tuple[slice, slice]:
    """Where the part that stays in sight goes to, and where it comes from."""
    return slice(max(shift, 0), length + min(shift, 0)), slice(max(-shift, 0), length + min(-shift, 0))
