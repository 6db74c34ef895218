"""A dataset comes back as it was written, has the v3.0 layout, and damage is named in one line."""

import json
import multiprocessing
import multiprocessing.synchronize
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rehearse.errors import DataError
from rehearse.world_model.data import Clip, LeRobotReader, LeRobotWriter
from rehearse.world_model.data.stats import image_histogram, image_stats

DATA, VIDEO = "data/chunk-000/file-000.parquet", "videos/observation.images.front/chunk-000/file-000.mp4"
INDEX = ["timestamp", "frame_index", "episode_index", "index", "task_index"]


def test_roundtrip(dataset: Path, clips: list[Clip]):
    reader = LeRobotReader(dataset)
    assert len(reader) == 3
    assert reader.fps == 5
    assert reader.lengths.tolist() == [12, 5, 9]
    assert (reader.action_dim, reader.proprio_dim, reader.image_shape) == (4, 3, (32, 32, 3))
    assert reader.signal_kinds == {"disturbance": "regression", "woken": "event"}
    assert reader.provenance == {"seed": 7}
    for read, written in zip(reader, clips, strict=True):
        assert np.abs(read.frames.astype(int) - written.frames).mean() < 3
        np.testing.assert_array_equal(read.actions, written.actions)
        np.testing.assert_array_equal(read.proprio, written.proprio)
        for name in written.signals:
            np.testing.assert_array_equal(read.signals[name], written.signals[name])
        assert (read.task, read.events) == (written.task, written.events)


def test_random_access_gives_the_same_frames_as_reading_on(dataset: Path):
    in_order = [clip.frames for clip in LeRobotReader(dataset)]
    reader = LeRobotReader(dataset)
    for i in (2, 0, 1, 1, 0):
        np.testing.assert_array_equal(reader.read(i).frames, in_order[i])


def test_each_mp4_is_opened_once_when_reading_in_order(dataset: Path, monkeypatch: pytest.MonkeyPatch):
    import av

    opened, real = [], av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(a) or real(*a, **k))
    list(LeRobotReader(dataset))
    assert len(opened) == 1


def test_what_a_source_lacks_stays_absent(tmp_path: Path, clips: list[Clip]):
    with LeRobotWriter(tmp_path / "video", fps=5) as out:
        out.add(Clip(clips[0].frames))
    clip = LeRobotReader(tmp_path / "video").read(0)
    assert clip.actions is None
    assert clip.proprio is None
    assert not clip.signals


def test_an_episode_may_be_one_frame(tmp_path: Path, make_clip: Callable[..., Clip]):
    written = [make_clip(seed, length=1) for seed in range(3)]  # shorter than the encoder's own delay
    with LeRobotWriter(tmp_path / "short", fps=30) as out:
        for clip in written:
            out.add(clip)
    for read, clip in zip(LeRobotReader(tmp_path / "short"), written, strict=True):
        assert np.abs(read.frames.astype(int) - clip.frames).mean() < 3
        np.testing.assert_array_equal(read.actions, clip.actions)


def test_large_collections_go_into_several_files(tmp_path: Path, clips: list[Clip]):
    with LeRobotWriter(tmp_path / "many", fps=5, video_mb=0) as out:
        for clip in clips:
            out.add(clip)
    assert len(list((tmp_path / "many/videos").rglob("*.mp4"))) == 3
    reader = LeRobotReader(tmp_path / "many")
    for read, written in zip(reader, clips, strict=True):
        np.testing.assert_array_equal(read.actions, written.actions)
        assert np.abs(read.frames.astype(int) - written.frames).mean() < 3


def test_layout_is_lerobot_v3(dataset: Path):
    info = json.loads((dataset / "meta/info.json").read_text())
    scalars = {"total_episodes": 3, "total_frames": 26, "total_tasks": 2, "fps": 5, "robot_type": "gantry"}
    assert {key: info[key] for key in scalars} == scalars
    assert info["codebase_version"] == "v3.0"
    assert info["splits"] == {"train": "0:3"}
    assert set(info) == set(scalars) | {
        *("codebase_version", "splits", "chunks_size", "data_files_size_in_mb", "video_files_size_in_mb"),
        *("data_path", "video_path", "features"),
    }
    features = info["features"]
    assert {key: (feature["dtype"], feature["shape"]) for key, feature in features.items()} == {
        "observation.images.front": ("video", [32, 32, 3]),
        "observation.state": ("float32", [3]),
        "action": ("float32", [4]),
        "signal.disturbance": ("float32", [1]),
        "signal.woken": ("bool", [1]),
        "timestamp": ("float32", [1]),
        **{key: ("int64", [1]) for key in INDEX[1:]},
    }
    columns = ["observation.state", "action", "signal.disturbance", "signal.woken", *INDEX]
    table = pq.read_table(dataset / DATA)
    assert table.column_names == columns
    assert table["action"].type == pa.list_(pa.float32(), 4)
    assert table["signal.woken"].type == pa.bool_()
    assert table["index"].to_pylist() == list(range(26))
    assert table["frame_index"].to_pylist() == [*range(12), *range(5), *range(9)]
    np.testing.assert_allclose(table["timestamp"].to_numpy()[:3], [0, 0.2, 0.4], atol=1e-6)

    episodes = pq.read_table(dataset / "meta/episodes/chunk-000/file-000.parquet")
    where = ["chunk_index", "file_index"]
    camera = "videos/observation.images.front/"
    plain = ["episode_index", "tasks", "length", "dataset_from_index", "dataset_to_index"]
    plain += [f"{room}/{key}" for room in ("data", "meta/episodes") for key in where]
    plain += [camera + key for key in (*where, "from_timestamp", "to_timestamp")]
    names = ("min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99")
    stats = [f"stats/{key}/{name}" for key in ("observation.images.front", *columns) for name in names]
    assert set(episodes.column_names) == {*plain, *stats}
    assert episodes["dataset_to_index"].to_pylist() == [12, 17, 26]
    np.testing.assert_allclose(episodes[camera + "from_timestamp"].to_numpy(), [0, 2.4, 3.4])
    tasks = pq.read_table(dataset / "meta/tasks.parquet")
    assert tasks.to_pydict() == {"task_index": [0, 1], "task": ["task 0", "task 1"]}
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]


def test_stats_are_those_of_the_data(dataset: Path, clips: list[Clip]):
    stats = json.loads((dataset / "meta/stats.json").read_text())
    actions = np.concatenate([clip.actions for clip in clips]).astype(np.float64)
    for name in ("min", "max", "mean", "std"):
        np.testing.assert_allclose(stats["action"][name], getattr(actions, name)(0))
    np.testing.assert_allclose(stats["action"]["q90"], np.quantile(actions, 0.9, axis=0))
    pixels = np.concatenate([clip.frames for clip in clips]) / 255.0
    camera = stats["observation.images.front"]
    for name in ("min", "max", "mean", "std"):
        expected = getattr(pixels, name)(axis=(0, 1, 2))
        np.testing.assert_allclose(np.array(camera[name]), expected.reshape(3, 1, 1))
    assert camera["count"] == stats["action"]["count"] == [26]


def test_image_quantiles_match_the_sorted_pixels():
    frames = np.random.default_rng(0).integers(0, 256, (5, 20, 20, 3), np.uint8)
    median = image_stats(image_histogram(frames), 5)["q50"]
    expected = np.quantile(frames / 255.0, 0.5, axis=(0, 1, 2), method="inverted_cdf")
    np.testing.assert_allclose(np.ravel(median), expected)


# -- the writer refuses, or leaves nothing --


def test_an_episode_of_another_kind_is_refused_and_the_dataset_stays_whole(
    tmp_path: Path, make_clip: Callable[..., Clip]
):
    with LeRobotWriter(tmp_path / "mixed", fps=5) as out:
        out.add(make_clip(0))
        for other, named in ((make_clip(1, action_dim=5), "action"), (make_clip(1, size=48), "images.front")):
            with pytest.raises(DataError, match=named):
                out.add(other)
        out.add(make_clip(2))
    assert [clip.task for clip in LeRobotReader(tmp_path / "mixed")] == ["task 0", "task 0"]


def test_refuses_an_existing_folder_a_fractional_rate_an_odd_size_and_an_unknown_codec(
    dataset: Path, tmp_path: Path, make_clip: Callable[..., Clip]
):
    with pytest.raises(DataError, match="already exists"):
        LeRobotWriter(dataset, fps=5)
    with pytest.raises(DataError, match="whole number"):
        LeRobotWriter(tmp_path / "new", fps=2.5)
    with pytest.raises(DataError, match="even"), LeRobotWriter(tmp_path / "new", fps=5) as out:
        out.add(make_clip(0, size=33))
    with (
        pytest.raises(DataError, match="codec"),
        LeRobotWriter(tmp_path / "new", fps=5, codec="mjpeg") as out,
    ):
        out.add(make_clip(0))
    assert [path.name for path in tmp_path.iterdir()] == ["jacket"]


def _collect(out: LeRobotWriter, clips: Iterable[Clip]) -> None:
    with out:
        for clip in clips:
            out.add(clip)


def test_an_error_during_the_collection_leaves_nothing(tmp_path: Path, clips: list[Clip]):
    def simulate() -> Iterator[Clip]:
        yield clips[0]
        raise RuntimeError("the simulator stopped")

    out = LeRobotWriter(tmp_path / "failed", fps=5)
    with pytest.raises(RuntimeError, match="simulator"):
        _collect(out, simulate())
    assert list(tmp_path.iterdir()) == []


def test_no_episode_no_dataset(tmp_path: Path):
    with pytest.raises(DataError, match="no episode"), LeRobotWriter(tmp_path / "none", fps=5):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_appears_meanwhile_does_not_cost_the_collection(tmp_path: Path, clips: list[Clip]):
    out = LeRobotWriter(tmp_path / "late", fps=5)
    out.add(clips[0])
    (tmp_path / "late").mkdir()
    (tmp_path / "late/notes.txt").write_text("mine")
    with pytest.raises(DataError, match="the dataset is in") as caught:
        out.close()
    kept = str(caught.value).split("the dataset is in ")[1]
    assert len(LeRobotReader(kept)) == 1
    assert (tmp_path / "late/notes.txt").read_text() == "mine"


def _collect_forever(path: Path, clip: Clip, ready: multiprocessing.synchronize.Event) -> None:
    with LeRobotWriter(path, fps=5) as out:
        while True:
            out.add(clip)
            ready.set()


def test_a_killed_collection_leaves_no_dataset(tmp_path: Path, clips: list[Clip]):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    worker = context.Process(target=_collect_forever, args=(tmp_path / "killed", clips[0], ready))
    worker.start()
    assert ready.wait(30)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(30)
    assert worker.exitcode == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    with pytest.raises(DataError, match="no such folder"):
        LeRobotReader(tmp_path / "killed")


# -- the reader names what is wrong --


def _edit_info(root: Path, **changes: object) -> None:
    path = root / "meta/info.json"
    info = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in info.items() if value is not None}))


def _edit_data(root: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(root / DATA)), root / DATA)


def _with_nan(table: pa.Table, key: str) -> pa.Table:
    values = np.stack(table[key].to_numpy())
    values[13] = np.nan  # the second frame of episode 1
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    return table.set_column(table.column_names.index(key), key, column)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda root: (root / "meta/info.json").unlink(), "not a LeRobotDataset"),
        (lambda root: (root / "meta/info.json").write_text("{"), "info.json.*JSON"),
        (lambda root: _edit_info(root, codebase_version="v2.1"), "v2.1 is not v3.0"),
        (lambda root: _edit_info(root, features=None), "'features' is missing"),
        (lambda root: _edit_info(root, total_episodes=0), "empty"),
        (lambda root: _edit_info(root, total_episodes=4), "3 episodes.* says 4"),
        (lambda root: _edit_info(root, fps=10), "fps"),
        (lambda root: (root / DATA).unlink(), "no parquet file"),
        (lambda root: (root / DATA).write_bytes((root / DATA).read_bytes()[:500]), "file-000.parquet"),
        (lambda root: (root / "meta/tasks.parquet").unlink(), "tasks.parquet"),
        (lambda root: _edit_data(root, lambda t: t.drop_columns(["action"])), "column 'action' is missing"),
        (
            lambda root: _edit_data(root, lambda t: t.drop_columns(["signal.woken"])),
            "'signal.woken' is missing",
        ),
        (lambda root: _edit_data(root, lambda t: _with_nan(t, "action")), "'action' has NaN.*episode 1"),
        (lambda root: _edit_data(root, lambda t: _with_nan(t, "observation.state")), "state' has NaN"),
        (lambda root: _edit_data(root, lambda t: t.slice(0, 20)), "episode 2"),
    ],
)
def test_damaged_tables_are_refused_at_once(dataset: Path, damage: Callable[[Path], object], named: str):
    damage(dataset)
    with pytest.raises(DataError, match=named) as caught:
        LeRobotReader(dataset)
    assert str(dataset) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_camera_is_named(dataset: Path):
    with pytest.raises(DataError, match=r"images\.wrist.*images\.front"):
        LeRobotReader(dataset, camera="observation.images.wrist")


def _shorter_video(root: Path, fps: int = 5) -> None:
    from rehearse.world_model.data.video import VideoWriter

    with VideoWriter(root / VIDEO, fps, 32, 32) as out:
        out.add(np.zeros((20, 32, 32, 3), np.uint8))


def _spoil_the_middle(root: Path) -> None:
    content = bytearray((root / VIDEO).read_bytes())
    first = content.index(b"mdat") + 1200  # past the encoder's own comment, inside the pictures
    content[first : first + 600] = bytes(600)
    (root / VIDEO).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda root: (root / VIDEO).unlink(), "missing"),
        (lambda root: (root / VIDEO).write_bytes((root / VIDEO).read_bytes()[:-400]), "truncated"),
        (lambda root: (root / VIDEO).write_bytes(b"not a video"), "not a video"),
        (_shorter_video, "ends at frame 20 of 26"),
        (lambda root: _shorter_video(root, fps=10), "10 frames/s"),
        (_spoil_the_middle, "video"),
    ],
)
def test_damaged_video_is_refused(dataset: Path, damage: Callable[[Path], object], named: str):
    damage(dataset)
    with pytest.raises(DataError, match=named) as caught:
        list(LeRobotReader(dataset))
    assert VIDEO in str(caught.value)
