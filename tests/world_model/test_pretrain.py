"""From video to a few labelled episodes: latent actions say what was done, and little else; what was learnt is kept."""

import dataclasses

import numpy as np
import pytest
import torch

from rehearse.errors import ConfigError, DataError
from rehearse.world_model import checkpoint
from rehearse.world_model.config import for_video, preset
from rehearse.world_model.losses import training_losses
from rehearse.world_model.model import History, WorldModel
from rehearse.world_model.train import begin, model_config, train
from tests.world_model.toy import ToyClip, ToyData

SMALL = dict(batch=4, length=8, rollout_steps=4, decode_frames=4, save_every=3)


class Film(ToyData):
    """The toy world as somebody filmed it: frames, and nothing else."""

    action_dim, proprio_dim, signal_kinds = 0, 0, {}

    def subset(self, episodes):
        return Film([self.clips[i] for i in episodes], self.friction[episodes])

    def episode(self, i):
        return ToyClip(self.clips[i].frames, None, None, {})

    def sample(self, *args, **kwargs):
        batch = ToyData(self.clips, self.friction).sample(*args, **kwargs)
        return {"frames": batch["frames"], "valid": batch["valid"], "signals": {}}


def config(**changes):
    base = preset("debug", **changes)
    return dataclasses.replace(base, model=dataclasses.replace(base.model, image_size=32, action_width=8))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ignore(now):
    pass


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    film = Film.make(150, seed=2)
    return train(
        for_video(config(steps=500, length=16, rollout_steps=8)),
        [],
        tmp_path_factory.mktemp("video"),
        videos=[film],
        on_progress=ignore,
    )


def follow(model, clip):
    return model.follow(History(clip.frames))


def test_a_model_of_video_has_no_robot_and_imagines_latent_actions(pretrained):
    model = pretrained.model
    assert (model.config.action_dim, model.config.proprio_dim, model.config.signals) == (0, 0, {})
    assert model.controller is None
    assert model.action_dim == 8
    belief = model.observe(History(ToyData.make(1).clips[0].frames[:5]))
    assert model.imagine(belief, torch.zeros(20, 4, 8)).latents.shape[:2] == (20, 4)
    assert pretrained.metrics["held_out"]


def test_latent_actions_tell_what_was_done(pretrained):
    """How the dot moved, which nobody recorded, is in them, if one knows where it was; that alone says little."""
    clips = ToyData.make(120, seed=11).clips
    with torch.no_grad():
        said = torch.cat([follow(pretrained.model, clip)[1][2:] for clip in clips])
    done = torch.from_numpy(np.concatenate([np.diff(clip.proprio, axis=0)[1:] for clip in clips]))
    place = torch.from_numpy(np.concatenate([clip.proprio[1:-1] for clip in clips]))
    with_them = unexplained(torch.cat([said, 4 * place], 1), done)
    assert with_them < 0.75 * unexplained(torch.cat([0 * said, 4 * place], 1), done)


def unexplained(seen, told):
    """Share of the variance of ``told`` that a small network, taught on three quarters, misses on the rest."""
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(seen.shape[1], 128), torch.nn.SiLU(), torch.nn.Linear(128, 2))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=generator)
    optimizer, part, told = torch.optim.Adam(net.parameters(), 3e-3), 3 * len(seen) // 4, told / told.std()
    for _ in range(800):
        chosen = torch.randint(part, (256,), generator=generator)
        loss = (net(seen[chosen]) - told[chosen]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return float((net(seen[part:]) - told[part:]).square().mean())


def test_with_them_it_foresees_and_without_it_cannot(pretrained):
    model, right, wrong = pretrained.model, [], []
    with torch.no_grad():
        for clip in ToyData.make(20, seed=12).clips:
            moments, led, trace = follow(model, clip)
            memory = trace.at(torch.tensor([0]), torch.tensor([5]))
            for collected, actions in ((right, led[6:12]), (wrong, led[6:12].roll(3, 0))):
                _, imagined = model.unroll(memory, actions[None])
                collected.append(float((imagined[0] - moments[6:12]).square().mean()))
    assert np.mean(right) < 0.8 * np.mean(wrong)


def test_what_is_said_has_a_price():
    model = WorldModel(dataclasses.replace(config().model, latent_actions=True)).train()
    generator = torch.Generator().manual_seed(0)
    moments = torch.randn(3, 5, model.config.latent_dim)
    mean, cost = model.inverse(moments)
    drawn, _ = model.inverse(moments, generator)
    assert mean.shape == drawn.shape == (3, 4, 8)
    assert cost.shape == (3, 4)
    assert (cost > 0).all()
    assert not torch.equal(mean, drawn)


def test_a_few_labelled_episodes_teach_it_the_robot(pretrained, tmp_path):
    few = ToyData.make(4, seed=5)
    taught = train(config(steps=5, init_from=str(pretrained.path), **SMALL), few, tmp_path, on_progress=ignore)
    assert taught.model.config.action_dim == 2
    assert taught.model.config.latent_actions
    assert set(taught.model.heads.names) == {"speed", "fast"}
    assert taught.model.config.latent_dim == pretrained.model.config.latent_dim


@pytest.mark.parametrize(("freeze", "kept"), [("encoder", ("encoder.eye",)), ("dynamics", ("encoder.eye", "backbone"))])
def test_what_is_frozen_stays(pretrained, tmp_path, freeze, kept):
    few = ToyData.make(4, seed=5)
    taught = train(
        config(steps=4, init_from=str(pretrained.path), freeze=freeze, **SMALL), few, tmp_path, on_progress=ignore
    )
    before, after = pretrained.model.state_dict(), taught.model.state_dict()
    for name in before:
        if name.startswith((*kept, "encoder.whiten")):
            assert torch.equal(before[name], after[name]), name
    assert any(not torch.equal(before[n], after[n]) for n in before if n.startswith("decoder"))


def test_it_begins_as_it_was_learnt(pretrained):
    """The robot's own feeling comes in silently: at first, what was seen means what it meant."""
    few = [ToyData.make(3, seed=5)]
    setting = config(init_from=str(pretrained.path), **SMALL)
    model = begin(dataclasses.replace(setting, model=model_config(setting, few, [])), few).eval()
    clip = few[0].clips[0]
    moments = model.encoder({"frames": torch.as_tensor(clip.frames), "proprio": torch.as_tensor(clip.proprio)})
    torch.testing.assert_close(moments, pretrained.model.encoder({"frames": torch.as_tensor(clip.frames)}))
    assert model.encoder.senses["proprio"].std.max() < 0.5  # and is measured in its own units


def test_episodes_and_video_are_learnt_from_together(tmp_path):
    seen = []
    mixed = train(
        config(steps=4, **SMALL), ToyData.make(4), tmp_path, videos=[Film.make(6, seed=3)], on_progress=seen.append
    )
    assert {"align", "observed", "video_next", "video_information"} <= set(seen[-1])
    assert mixed.model.config.action_dim == 2
    before = torch.get_rng_state()
    resumed = train(
        config(steps=4, **SMALL), ToyData.make(4), tmp_path, videos=[Film.make(6, seed=3)], on_progress=ignore
    )
    assert torch.equal(before, torch.get_rng_state())
    assert resumed.metrics == mixed.metrics


def test_continuing_with_all_that_is_known_changes_nothing_by_itself(pretrained, tmp_path):
    again = train(
        for_video(config(steps=1, init_from=str(pretrained.path), learning_rate=0.0, **SMALL)),
        [],
        tmp_path,
        videos=[Film.make(6, seed=3)],
        on_progress=ignore,
    )
    for name, value in pretrained.model.named_parameters():
        assert torch.equal(value, again.model.get_parameter(name)), name


def test_the_goal_model_says_which_action_begins_the_way(tmp_path):
    base = config(steps=300, length=12, rollout_steps=4)
    trained = train(
        dataclasses.replace(base, model=dataclasses.replace(base.model, goals=True)),
        ToyData.make(120),
        tmp_path,
        on_progress=ignore,
    ).model
    said, done = [], []
    for clip in ToyData.make(30, seed=21).clips:
        belief = trained.observe(History(clip.frames[:8], clip.proprio[:8], clip.actions[:7]))
        goal = trained.observe(History(clip.frames[:11], clip.proprio[:11], clip.actions[:10])).moment[0]
        actions = trained.propose(belief, goal, 3)
        assert actions.shape == (3, 2)
        said.append(actions[0].numpy())
        done.append(clip.actions[7:10].mean(0))
    assert np.corrcoef(np.ravel(said), np.ravel(done))[0, 1] > 0.4


def test_refusals(pretrained, tmp_path):
    with pytest.raises(DataError, match="pretrain on it as video"):
        train(config(), [Film.make(3)], tmp_path)
    with pytest.raises(ConfigError, match="init_from"):
        config(freeze="encoder")
    with pytest.raises(ConfigError, match="dynamics"):
        config(freeze="everything", init_from="x")
    belief = pretrained.model.observe(History(ToyData.make(1).clips[0].frames[:3]))
    with pytest.raises(ConfigError, match="goals"):
        pretrained.model.propose(belief, belief.moment[0], 3)
    with pytest.raises(DataError, match=r"\(N, H, 8\)"):
        pretrained.model.imagine(belief, torch.zeros(2, 3, 2))


def test_a_price_makes_latent_actions_brief():
    film, told = Film.make(60, seed=2), []
    for price in (0.0, 0.1):
        setting = dataclasses.replace(for_video(config(**SMALL)), information_weight=price)
        setting = dataclasses.replace(setting, model=model_config(setting, [], [film]))
        model, generator = begin(setting, []), torch.Generator().manual_seed(0)
        optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
        for _ in range(60):
            batch = film.sample(8, 8, generator)
            losses = training_losses(model, batch, setting, generator)
            optimizer.zero_grad()
            losses["loss"].backward()
            optimizer.step()
        told.append(float(losses["information"].detach()))
    assert told[1] < 0.5 * told[0]


def test_a_checkpoint_of_another_network_is_taken_over_where_it_fits(pretrained):
    wider = dataclasses.replace(pretrained.model.config, decoder_width=12)
    model = WorldModel(wider)
    taken = checkpoint.take_over(model, pretrained.path)
    assert "backbone.gates.weight" in taken
    assert not any(name.startswith("decoder.net.3") for name in taken)
