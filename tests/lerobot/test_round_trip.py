"""Datasets of ours in the real LeRobot, and datasets of LeRobot's own in ours. `make test-lerobot` runs it.

Nothing touches the network: every dataset lies in a temporary folder.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from rehearse.world_model import preset, train
from rehearse.world_model.data import Clip, ClipCache, LeRobotReader, LeRobotWriter
from rehearse.world_model.data.check import check

lerobot = pytest.importorskip("lerobot", reason="make test-lerobot makes an environment that has it")
pytest.importorskip("lerobot.datasets.lerobot_dataset", reason="pip install 'lerobot[dataset]'")

FPS, SIZE = 5, 64
LENGTHS = (8, 5, 11)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)


def pictures(length: int, seed: int) -> np.ndarray:
    """Smooth enough for a codec to keep, and each frame another."""
    y, x = np.mgrid[:SIZE, :SIZE]
    frame = lambda t: np.stack([3 * x + 4 * t, 3 * y + 20 * seed, 90 + 0 * x + 5 * t], -1)  # noqa: E731
    return np.stack([frame(t) for t in range(length)]).clip(0, 255).astype(np.uint8)


def clip(length: int, seed: int) -> Clip:
    rng = np.random.default_rng(seed)
    rows = lambda n: rng.normal(size=(length, n)).astype(np.float32)  # noqa: E731
    signals = {"effort": rng.random(length).astype(np.float32), "woken": rng.random(length) > 0.5}
    views = {"left": pictures(length, seed + 1)}
    return Clip(pictures(length, seed), rows(3), rows(2), signals, f"task {seed % 2}", views=views)


@pytest.fixture
def ours(tmp_path: Path) -> tuple[Path, list[Clip]]:
    clips = [clip(length, seed) for seed, length in enumerate(LENGTHS)]
    names = {"observation.state": ["x", "y"], "action": ["a", "b", "c"]}
    with LeRobotWriter(tmp_path / "ours", FPS, "test_arm", names=names) as out:
        for each in clips:
            out.add(each)
    return tmp_path / "ours", clips


def opened(path: Path, **more: object):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    # What torchcodec needs besides, FFmpeg's libraries, few machines have.
    return LeRobotDataset("nobody/nothing", root=path, video_backend="pyav", **more)


def test_what_we_write_is_what_lerobot_reads(ours: tuple[Path, list[Clip]]) -> None:
    path, clips = ours
    dataset = opened(path)
    assert (dataset.num_episodes, dataset.num_frames, dataset.fps) == (3, sum(LENGTHS), FPS)
    assert dataset.meta.robot_type == "test_arm"
    assert dataset.features["action"]["names"] == ["a", "b", "c"]
    assert set(dataset.meta.camera_keys) == {"observation.images.front", "observation.images.left"}
    row = 0
    for episode, each in enumerate(clips):
        for t in range(len(each)):
            item = dataset[row]
            assert (int(item["episode_index"]), int(item["frame_index"])) == (episode, t)
            assert float(item["timestamp"]) == pytest.approx(t / FPS)
            assert item["task"] == each.task
            np.testing.assert_array_equal(item["action"].numpy(), each.actions[t])
            np.testing.assert_array_equal(item["observation.state"].numpy(), each.proprio[t])
            assert float(item["signal.effort"]) == pytest.approx(float(each.signals["effort"][t]))
            assert bool(item["signal.woken"]) == bool(each.signals["woken"][t])
            for name, frames in (("front", each.frames), ("left", each.views["left"])):
                seen = item[f"observation.images.{name}"].permute(1, 2, 0).numpy() * 255
                assert np.abs(seen - frames[t]).mean() < 4, f"frame {t} of episode {episode}, {name}"
            row += 1


def test_the_statistics_are_those_that_lerobot_reckons(ours: tuple[Path, list[Clip]]) -> None:
    path, clips = ours
    stats = opened(path).meta.stats
    actions = np.concatenate([each.actions for each in clips])
    np.testing.assert_allclose(stats["action"]["mean"], actions.mean(0), atol=1e-5)
    np.testing.assert_allclose(stats["action"]["std"], actions.std(0), atol=1e-5)
    assert stats["observation.images.front"]["mean"].shape == (3, 1, 1)
    assert 0 < float(np.ravel(stats["observation.images.front"]["mean"])[0]) < 1


def test_windows_and_batches_come_out(ours: tuple[Path, list[Clip]]) -> None:
    dataset = opened(ours[0], delta_timestamps={"action": [0.0, 1 / FPS], "observation.images.front": [-1 / FPS, 0.0]})
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=False)))
    assert batch["action"].shape == (4, 2, 3)
    assert batch["observation.images.front"].shape == (4, 2, 3, SIZE, SIZE)
    assert batch["action_is_pad"].dtype == torch.bool


@pytest.fixture
def theirs(tmp_path: Path) -> tuple[Path, list[Clip]]:
    """Written by LeRobot's own recorder, frame by frame."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    features = {
        "observation.images.front": {
            "dtype": "video",
            "shape": (SIZE, SIZE, 3),
            "names": ["height", "width", "channels"],
        },
        "observation.state": {"dtype": "float32", "shape": (2,), "names": ["x", "y"]},
        "action": {"dtype": "float32", "shape": (3,), "names": ["a", "b", "c"]},
        "signal.effort": {"dtype": "float32", "shape": (1,), "names": None},
    }
    clips = [clip(length, seed) for seed, length in enumerate(LENGTHS)]
    dataset = LeRobotDataset.create("nobody/nothing", FPS, features, root=tmp_path / "theirs", robot_type="test_arm")
    for each in clips:
        for t in range(len(each)):
            frame = {
                "observation.images.front": each.frames[t],
                "observation.state": each.proprio[t],
                "action": each.actions[t],
                "signal.effort": np.array([each.signals["effort"][t]], np.float32),
                "task": each.task,
            }
            dataset.add_frame(frame)
        dataset.save_episode()
    if hasattr(dataset, "finalize"):
        dataset.finalize()
    return tmp_path / "theirs", clips


def test_what_lerobot_writes_is_what_we_read(theirs: tuple[Path, list[Clip]]) -> None:
    path, clips = theirs
    reader = LeRobotReader(path)
    assert (len(reader), reader.fps, reader.lengths.tolist()) == (3, FPS, list(LENGTHS))
    assert reader.signal_kinds == {"effort": "regression"}
    for read, written in zip(reader, clips, strict=True):
        np.testing.assert_array_equal(read.actions, written.actions)
        np.testing.assert_array_equal(read.proprio, written.proprio)
        np.testing.assert_allclose(read.signals["effort"], written.signals["effort"])
        assert read.task == written.task
        assert np.abs(read.frames.astype(float) - written.frames).mean() < 8
    assert check(path).sound


def test_what_lerobot_writes_trains_a_model(theirs: tuple[Path, list[Clip]], tmp_path: Path) -> None:
    config = preset("debug", steps=4, batch=4, length=8, rollout_steps=4, tensorboard=False)
    trained = train(config, [ClipCache.open([theirs[0]])], tmp_path / "run", on_progress=lambda now: None)
    assert trained.model.config.signals == {"effort": "regression"}
    assert trained.model.config.action_dim == 3
    assert trained.path.exists()
