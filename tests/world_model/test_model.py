"""The model's seams: shapes, refusals, incremental observation, and agreement of its two precisions."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from rehearse.errors import ConfigError, DataError, SetupError
from rehearse.world_model.config import ModelConfig, TrainConfig, preset
from rehearse.world_model.heads import Signals
from rehearse.world_model.losses import head_loss, masked_mean, sigreg
from rehearse.world_model.model import History, WorldModel
from rehearse.world_model.precision import halves

SIGNALS = {"effort": "regression", "woken": "event"}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = dataclasses.replace(preset("debug").model, action_dim=3, proprio_dim=2, signals=SIGNALS, image_size=32)
    built = WorldModel(config).eval()
    torch.nn.init.normal_(built.backbone.predict.change.weight, std=0.1)  # as if trained: moments move
    return built


def history(length, seed=0):
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 255, (length, 32, 32, 3), dtype=np.uint8)
    proprio = rng.normal(size=(length, 2)).astype(np.float32)
    return History(frames, proprio, rng.uniform(-1, 1, (length - 1, 3)).astype(np.float32))


def cut(whole, length):
    return History(whole.frames[:length], whole.proprio[:length], whole.actions[: length - 1])


def test_shapes_and_ranges(model):
    belief = model.observe(history(5))
    futures = model.imagine(belief, torch.rand(7, 4, 3) * 2 - 1)
    assert futures.latents.shape == (7, 4, model.config.latent_dim)
    assert {name: tuple(value.shape) for name, value in futures.signals.items()} == dict.fromkeys(SIGNALS, (3, 7, 4))
    assert futures.disagreement.shape == (7, 4)
    assert (futures.disagreement > 0).all()
    assert futures.signals["woken"].min() >= 0
    assert futures.signals["woken"].max() <= 1
    pictures = model.decode(futures.latents)
    assert pictures.shape == (7, 4, 32, 32, 3)
    assert pictures.dtype == torch.uint8


def test_signals_are_read_when_asked_for_and_once(model, monkeypatch):
    futures = model.imagine(model.observe(history(3)), torch.rand(5, 4, 3))
    decoded = []
    decode = type(model.heads).decode
    monkeypatch.setattr(type(model.heads), "decode", lambda heads, raw, i: decoded.append(i) or decode(heads, raw, i))
    assert set(futures.signals) == set(SIGNALS)
    assert decoded == []
    some = futures.signals.pick(torch.tensor([3, 1]))["effort"]
    torch.testing.assert_close(some, futures.signals["effort"][:, [3, 1]])
    assert futures.signals["effort"] is futures.signals["effort"]
    assert len(decoded) == 2
    with pytest.raises(KeyError):
        futures.signals["wet"]


@pytest.mark.parametrize("kind", ["recurrent", "residual", "transformer"])
@pytest.mark.parametrize("lengths", [(4, 4), (2, 5)])
def test_imagining_for_many_robots_is_imagining_for_each(model, kind, lengths):
    torch.manual_seed(0)
    config = dataclasses.replace(model.config, backbone=kind, layers=2, window=6)
    built = WorldModel(config).eval()
    beliefs = [built.observe(history(length, seed)) for seed, length in enumerate(lengths)]
    actions = [torch.rand(n, 6, 3) * 2 - 1 for n in (3, 5)]  # few, and so in float32
    many = built.imagine_many(beliefs, actions)
    for belief, each, imagined in zip(beliefs, actions, many, strict=True):
        alone = built.imagine(belief, each)
        torch.testing.assert_close(imagined.latents, alone.latents, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(imagined.disagreement, alone.disagreement, atol=2e-5, rtol=1e-4)
        for name in SIGNALS:
            torch.testing.assert_close(imagined.signals[name], alone.signals[name], atol=1e-4, rtol=1e-3)


def test_observing_piece_by_piece_is_observing_at_once(model):
    whole = history(9)
    belief = None
    for length in (1, 2, 5, 9, 9):
        belief = model.observe(cut(whole, length), belief)
    at_once = model.observe(whole)
    assert belief.length == at_once.length == 9
    # The frames pass through bfloat16 convolutions, whose rounding depends on the batch.
    torch.testing.assert_close(belief.memory.feature, at_once.memory.feature, atol=0.02, rtol=0)
    other = model.observe(history(9, seed=1))
    assert (other.memory.feature - at_once.memory.feature).abs().max() > 0.1


def test_the_far_past_is_remembered(model):
    one = history(8)
    two = dataclasses.replace(one, actions=one.actions.copy())
    two.actions[0] = -two.actions[0]
    assert (model.observe(one).memory.feature - model.observe(two).memory.feature).abs().max() > 1e-5


def test_candidates_do_not_touch_each_other(model):
    belief = model.observe(history(4))
    actions = torch.rand(1100, 5, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1
    together = model.imagine(belief, actions)
    few = model.imagine(belief, actions[1060:1080])
    torch.testing.assert_close(together.latents[1060:1080].float(), few.latents.float(), atol=0.03, rtol=0)
    assert (together.latents[0] - together.latents[1]).abs().max() > 0.05


@pytest.mark.parametrize("half", [True, False])
def test_going_on_leg_by_leg_is_imagining_at_once(model, monkeypatch, half):
    monkeypatch.setattr("rehearse.world_model.model.halves", lambda device: half)
    belief = model.observe(history(4))
    actions = torch.rand(20, 6, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1
    whole = model.imagine(belief, actions)
    _, ends = model.go_on(belief, torch.zeros(20, dtype=torch.long), actions[:, :2])
    rows = torch.arange(19, -1, -1)
    rest, ends = model.go_on(ends, rows, actions[rows, 2:])
    tolerance = dict(atol=0.1, rtol=0) if half else {}
    torch.testing.assert_close(rest.latents, whole.latents[rows, 2:], **tolerance)
    assert ends.length == belief.length + 6


def test_bfloat16_says_what_float32_says(model, monkeypatch):
    monkeypatch.setattr("rehearse.world_model.model.halves", lambda device: True)
    belief = model.observe(history(4))
    actions = torch.rand(32, 8, 3, generator=torch.Generator().manual_seed(2)) * 2 - 1
    quick = model.imagine(belief, actions)
    exact = [model.imagine(belief, actions[i : i + 1]) for i in range(32)]
    for name in SIGNALS:
        expected = torch.cat([one.signals[name] for one in exact], 1)
        assert (quick.signals[name] - expected).abs().max() < 0.05 * max(1.0, expected.abs().max())


@pytest.mark.parametrize("able", [True, False])
def test_a_cpu_that_cannot_multiply_bfloat16_imagines_in_float32(model, monkeypatch, able):
    capabilities = {"architecture": "x86_64", "amx_bf16": False, "avx512_bf16": able}
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: capabilities)
    monkeypatch.setattr("rehearse.world_model.model.halves", halves.__wrapped__)
    futures = model.imagine(model.observe(history(2)), torch.zeros(32, 3, model.config.action_dim))
    assert futures.latents.dtype == (torch.bfloat16 if able else torch.float32)


@pytest.mark.parametrize("count", [1, 20, 1030])
def test_compiled_imagining_says_the_same(model, count):
    """One graph for every size that candidates are filled up to; what compiles it further is the machine's."""
    belief, actions = model.observe(history(4)), torch.rand(count, 3, 3, generator=torch.Generator().manual_seed(0))
    plain, compiled = model.imagine(belief, actions), copy.deepcopy(model)
    compiled.compile_imagining(backend="aot_eager")
    with torch.inference_mode():
        futures = compiled.imagine(belief, actions)
    assert futures.latents.shape == plain.latents.shape
    torch.testing.assert_close(futures.latents, plain.latents)
    torch.testing.assert_close(futures.disagreement, plain.disagreement)
    for name in SIGNALS:
        torch.testing.assert_close(futures.signals[name], plain.signals[name])


def test_compiling_names_what_it_lacks(model, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SetupError, match="apt-get install g"):
        copy.deepcopy(model).compile_imagining()


def test_imagining_sees_changed_weights(model):
    belief = model.observe(history(4))
    actions = torch.rand(32, 3, 3) * 2 - 1
    before = model.imagine(belief, actions).signals["woken"]
    changed = copy.deepcopy(model)
    assert torch.equal(changed.imagine(belief, actions).signals["woken"], before)
    changed.heads.out_bias.grad = -torch.ones_like(changed.heads.out_bias)
    torch.optim.AdamW(changed.parameters(), lr=1.0, fused=True).step()
    assert (changed.imagine(belief, actions).signals["woken"] - before).min() > 0.05


def test_imagining_within_and_without_inference_mode_agrees(model):
    fresh = copy.deepcopy(model)
    belief = fresh.observe(history(3))
    actions = torch.zeros(64, 4, fresh.config.action_dim)
    with torch.inference_mode():  # as a planner does, and first, so that the bfloat16 twin is born here
        within = fresh.imagine(belief, actions).disagreement.clone()
    torch.testing.assert_close(fresh.imagine(belief, actions).disagreement, within)


def test_gradient_reaches_actions(model):
    belief = model.observe(history(4))
    actions = torch.zeros(20, 4, 3, requires_grad=True)
    model.imagine(belief, actions).signals["effort"].sum().backward()
    assert actions.grad[:, 0].abs().min() > 0
    assert not model.imagine(belief, torch.zeros(20, 4, 3)).latents.requires_grad


def test_proprio_may_be_absent(model):
    given = history(3)
    without = dataclasses.replace(given, proprio=None)
    assert (model.observe(given).moment - model.observe(without).moment).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"frames": np.zeros((4, 16, 16, 3), np.uint8)}, "frames"),
        ({"frames": np.zeros((4, 32, 32, 3), np.float32)}, "frames"),
        ({"proprio": np.zeros((4, 5), np.float32)}, "proprio"),
        ({"proprio": np.full((4, 2), np.nan, np.float32)}, "proprio .* step 0"),
        ({"actions": np.zeros((2, 3), np.float32)}, "actions"),
        ({"actions": np.full((3, 3), np.inf, np.float32)}, "actions"),
        ({"actions": None}, "actions"),
    ],
)
def test_a_wrong_history_is_refused_by_name(model, change, named):
    with pytest.raises(DataError, match=named):
        model.observe(dataclasses.replace(history(4), **change))


def test_other_refusals(model):
    belief = model.observe(history(4))
    with pytest.raises(DataError, match=r"\(N, H, 3\)"):
        model.imagine(belief, torch.zeros(4, 5, 2))
    with pytest.raises(DataError, match="NaN"):
        model.imagine(belief, torch.full((4, 5, 3), torch.nan))
    with pytest.raises(DataError, match="already remembers 4"):
        model.observe(history(3), belief)
    with pytest.raises(ConfigError, match="train"):
        WorldModel(ModelConfig())
    with pytest.raises(ConfigError, match="tiny"):
        preset("huge")
    with pytest.raises(ConfigError, match="rollout_steps"):
        TrainConfig(length=5, rollout_steps=5)


def test_signal_transform_comes_back(model):
    values = torch.tensor([[0.0, 0.0], [0.01, 1.0], [0.5, 0.0], [2.0, 1.0]])
    heads = WorldModel(model.config).heads
    heads.fit(values)
    encoded = heads.encode(values)
    torch.testing.assert_close(encoded[:, 1], values[:, 1])
    torch.testing.assert_close(encoded[:, 0].mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    with torch.no_grad():  # a head that says exactly the encoded value
        heads.hidden.weight.zero_()
        heads.out_weight.zero_()
        for row in range(4):
            heads.out_bias[:, 0] = encoded[row, 0]
            said = Signals(heads, heads.raw(torch.zeros(1, model.config.state_dim)))["effort"]
            torch.testing.assert_close(said, values[row, 0].expand(3, 1), atol=1e-5, rtol=1e-4)


def test_sigreg_prefers_a_normal_cloud():
    generator = torch.Generator().manual_seed(0)
    cloud = torch.randn(256, 16, generator=generator)
    assert sigreg(cloud, generator) < 0.1 * sigreg(cloud * 0.1, generator)
    assert sigreg(cloud, generator) < 0.5 * sigreg(cloud.sign() * cloud[:, :1].abs(), generator)


def test_masked_mean_ignores_what_is_masked():
    values = torch.tensor([[1.0, 3.0], [100.0, 100.0]])
    assert masked_mean(values, torch.tensor([True, False])) == 2.0
    assert masked_mean(values, torch.tensor([False, False])) == 0.0


def test_a_high_expectile_leans_towards_the_peaks(model):
    """Told 0 nine times in ten and 1 otherwise, a head says more than the mean of 0.1."""
    states, mask = torch.zeros(10, model.config.state_dim), torch.ones(10, 3, dtype=torch.bool)
    targets = torch.zeros(10, 2)
    targets[0, 0] = 1.0
    learned = []
    for tau in (0.5, 0.8):
        built = WorldModel(model.config)
        optimizer = torch.optim.SGD([built.heads.out_bias], lr=0.3)
        for _ in range(60):
            loss = head_loss(built, states, targets, mask, torch.tensor([tau, 0.5]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        learned.append(built.heads(states[:1])[0, :, 0].mean().item())
    assert learned[0] == pytest.approx(0.1, abs=0.01)
    assert learned[1] == pytest.approx(0.08 / 0.26, abs=0.02)  # the 0.8-expectile of one 1 among nine 0
