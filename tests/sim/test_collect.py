"""Collecting: a dataset that the reader takes, the same for the same seed, none after a failure."""

from pathlib import Path

import numpy as np
import pytest

from rehearse.errors import ConfigError, DataError
from rehearse.sim.agents import Agent, BehaviourAgent
from rehearse.sim.collect import CollectConfig, collect, noisy_play, record_episode
from rehearse.sim.dog_on_jacket.behaviours import NoisyPlay
from rehearse.sim.dog_on_jacket.env import EPISODE_STEPS, PROPRIO_NAMES, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.recording import STEPS_AFTER_END
from rehearse.sim.takes import Take
from rehearse.sim.task import Task, TaskEnv
from rehearse.world_model.data import Clip, LeRobotReader

pytestmark = pytest.mark.gl


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Clip]]:
    takes: list[Take] = []
    config = CollectConfig(episodes=2, seed=3, workers=1, image_size=64)
    path = collect(config, tmp_path_factory.mktemp("collect") / "play", on_episode=takes.append)
    return path, [take.clip for take in takes]


def test_the_reader_takes_it(dataset: tuple[Path, list[Clip]]) -> None:
    path, clips = dataset
    reader = LeRobotReader(path)
    assert reader.lengths.tolist() == [len(clip.frames) for clip in clips]
    assert reader.fps == 5
    assert reader.image_shape == (64, 64, 3)
    assert (reader.action_dim, reader.proprio_dim) == (4, len(PROPRIO_NAMES))
    assert reader.signal_kinds == TASK.signals
    assert reader.provenance["split"] == "train"
    assert reader.provenance["seed"] == 3


def test_clips_are_whole(dataset: tuple[Path, list[Clip]]) -> None:
    for clip in dataset[1]:
        count = len(clip.frames)
        assert 2 <= count <= EPISODE_STEPS + STEPS_AFTER_END + 1
        assert len(clip.actions) == len(clip.proprio) == count
        assert np.abs(clip.actions).max() <= 1
        assert clip.actions[-1].tolist() == [0, 0, 0, 1]
        assert clip.signals["disturbance"][0] == 0
        woken = clip.signals["woken"].astype(bool)
        np.testing.assert_array_equal(woken, np.maximum.accumulate(woken))
        np.testing.assert_array_equal(woken, np.maximum.accumulate(clip.signals["disturbance"]) >= 1)


def test_an_episode_is_its_layout(dataset: tuple[Path, list[Clip]]) -> None:
    """Recorded in this process it is the same, bit for bit, as the worker's."""
    env = DogOnJacketEnv(level="half", image_size=64, terminate_when_woken=False)
    again = [record_episode(TASK, env, noisy_play(TASK), 3 * LAYOUTS_PER_SEED + index).clip for index in range(2)]
    env.close()
    for one, other in zip(dataset[1], again, strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_array_equal(one.actions, other.actions)
        np.testing.assert_array_equal(one.signals["disturbance"], other.signals["disturbance"])
    assert not np.array_equal(again[0].frames[0], again[1].frames[0])


def broken_play(task: Task) -> Agent:
    """An agent that fails; at module level, because a worker has to find it."""
    return BrokenAgent(NoisyPlay())


class BrokenAgent(BehaviourAgent):
    """Fails at its first action."""

    def act(self, env: TaskEnv) -> np.ndarray:
        raise DataError("no idea what to do")


def test_a_failed_run_leaves_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no idea"):
        collect(CollectConfig(episodes=1, workers=1), tmp_path / "play", broken_play)
    assert list(tmp_path.iterdir()) == []


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="episodes"):
        CollectConfig(episodes=0)
    with pytest.raises(ConfigError, match=r"uphill.*easy, half, full"):
        CollectConfig(level="half+uphill")
    with pytest.raises(ConfigError, match=r"arm8.*arm7"):
        CollectConfig(options={"arm": "arm8"})
    with pytest.raises(ConfigError, match=r"behind.*front"):
        CollectConfig(options={"camera": "front+behind"})
    with pytest.raises(ConfigError, match=r"wool.*cloth"):
        CollectConfig(options={"jacket": "wool"})
    with pytest.raises(ConfigError, match=r"wind.*camera"):
        CollectConfig(variations={"wind": 1})
    with pytest.raises(ConfigError, match=r"camera.*\[0, 1\]"):
        CollectConfig(variations={"camera": 2})
    with pytest.raises(ConfigError, match="latency cannot be collected"):
        CollectConfig(variations={"latency": 0.5})


def test_combinations_take_turns(tmp_path: Path) -> None:
    takes: list[Take] = []
    options = {"arm": "arm6+arm7", "camera": "left+front"}
    config = CollectConfig(episodes=4, seed=3, workers=1, options=options, image_size=32)
    turns = [tuple(config.turn(index).values()) for index in range(5)]
    assert turns == [("half", "patch", arm, view) for arm in ("arm6", "arm7") for view in ("left", "front")] + turns[:1]
    reader = LeRobotReader(collect(config, tmp_path / "play", on_episode=takes.append))
    assert (reader.provenance["arm"], reader.provenance["camera"]) == ("arm6+arm7", "left+front")
    assert reader.provenance["jacket"] == "patch"
    assert '"rehearse_arm6+arm7"' in (tmp_path / "play" / "meta" / "info.json").read_text()
    env = DogOnJacketEnv(arm="arm7", camera="front", image_size=32, terminate_when_woken=False)
    alone = record_episode(TASK, env, noisy_play(TASK), 3 * LAYOUTS_PER_SEED + 3).clip
    env.close()
    np.testing.assert_array_equal(takes[3].clip.frames, alone.frames)
    np.testing.assert_array_equal(takes[3].clip.proprio, alone.proprio)


def test_variety_changes_what_it_names(tmp_path: Path) -> None:
    """Each episode to a strength of its own; the layout, and what play does in it, stay as they were."""
    settings = {"task": "reach", "episodes": 3, "seed": 3, "workers": 1, "image_size": 32}
    usual, various = [], []
    collect(CollectConfig(**settings), tmp_path / "usual", on_episode=usual.append)
    config = CollectConfig(**settings, variations={"camera": 0.5, "background": 1})
    reader = LeRobotReader(collect(config, tmp_path / "various", on_episode=various.append))
    assert reader.provenance["variations"] == {"camera": 0.5, "background": 1}
    for one, other in zip(usual, various, strict=True):
        assert (one.clip.frames != other.clip.frames).mean() > 0.2
        np.testing.assert_array_equal(one.clip.actions, other.clip.actions)
        np.testing.assert_array_equal(one.clip.signals["distance_m"], other.clip.signals["distance_m"])
    strengths = np.array([list(config.varied(index).values()) for index in range(200)])
    assert (strengths >= 0).all()
    assert 0.45 < strengths[:, 0].max() <= 0.5
    assert 0.9 < strengths[:, 1].max() <= 1
    assert abs(np.corrcoef(strengths.T)[0, 1]) < 0.2, "one factor's strength says nothing of the other's"
