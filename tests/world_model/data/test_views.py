"""Further cameras go through clips, datasets, caches and batches, and leave everything else as it was."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from rehearse.errors import DataError
from rehearse.world_model.data import Clip, ClipCache, LeRobotReader, LeRobotWriter
from tests.world_model.data.footage import encode, grey

FRAMES = np.zeros((3, 4, 4, 3), np.uint8)


@pytest.fixture
def clips(clips: list[Clip]) -> list[Clip]:
    """Clips whose views are the frames upside down, and a wide picture that darkens with time."""

    def wide(length: int) -> np.ndarray:
        return np.broadcast_to(200 - 5 * np.arange(length, dtype=np.uint8)[:, None, None, None], (length, 16, 48, 3))

    return [replace(clip, views={"wrist": clip.frames[:, ::-1], "left": wide(len(clip))}) for clip in clips]


@pytest.fixture
def plain(tmp_path: Path, clips: list[Clip]) -> Path:
    with LeRobotWriter(tmp_path / "plain", fps=5) as out:
        for clip in clips:
            out.add(replace(clip, views={}))
    return tmp_path / "plain"


def test_a_clip_checks_its_views_as_its_frames():
    clip = pickle.loads(pickle.dumps(Clip(FRAMES, views={"left": np.zeros((3, 2, 6, 3), np.uint8)})))
    assert clip.views["left"].shape == (3, 2, 6, 3)
    assert Clip(FRAMES).views == {}
    for views, named in (
        ({"left": FRAMES[:2]}, r"views\['left'\]: 2 frames beside 3"),
        ({"left": FRAMES.astype(float)}, r"views\['left'\].*uint8"),
        ({"left": FRAMES[..., 0]}, r"views\['left'\]: shape"),
        ({"a/b": FRAMES}, "views: 'a/b'"),
    ):
        with pytest.raises(DataError, match=named):
            Clip(FRAMES, views=views)


def test_each_view_is_a_video_of_the_dataset(dataset: Path, clips: list[Clip]):
    features = json.loads((dataset / "meta/info.json").read_text())["features"]
    shapes = {key: feature["shape"] for key, feature in features.items() if feature["dtype"] == "video"}
    cameras = [f"observation.images.{name}" for name in ("front", "left", "wrist")]
    assert shapes == dict(zip(cameras, ([32, 32, 3], [16, 48, 3], [32, 32, 3]), strict=True))
    stats = json.loads((dataset / "meta/stats.json").read_text())
    pixels = np.concatenate([clip.views["left"] for clip in clips]) / 255
    np.testing.assert_allclose(np.ravel(stats[cameras[1]]["mean"]), pixels.mean((0, 1, 2)))
    episodes = pq.read_table(dataset / "meta/episodes/chunk-000/file-000.parquet")
    for camera in cameras:
        np.testing.assert_allclose(episodes[f"videos/{camera}/from_timestamp"].to_numpy(), [0, 2.4, 3.4])

    reader = LeRobotReader(dataset, views=("left", "wrist"))
    for read, written in zip(reader, clips, strict=True):
        assert list(read.views) == ["left", "wrist"]
        for name, view in read.views.items():
            assert np.abs(view.astype(int) - written.views[name]).mean() < 3
    in_order = [clip.views["left"] for clip in LeRobotReader(dataset, views=("left",))]
    for i in (2, 0, 1):
        np.testing.assert_array_equal(reader.read(i).views["left"], in_order[i])
    assert LeRobotReader(dataset).read(0).views == {}
    other = LeRobotReader(dataset, camera="observation.images.left", views=("front",)).read(1)
    np.testing.assert_array_equal(other.frames, in_order[1])
    np.testing.assert_array_equal(other.views["front"], LeRobotReader(dataset).read(1).frames)


def test_large_collections_start_every_camera_s_file_anew(tmp_path: Path, clips: list[Clip]):
    with LeRobotWriter(tmp_path / "many", fps=5, video_mb=0) as out:
        for clip in clips:
            out.add(clip)
    assert len(list((tmp_path / "many/videos").rglob("*.mp4"))) == 9
    for read, written in zip(LeRobotReader(tmp_path / "many", views=("wrist",)), clips, strict=True):
        assert np.abs(read.views["wrist"].astype(int) - written.views["wrist"]).mean() < 3


def test_an_episode_with_other_views_is_refused_and_the_dataset_stays_whole(
    tmp_path: Path, clips: list[Clip], make_clip: Callable[..., Clip]
):
    odd = make_clip(0).frames[:, :31]
    with LeRobotWriter(tmp_path / "mixed", fps=5) as out:
        for views, complaint in (({"front": clips[0].frames}, "front.*another name"), ({"z": odd}, "31x32.*even")):
            with pytest.raises(DataError, match=complaint):
                out.add(replace(clips[0], views=views))
        out.add(clips[0])
        with pytest.raises(DataError, match=r"observation\.images\.wrist"):
            out.add(replace(clips[1], views={"left": clips[1].views["left"]}))
        out.add(clips[2])
    cameras = sorted(path.name for path in (tmp_path / "mixed/videos").iterdir())
    assert cameras == [f"observation.images.{name}" for name in ("front", "left", "wrist")]
    assert LeRobotReader(tmp_path / "mixed", views=("left",)).lengths.tolist() == [12, 9]


def test_the_cache_keeps_views_beside_the_frames(dataset: Path):
    cache = ClipCache.open([dataset], image_size=32, views=("left", "wrist"))
    assert cache.views == ("left", "wrist")
    reader = LeRobotReader(dataset, views=("wrist",))
    for i in range(3):
        np.testing.assert_array_equal(cache.episode(i).views["wrist"], reader.read(i).views["wrist"])
    batch = cache.sample(20, 4, torch.Generator().manual_seed(0))
    assert {name: tuple(view.shape) for name, view in batch["views"].items()} == {
        "left": (20, 4, 32, 32, 3),
        "wrist": (20, 4, 32, 32, 3),
    }
    upside_down = batch["frames"].flip(2).int()
    assert (batch["views"]["wrist"].int() - upside_down).abs().float().mean() < 4
    step = batch["views"]["left"].float().mean((2, 3, 4)).diff(dim=1)[batch["valid"][:, 1:]]
    assert (step + 5).abs().max() < 2.5


def test_without_views_nothing_is_other_than_before(dataset: Path, plain: Path):
    ClipCache.open([dataset], image_size=32, views=("left",))
    cache, simple = (ClipCache.open([path], image_size=32) for path in (dataset, plain))
    assert sorted(path.name for path in dataset.glob(".cache*")) == [".cache-32", ".cache-32-left"]
    batches = [each.sample(4, 4, torch.Generator().manual_seed(1)) for each in (cache, simple)]
    assert set(batches[0]) == {"frames", "action", "proprio", "signals", "valid"}
    assert torch.equal(batches[0]["action"], batches[1]["action"])
    np.testing.assert_array_equal(cache.episode(0).frames, LeRobotReader(dataset).read(0).frames)
    assert cache.views == ()
    assert cache.episode(0).views == {}


def test_a_view_that_a_dataset_lacks_is_named(dataset: Path, plain: Path):
    with pytest.raises(DataError, match=r"plain: no video feature 'observation\.images\.left'.*images\.front"):
        ClipCache.open([dataset, plain], image_size=32, views=("left",))
    assert not list(plain.glob(".cache*"))


def test_a_camera_whose_size_changes_within_an_episode_is_named(dataset: Path):
    video = next(dataset.glob("videos/observation.images.left/*/*.mp4"))
    encode(video, [grey(99, 16, 48)] * 20 + [grey(99, 48, 16)] * 6, fps=5)
    with pytest.raises(DataError, match=r"images\.left.*frame 20 has 48x16 pixels instead of 16x48; restore"):
        ClipCache.open([dataset], image_size=32, views=("left",))
    assert not list(dataset.glob(".cache*"))
