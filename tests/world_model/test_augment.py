"""Shifted sequences: the same movement from elsewhere, nothing invented, the given frames untouched."""

import torch

from rehearse.world_model.augment import shifted


def pictures(size: int = 6) -> torch.Tensor:
    """Sequences whose pixels are all different, and differ from frame to frame."""
    return torch.arange(size * 2 * 16 * 16).remainder(251).to(torch.uint8).view(size, 2, 16, 16, 1)


def test_every_sequence_moves_as_one_and_by_no_more_than_asked():
    frames = pictures()
    before = frames.clone()
    moved = shifted(frames, 2, torch.Generator().manual_seed(0))
    assert torch.equal(frames, before)
    found = set()
    for sequence, original in zip(moved, frames, strict=True):
        fits = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if torch.equal(sequence[:, 4:-4, 4:-4], original[:, 4 - down : 12 - down, 4 - right : 12 - right])
        ]
        assert len(fits) == 1
        found.add(fits[0])
    assert len(found) > 2, "each sequence has a shift of its own"


def test_the_same_generator_gives_the_same_shifts_and_none_is_none():
    frames = pictures()
    one, two = (shifted(frames, 3, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(shifted(frames, 0, torch.Generator()), frames)
