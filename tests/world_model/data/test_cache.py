"""The cache decodes once, notices change and damage, and samples windows that a seed determines."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rehearse.errors import DataError
from rehearse.world_model.data import Clip, ClipCache, LeRobotReader, LeRobotWriter
from rehearse.world_model.data.resize import resize


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for every episode that is decoded."""
    calls, real = [], LeRobotReader.read
    monkeypatch.setattr(LeRobotReader, "read", lambda self, i: calls.append(i) or real(self, i))
    return calls


def _write(path: Path, clips: list[Clip], fps: int = 5) -> Path:
    with LeRobotWriter(path, fps=fps) as out:
        for clip in clips:
            out.add(clip)
    return path


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_holds_the_episodes_as_the_reader_gives_them(dataset: Path):
    cache, reader = ClipCache.open([dataset], image_size=32), LeRobotReader(dataset)
    assert (len(cache), cache.action_dim, cache.proprio_dim, cache.fps) == (3, 4, 3, 5)
    assert cache.signal_kinds == {"disturbance": "regression", "woken": "event"}
    for i in range(3):
        mine, theirs = cache.episode(i), reader.read(i)
        np.testing.assert_array_equal(mine.frames, theirs.frames)
        np.testing.assert_array_equal(mine.actions, theirs.actions)
        np.testing.assert_array_equal(mine.proprio, theirs.proprio)
        np.testing.assert_array_equal(mine.signals["woken"], theirs.signals["woken"])
        assert (mine.task, mine.events) == (theirs.task, theirs.events)


def test_a_second_open_decodes_nothing(dataset: Path, decodes: list[int]):
    ClipCache.open([dataset], image_size=32)
    assert decodes == [0, 1, 2]
    ClipCache.open([dataset], image_size=32)
    assert decodes == [0, 1, 2]
    assert sorted(path.name for path in dataset.iterdir()) == [".cache-32", "data", "meta", "videos"]


def test_is_built_again_when_the_dataset_changes(dataset: Path, decodes: list[int]):
    ClipCache.open([dataset], image_size=32)
    table = dataset / "data/chunk-000/file-000.parquet"
    os.utime(table, ns=(0, table.stat().st_mtime_ns + 10**9))
    ClipCache.open([dataset], image_size=32)
    assert decodes == [0, 1, 2] * 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "frames.npy").write_bytes((folder / "frames.npy").read_bytes()[:-1]),
        lambda folder: (folder / "signals.npy").unlink(),
        lambda folder: (folder / "index.json").write_text("{"),
        lambda folder: (folder / "index.json").write_text(json.dumps({"fingerprint": "?"})),
    ],
)
def test_is_built_again_when_it_is_damaged(dataset: Path, damage: Callable[[Path], object]):
    whole = ClipCache.open([dataset], image_size=32).episode(2)
    damage(dataset / ".cache-32")
    again = ClipCache.open([dataset], image_size=32).episode(2)
    np.testing.assert_array_equal(again.frames, whole.frames)
    np.testing.assert_array_equal(again.signals["woken"], whole.signals["woken"])


def test_a_broken_dataset_leaves_no_cache(dataset: Path):
    video = next(dataset.rglob("*.mp4"))
    video.write_bytes(video.read_bytes()[:-400])
    with pytest.raises(DataError, match=r"\.mp4"):
        ClipCache.open([dataset], image_size=32)
    assert sorted(path.name for path in dataset.iterdir()) == ["data", "meta", "videos"]


def test_another_cache_folder(dataset: Path, tmp_path: Path, decodes: list[int]):
    for _ in range(2):
        ClipCache.open([dataset], image_size=16, cache_dir=tmp_path / "fast")
    assert decodes == [0, 1, 2]
    assert not (dataset / ".cache-16").exists()


def test_resizing_is_the_mean_over_the_area():
    frames = np.random.default_rng(0).integers(0, 256, (2, 12, 18, 3), np.uint8)
    expected = frames.reshape(2, 6, 2, 6, 3, 3).mean((2, 4))
    assert np.abs(resize(frames, 6) - expected).max() <= 0.5 + 1e-3
    # 3 pixels onto 2: each takes one whole and one half.
    row = np.array([0, 90, 240], np.uint8)
    small = resize(np.broadcast_to(row[None, None, :, None], (1, 3, 3, 3)), 2)
    assert small[0, 0, :, 0].tolist() == [30, 190]


def test_sample_shapes_types_and_values(dataset: Path):
    cache = ClipCache.open([dataset], image_size=32)
    batch = cache.sample(40, 6, _generator())
    shapes = {"frames": (40, 6, 32, 32, 3), "action": (40, 6, 4), "proprio": (40, 6, 3), "valid": (40, 6)}
    assert {key: tuple(batch[key].shape) for key in shapes} == shapes
    assert batch["frames"].dtype == torch.uint8
    assert batch["valid"].dtype == torch.bool
    assert batch["action"].dtype == batch["signals"]["woken"].dtype == torch.float32
    everything = [cache.episode(i) for i in range(3)]
    actions = np.concatenate([clip.actions for clip in everything])
    frames = np.concatenate([clip.frames for clip in everything])
    woken = np.concatenate([clip.signals["woken"] for clip in everything])
    ends = {11, 16, 25}
    for b in range(40):
        rows = [int(np.flatnonzero((actions == a).all(1))[0]) for a in batch["action"][b].numpy()]
        valid = batch["valid"][b].tolist()
        for t in range(1, 6):  # time goes on, or stands still on the last frame and says so
            assert (rows[t] == rows[t - 1] + 1) if valid[t] else (rows[t] == rows[t - 1] and rows[t] in ends)
        assert sum(valid) >= 2
        np.testing.assert_array_equal(batch["frames"][b].numpy(), frames[rows])
        np.testing.assert_array_equal(batch["signals"]["woken"][b].numpy(), woken[rows])


def test_every_frame_is_drawn_and_padding_can_be_limited_to_short_episodes(dataset: Path):
    cache = ClipCache.open([dataset], image_size=32)
    actions = cache.sample(800, 6, _generator())["action"].reshape(-1, 4)
    assert len(torch.unique(actions, dim=0)) == 26
    full = cache.subset([0, 2]).sample(100, 6, _generator(), min_valid=6)
    assert full["valid"].all()
    short = cache.subset([1]).sample(100, 6, _generator(), min_valid=6)  # 5 frames
    assert short["valid"].sum(1).eq(5).all()


def test_a_seed_determines_the_sample(dataset: Path):
    cache = ClipCache.open([dataset], image_size=32)
    first, again, other = (cache.sample(8, 4, _generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first["frames"], again["frames"])
    assert torch.equal(first["action"], again["action"])
    assert not torch.equal(first["action"], other["action"])


def test_datasets_are_mixed_by_weight(dataset: Path, tmp_path: Path, make_clip: Callable[..., Clip]):
    more = _write(tmp_path / "more", [make_clip(5, 4), make_clip(6, 4)])
    cache = ClipCache.open([dataset, more], image_size=32)
    assert (cache.episodes_of(0), cache.episodes_of(1)) == ([0, 1, 2], [3, 4])
    np.testing.assert_array_equal(cache.episode(4).actions, LeRobotReader(more).read(1).actions)
    mine = torch.from_numpy(np.concatenate([cache.episode(i).actions for i in cache.episodes_of(1)]))

    def share(weights: list[float] | None) -> float:
        first = cache.sample(1000, 2, _generator(), weights)["action"][:, 0]
        return (first[:, None] == mine).all(-1).any(1).float().mean().item()

    assert share([1, 0]) == 0
    assert share([0, 2]) == 1
    assert abs(share([1, 3]) - 0.75) < 0.05
    assert abs(share(None) - 6 / 29) < 0.05  # 23 and 6 windows with a true second frame
    with pytest.raises(DataError, match="2 numbers"):
        cache.sample(1, 2, _generator(), [1.0])
    with pytest.raises(DataError, match="no episode"):
        cache.subset([0]).sample(1, 2, _generator(), [0, 1])


def test_signals_in_another_order_are_the_same_signals(dataset: Path, tmp_path: Path, make_clip: Callable[..., Clip]):
    clip = make_clip(0)
    other = _write(tmp_path / "turned", [clip])
    info = json.loads((other / "meta/info.json").read_text())
    info["features"] = dict(reversed(info["features"].items()))
    (other / "meta/info.json").write_text(json.dumps(info))
    assert list(ClipCache.open([other], image_size=32).signal_kinds) == list(reversed(clip.signal_kinds))
    cache = ClipCache.open([dataset, other], image_size=32)
    found = cache.episode(cache.episodes_of(1)[0]).signals
    for name, values in clip.signals.items():
        np.testing.assert_array_equal(found[name], values)
    batch = cache.subset(cache.episodes_of(1)).sample(8, 3, _generator())
    assert set(batch["signals"]["woken"].unique().tolist()) <= {0.0, 1.0}


def test_datasets_that_differ_are_refused(dataset: Path, tmp_path: Path, make_clip: Callable[..., Clip]):
    clip = make_clip(0)
    others = {
        "action_dim": _write(tmp_path / "a", [make_clip(0, action_dim=5)]),
        "signal_kinds": _write(tmp_path / "s", [Clip(clip.frames, clip.actions, clip.proprio)]),
        "fps": _write(tmp_path / "f", [clip], fps=10),
    }
    for what, other in others.items():
        with pytest.raises(DataError, match=what):
            ClipCache.open([dataset, other], image_size=32)
    with pytest.raises(DataError, match="no dataset"):
        ClipCache.open([])


def test_video_without_anything_else(tmp_path: Path, make_clip: Callable[..., Clip]):
    cache = ClipCache.open([_write(tmp_path / "video", [Clip(make_clip(0).frames)])], image_size=32)
    batch = cache.sample(2, 3, _generator())
    assert set(batch) == {"frames", "signals", "valid"}
    assert batch["signals"] == {}
    assert cache.episode(0).actions is None


def test_a_dataset_that_is_not_there_leaves_no_folder(tmp_path: Path):
    with pytest.raises(DataError, match=r"play: there is nothing there"):
        ClipCache.open([tmp_path / "play"])
    assert not list(tmp_path.iterdir()), "or it could not be collected later"
