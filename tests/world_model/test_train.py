"""Training on a toy world: it resumes exactly, refuses what it should, and what it learns beats copying."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from rehearse.errors import CheckpointError, ConfigError, DataError
from rehearse.world_model import checkpoint, metrics
from rehearse.world_model.config import preset
from rehearse.world_model.loop import STATE_FILE
from rehearse.world_model.model import History
from rehearse.world_model.sampler import Sampler, split
from rehearse.world_model.train import train
from tests.world_model.toy import ToyData, random_actions, run

SMALL = dict(batch=4, length=8, rollout_steps=4, decode_frames=4, save_every=3)


def config(**changes):
    base = preset("debug", **changes)
    return dataclasses.replace(base, model=dataclasses.replace(base.model, image_size=32))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data():
    return ToyData.make(12, seed=3)


class Killed(Exception):
    pass


def die_at(step):
    def report(now):
        if now["step"] == step:
            raise Killed

    return report


def ignore(now):
    pass


def test_killed_and_resumed_is_the_same_as_never_killed(data, tmp_path):
    straight = train(config(steps=8, **SMALL), data, tmp_path / "a", on_progress=ignore)
    with pytest.raises(Killed):
        train(config(steps=8, **SMALL), data, tmp_path / "b", on_progress=die_at(5))
    seen = []
    resumed = train(config(steps=8, **SMALL), data, tmp_path / "b", on_progress=seen.append)
    assert [now["step"] for now in seen] == [4, 5, 6, 7, 8]
    for name, tensor in straight.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name
    assert straight.metrics == resumed.metrics == checkpoint.describe(resumed.path)["metrics"]
    json.dumps(resumed.metrics, allow_nan=False)


def test_another_configuration_does_not_resume(data, tmp_path):
    train(config(steps=3, **SMALL), data, tmp_path, on_progress=ignore)
    with pytest.raises(ConfigError, match="another configuration or data"):
        train(config(steps=4, **SMALL), data, tmp_path, on_progress=ignore)
    train(config(steps=4, **SMALL), data, tmp_path, resume=False, on_progress=ignore)
    (tmp_path / STATE_FILE).write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="damaged"):
        train(config(steps=4, **SMALL), data, tmp_path, on_progress=ignore)


def test_init_from_continues_and_checks(data, tmp_path):
    first = train(config(steps=3, **SMALL), data, tmp_path / "a", on_progress=ignore)
    more = [data, ToyData.make(3, seed=9)]
    again = config(steps=1, init_from=str(tmp_path / "a"), sampling_weights=(0.5, 0.5), learning_rate=0.0, **SMALL)
    second = train(again, more, tmp_path / "b", on_progress=ignore)
    for name, value in first.model.named_parameters():
        assert torch.equal(value, second.model.get_parameter(name)), name


class Spoiled(ToyData):
    """Finite episodes whose sampled windows are not, as from a torn cache."""

    def sample(self, *args, **kwargs):
        batch = super().sample(*args, **kwargs)
        batch["signals"]["speed"][1, 5] = np.nan
        return batch

    def subset(self, episodes):
        return Spoiled([self.clips[i] for i in episodes], self.friction[episodes])


def test_a_broken_batch_is_kept_and_named(data, tmp_path):
    spoiled = Spoiled(data.clips, data.friction)
    with pytest.raises(DataError, match=r"step 0: '(observed|imagined)' is not finite"):
        train(config(steps=2, **SMALL | {"batch": 40}), spoiled, tmp_path, on_progress=ignore)
    kept, _ = checkpoint.read_tensors(tmp_path / "bad_batch.safetensors")
    assert torch.isnan(kept["episodes.signals.speed"]).any()
    assert kept["episodes.frames"].shape == (40, 8, 32, 32, 3)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_reading_that_is_not_finite_is_refused_before_training(tmp_path):
    for field in ("speed", "proprio"):
        broken = ToyData.make(6, seed=1)
        (broken.clips[2].proprio if field == "proprio" else broken.clips[2].signals[field])[20:] = np.nan
        with pytest.raises(DataError, match=field):
            train(config(steps=2, holdout=0.0, **SMALL), broken, tmp_path, on_progress=ignore)


def test_refusals(data, tmp_path):
    with pytest.raises(DataError, match="no episode"):
        train(config(), [], tmp_path)
    other = ToyData.make(2)
    other.action_dim = 3
    with pytest.raises(DataError, match="action_dim"):
        train(config(), [data, other], tmp_path)
    slower = ToyData.make(2)
    slower.fps = 2.5
    for datasets, videos in (([data, slower], []), ([data], [slower])):
        with pytest.raises(DataError, match=r"fps 2\.5, but"):
            train(config(), datasets, tmp_path, videos=videos)
    with pytest.raises(ConfigError, match="sampling_weights"):
        train(config(sampling_weights=(1.0, 2.0)), data, tmp_path)


def test_other_data_are_another_training(data, tmp_path):
    few = config(steps=1, **SMALL)
    train(few, data, tmp_path, on_progress=ignore)
    train(few, ToyData(data.clips, data.friction), tmp_path, on_progress=ignore)  # the same once more
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match="another configuration or data"):
        train(few, ToyData.make(len(data), seed=77), tmp_path, on_progress=ignore)
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_members_learn_from_different_episodes(data):
    sampler = Sampler([data], config(batch=64, length=8, rollout_steps=4))
    assert (sampler.learns.float().mean(0) - 0.7).abs().max() < 0.01
    assert not torch.equal(sampler.learns[:, 0], sampler.learns[:, 1])
    batch = sampler.sample(torch.Generator().manual_seed(0))
    assert batch["frames"].shape == (64, 8, 32, 32, 3)
    assert batch["learns"].shape == (64, 3)
    kept, held = split([data], 0.25, seed=0)
    assert (len(kept[0]), len(held[0])) == (9, 3)
    assert not {id(c) for c in kept[0].clips} & {id(c) for c in held[0].clips}


def test_weights_choose_the_dataset(data):
    marked = ToyData.make(3, seed=5)
    for clip in marked.clips:
        clip.frames[:] = 7
    chosen = config(batch=400, length=8, rollout_steps=4, sampling_weights=(0.25, 0.75))
    batch = Sampler([data, marked], chosen, chosen.sampling_weights).sample(torch.Generator().manual_seed(0))
    share = (batch["frames"].flatten(1) == 7).all(1).float().mean()
    assert 0.68 < share < 0.82


def test_metrics_by_hand():
    chance, happened = np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])
    assert metrics.auroc(chance, happened) == 0.75
    assert metrics.auroc(chance, np.zeros(4)) is None
    assert metrics.spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 40.0, 90.0])) == pytest.approx(1.0)
    assert metrics.spearman(np.array([1.0, 2.0, 2.0, 3.0]), np.array([4.0, 3.0, 3.0, 1.0])) == pytest.approx(-1.0)
    assert metrics.spearman(np.ones(4), chance) is None
    assert metrics.reliability(chance, happened, bins=2) == [
        pytest.approx([0.85 / 3, 1 / 3, 3.0]),
        pytest.approx([0.8, 1.0, 1.0]),
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(
        config(steps=350, length=16, rollout_steps=8),
        ToyData.make(200),
        tmp_path_factory.mktemp("toy"),
        on_progress=ignore,
    )


def test_open_loop_beats_copying(trained):
    moment = trained.metrics["moment"]
    assert trained.metrics["held_out"]
    assert trained.metrics["episodes"] == 10
    assert moment["mse"][4] < 0.5 * moment["copy"][4]
    assert moment["mse"][11] < 0.5 * moment["copy"][11]


def test_hidden_friction_is_inferred_from_history(trained):
    """The same actions throughout; only how the dot moved before tells how far a push will carry it."""
    frictions = np.linspace(0.05, 0.6, 24)
    actions = random_actions(np.random.default_rng(5), 16)
    actions[12:] = [0.0, -0.4]
    push = torch.tensor([[[0.0, 0.9]] * 6])
    said = []
    for friction in frictions:
        clip = run(np.array([0.5, 0.5]), actions, friction)
        belief = trained.model.observe(History(clip.frames, clip.proprio, clip.actions))
        said.append(float(trained.model.imagine(belief, push).signals["speed"].mean(0).sum()))
    assert metrics.spearman(frictions, np.array(said)) < -0.7
