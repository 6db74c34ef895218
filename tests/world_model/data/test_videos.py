"""Any video becomes episodes at one frame rate; what is no use is named in one line, and nothing is left behind."""

import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from rehearse.errors import DataError
from rehearse.world_model.data import Clip, LeRobotWriter, open_videos
from rehearse.world_model.data.footage import steady
from tests.world_model.data.footage import encode, grey, level


def _ramp(count: int, first: float = 60, step: float = 5) -> list[np.ndarray]:
    return [grey(first + step * i) for i in range(count)]


def _levels(clip: Clip) -> list[int]:
    return [round((level(frame) - 60) / 5) for frame in clip.frames]


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows by one for every file that is decoded."""
    from rehearse.world_model.data import videos

    calls, real = [], videos.steady_frames
    monkeypatch.setattr(videos, "steady_frames", lambda path, fps: calls.append(path) or real(path, fps))
    return calls


# -- what comes out --


def test_each_file_of_a_folder_is_an_episode_without_actions(tmp_path: Path):
    encode(tmp_path / "a/one.mp4", _ramp(20), fps=10)
    encode(tmp_path / "b/deep/two.MKV", _ramp(24), fps=8)
    encode(tmp_path / "three.webm", _ramp(30), fps=30, codec="libvpx-vp9")
    encode(tmp_path / "four.mov", _ramp(10), fps=5, codec="mpeg4")
    (tmp_path / "notes.txt").write_text("no video")
    encode(tmp_path / ".hidden/five.mp4", _ramp(20))
    (cache,) = open_videos([tmp_path], image_size=32, fps=5)
    assert sorted(cache.lengths) == [5, 10, 10, 15]
    assert (cache.action_dim, cache.proprio_dim, cache.signal_kinds, cache.fps) == (0, 0, {}, 5)
    clip = cache.episode(int(np.flatnonzero(cache.lengths == 5)[0]))
    assert (clip.actions, clip.proprio, clip.signals, clip.views) == (None, None, {}, {})
    assert _levels(clip) == [0, 6, 12, 18, 24]
    batch = cache.sample(6, 4, torch.Generator().manual_seed(0), min_valid=4)
    assert set(batch) == {"frames", "signals", "valid"}
    assert batch["signals"] == {}
    assert tuple(batch["frames"].shape) == (6, 4, 32, 32, 3)
    assert len(cache.subset([1, 2])) == 2


def test_a_frame_is_the_nearest_earlier_one_by_its_time(tmp_path: Path):
    times_ms = [0, 50, 100, 450, 500, 550, 900, 1000]
    file = encode(tmp_path / "varying.mp4", _ramp(8), times_ms=times_ms)
    (cache,) = open_videos(file, image_size=16, fps=5)
    assert _levels(cache.episode(0)) == [0, 2, 2, 5, 5, 7]
    late = encode(tmp_path / "late.mkv", _ramp(8), times_ms=[2000 + t for t in times_ms])
    assert _levels(open_videos(late, image_size=16, fps=5)[0].episode(0)) == [0, 2, 2, 5, 5, 7]


def test_times_that_a_container_rounds_still_hit_their_frame():
    milliseconds = ((round(1000 * i / 15) / 1000, i) for i in range(31))
    assert list(steady(milliseconds, 15, slack_s=5e-4)) == [(i, 1) for i in range(31)]
    assert [i for i, _ in steady(((i * 1001 / 30000, i) for i in range(60)), 10)][:4] == [0, 2, 5, 8]


def test_pictures_are_squeezed_not_cropped(tmp_path: Path):
    picture = np.full((48, 96, 3), 40, np.uint8)
    picture[:, :12] = picture[:, -12:] = 220
    (cache,) = open_videos(encode(tmp_path / "wide.mp4", [picture] * 10), image_size=16)
    frame = cache.episode(0).frames[0].mean((0, 2))
    assert abs(frame[[0, 1, -2, -1]] - 220).max() < 12
    assert abs(frame[3:-3] - 40).max() < 12


def test_a_phone_that_was_held_upright_gives_upright_frames(tmp_path: Path):
    picture = np.full((48, 64, 3), 40, np.uint8)
    picture[:, :32] = 220  # bright on the left of what the sensor saw, at the top of what was meant
    file = encode(tmp_path / "phone.mp4", [picture] * 10)
    content = bytearray(file.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    file.write_bytes(content)
    frame = open_videos(file, image_size=16)[0].episode(0).frames[0]
    assert frame[:7].mean() > 200
    assert frame[9:].mean() < 60


def test_is_decoded_once_and_again_when_a_file_or_the_rate_changes(tmp_path: Path, decodes: list[Path]):
    files = [encode(tmp_path / f"{name}.mp4", _ramp(20)) for name in "ab"]
    for _ in range(2):
        open_videos(tmp_path, image_size=16)
    assert decodes == files
    open_videos(tmp_path, image_size=16, fps=10)
    open_videos(tmp_path, image_size=16, fps=5.0)
    assert decodes == files * 2
    encode(files[0], _ramp(30))
    assert open_videos(tmp_path, image_size=16)[0].lengths.tolist() == [15, 10]
    frames = tmp_path / ".cache-16-5fps/frames.npy"
    frames.write_bytes(frames.read_bytes()[:-1])
    assert open_videos(tmp_path, image_size=16)[0].lengths.tolist() == [15, 10]
    assert decodes == files * 4


def test_a_cache_elsewhere_leaves_the_source_as_it_is(tmp_path: Path, decodes: list[Path]):
    files = [encode(tmp_path / f"videos/{name}.mp4", _ramp(20)) for name in "ab"]
    for _ in range(2):
        open_videos([tmp_path / "videos", files[1]], image_size=16, cache_dir=tmp_path / "fast")
    assert decodes == [*files, files[1]]
    assert _names(tmp_path / "videos") == {"a.mp4", "b.mp4"}


def test_memory_does_not_grow_with_the_video(tmp_path: Path):
    file = encode(tmp_path / "long.mp4", (grey(60 + i % 120, 480, 640) for i in range(60)), fps=10)
    tracemalloc.start()
    try:
        open_videos(file, image_size=16, fps=10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 480 * 640 * 3  # bytes; all frames would be six times that


# -- LeRobotDatasets --


def _dataset(path: Path, fps: int = 10, **views: np.ndarray) -> Path:
    with LeRobotWriter(path, fps=fps) as out:
        for length in (20, 30):
            frames = np.stack(_ramp(length))
            actions, progress = np.ones((length, 4)), np.zeros(length)
            turned = {name: view[:length] for name, view in views.items()}
            out.add(Clip(frames, actions, actions, {"progress": progress}, views=turned))
    return path


def test_each_camera_of_a_dataset_is_a_cache_and_nothing_else_is_read(tmp_path: Path):
    dataset = _dataset(tmp_path / "runs/jacket", left=np.stack(_ramp(30, first=90)))
    table = dataset / "data/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(table).drop_columns(["action", "observation.state", "signal.progress"]), table)
    (dataset / "meta/tasks.parquet").unlink()
    encode(tmp_path / "runs/loose.mp4", _ramp(20))
    loose, front, left = open_videos(tmp_path / "runs", image_size=16, fps=5)
    assert loose.lengths.tolist() == [10]
    for cache in (front, left):
        assert cache.lengths.tolist() == [10, 15]
        assert (cache.action_dim, cache.proprio_dim, cache.signal_kinds) == (0, 0, {})
    assert _levels(front.episode(1)) == list(range(0, 30, 2))
    assert _levels(left.episode(0)) == list(range(6, 26, 2))


def test_cameras_of_other_names_and_of_datasets_before_v3(tmp_path: Path):
    cameras = {"observation.images.top": "video", "observation.image": "video", "action": "float32"}
    for i in range(2):
        for camera in ("observation.images.top", "observation.image"):
            encode(tmp_path / f"old/videos/chunk-000/{camera}/episode_{i:06d}.mp4", _ramp(20 + 10 * i))
    (tmp_path / "old/meta").mkdir()
    features = {name: {"dtype": dtype} for name, dtype in cameras.items()}
    (tmp_path / "old/meta/info.json").write_text(json.dumps({"codebase_version": "v2.1", "features": features}))
    caches = open_videos(tmp_path / "old", image_size=16)
    assert [cache.lengths.tolist() for cache in caches] == [[10, 15]] * 2


def test_a_dataset_that_is_slow_or_without_video_is_named(tmp_path: Path):
    dataset = _dataset(tmp_path / "jacket", fps=4)
    with pytest.raises(DataError, match=r"jacket: 4 frames/s is slower than the 5 .*--fps 4"):
        open_videos(dataset)
    info = dataset / "meta/info.json"
    info.write_text(info.read_text().replace('"dtype": "video"', '"dtype": "image"'))
    with pytest.raises(DataError, match=r"jacket: .*declares no video"):
        open_videos(dataset, fps=4)


# -- what is refused --


def _spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    first = content.index(b"mdat") + len(content) // 2
    content[first : first + 600] = bytes(600)
    file.write_bytes(content)


def _noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


def _shortened(file: Path, share: float = 0.5) -> None:
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])


def _truncated(file: Path, **how: object) -> None:
    _shortened(encode(file, _noise(30), **how))


FAST = {"movflags": "faststart"}
DEAD = np.full((48, 64, 3), 7, np.uint8)
BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "empty": ("mp4", lambda file: file.touch(), r"empty \(0 bytes\); copy it again"),
    "text": ("mp4", lambda file: file.write_text("not a video " * 99), "not a video .*; copy it again"),
    "link": ("mp4", lambda file: file.symlink_to("nowhere.mp4"), "no such video; check the path"),
    "truncated": ("mp4", _truncated, "truncated or not a video .*; copy it again"),
    "truncated, index first": ("mp4", lambda file: _truncated(file, container=FAST), "breaks off at .*; copy it"),
    "truncated matroska": ("mkv", _truncated, r"breaks off at .* s of 3 s; copy it"),
    "truncated webm": ("webm", lambda file: _truncated(file, codec="libvpx-vp9"), "breaks off at .* of 3 s; copy it"),
    "corrupt": ("mp4", lambda file: _spoil(encode(file, _noise(30))), "damaged .*; copy it again"),
    "turned": (
        "mp4",
        lambda file: encode(file, [*_ramp(10), *(np.rot90(picture) for picture in _ramp(10))]),
        "the size changes from 48x64 to 64x48 after 0.9 s; split it there",
    ),
    "dead": ("mp4", lambda file: encode(file, [DEAD] * 20), "100% of the frames are of one colour.*; cut them off"),
    "dies": ("mp4", lambda file: encode(file, _ramp(15) + [DEAD] * 5), "2[0-9]% of the frames .*; cut them off"),
    "short": ("mp4", lambda file: encode(file, _ramp(2)), "fewer than 2 frames at 5 frames/s; raise --fps"),
    "one frame": ("mp4", lambda file: encode(file, _ramp(1)), "fewer than 2 frames at 5 frames/s; raise --fps"),
    "slow": ("mp4", lambda file: encode(file, _ramp(9), fps=2.5), "2.5 frames/s is slower than the 5 .*--fps 2.5"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_video_is_named_in_one_line_and_leaves_nothing(tmp_path: Path, kind: str):
    suffix, make, complaint = BAD[kind]
    encode(tmp_path / "a.mp4", _ramp(20))
    bad = tmp_path / f"bad.{suffix}"
    make(bad)
    before = _names(tmp_path)
    with pytest.raises(DataError, match=complaint) as caught:
        open_videos(tmp_path, image_size=16)
    assert str(caught.value).startswith(f"{bad}: ")
    assert "\n" not in str(caught.value)
    assert _names(tmp_path) == before


def test_a_fade_is_no_dead_camera(tmp_path: Path):
    (cache,) = open_videos(encode(tmp_path / "fade.mp4", [DEAD] * 4 + _ramp(36, step=4)), image_size=16)
    assert cache.lengths.tolist() == [20]


def test_bad_videos_can_be_left_out_and_each_is_told(tmp_path: Path, decodes: list[Path]):
    for kind, (suffix, make, _) in BAD.items():
        make(tmp_path / f"{kind}.{suffix}")
    good = [encode(tmp_path / name, _ramp(count)) for name, count in (("good.mp4", 20), ("zest.mp4", 30))]
    told: list[str] = []
    for _ in range(2):  # decoded, then from the cache
        told.clear()
        (cache,) = open_videos(tmp_path, image_size=16, skip_bad=True, on_bad=lambda error: told.append(str(error)))
        assert cache.lengths.tolist() == [10, 15]
        assert _levels(cache.episode(1)) == list(range(0, 30, 2))
        assert len(told) == len(BAD)
        for kind, (suffix, _, _) in BAD.items():
            assert sum(line.startswith(f"{tmp_path / kind}.{suffix}: ") for line in told) == 1
    assert len(decodes) == len(BAD) + len(good)
    with pytest.raises(DataError, match=r"corrupt\.mp4"):
        open_videos(tmp_path, image_size=16)  # not every run may go on without them


def test_bad_episodes_of_a_dataset_can_be_left_out(tmp_path: Path):
    left = np.stack([*_ramp(20), *[DEAD] * 10])  # dies within the second, longer episode
    dataset, told = _dataset(tmp_path / "jacket", left=left), []
    with pytest.raises(DataError, match=r"jacket: episode 1 of observation\.images\.left: 33% of the frames"):
        open_videos(dataset, image_size=16)
    caches = open_videos(dataset, image_size=16, skip_bad=True, on_bad=told.append)
    assert [cache.lengths.tolist() for cache in caches] == [[10, 15], [10]]
    video = next(dataset.glob("videos/observation.images.left/*/*.mp4"))
    video.write_text("not a video")
    caches = open_videos(dataset, image_size=16, skip_bad=True, on_bad=told.append)
    assert [cache.lengths.tolist() for cache in caches] == [[10, 15]]
    assert [type(error) for error in told] == [DataError] * 2


def test_nothing_to_open_is_an_error_even_if_bad_videos_may_be_left_out(tmp_path: Path):
    (tmp_path / "none").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.mp4").touch()
    (tmp_path / "notes.txt").touch()
    for path, complaint in (
        ("none", "none: no video in this folder; put"),
        ("missing", "missing: no such file or folder; check"),
        ("notes.txt", "notes.txt: not a video by its name; give"),
        ("bad", r"bad: none of 1 videos can be used; the first: .*a\.mp4"),
    ):
        with pytest.raises(DataError, match=complaint):
            open_videos(tmp_path / path, skip_bad=True)
    for arguments, complaint in (
        (dict(paths=[]), "no video was given"),
        (dict(paths=tmp_path, fps=0), "fps 0"),
        (dict(paths=tmp_path, image_size=0), "image_size 0"),
    ):
        with pytest.raises(DataError, match=complaint):
            open_videos(**arguments)
    assert _names(tmp_path) == {"none", "bad", "bad/a.mp4", "notes.txt"}
