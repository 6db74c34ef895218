"""Every backbone: a shared past is no other than a repeated one, a window may slide, and order is respected."""

import dataclasses

import pytest
import torch

from rehearse.errors import ConfigError
from rehearse.world_model.backbones import KINDS, lined_up, make_backbone
from rehearse.world_model.backbones.transformer import Cache
from rehearse.world_model.config import ModelConfig, preset

CONFIG = preset("debug").model
LATENT, ACTION = CONFIG.latent_dim, CONFIG.action_width


@pytest.fixture(params=sorted(KINDS))
def backbone(request):
    config = dataclasses.replace(preset("debug").model, backbone=request.param, layers=2, window=6)
    torch.manual_seed(0)
    built = make_backbone(config).eval()
    torch.nn.init.normal_(built.predict.change.weight, std=0.1)  # as if trained: moments move
    return built


def sequence(batch, length, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, length, LATENT, generator=generator), torch.randn(
        batch, length, ACTION, generator=generator
    )


def close(one, two):
    torch.testing.assert_close(one, two, atol=2e-5, rtol=1e-5)


def test_one_shared_past_is_the_same_as_a_past_for_each_future(backbone):
    moments, led = sequence(1, 9)
    actions = torch.randn(7, 10, ACTION, generator=torch.Generator().manual_seed(1))
    _, trace = backbone.observe(moments, led)
    shared = backbone.unroll(trace.last(), actions)
    _, repeated = backbone.observe(moments.expand(7, -1, -1), led.expand(7, -1, -1))
    for one, two in zip(shared, backbone.unroll(repeated.last(), actions), strict=True):
        close(one, two)


def test_imagining_is_observing_what_was_imagined(backbone):
    """The naive way: after every step, the whole history with the imagined moments is encoded anew."""
    moments, led = sequence(1, 5)
    actions = torch.randn(1, 4, ACTION, generator=torch.Generator().manual_seed(1))
    features, imagined = backbone.unroll(backbone.observe(moments, led)[1].last(), actions)
    for h in range(4):
        seen, _ = backbone.observe(moments, led)
        moment = moments[:, -1] + backbone.predict(seen[:, -1], actions[:, h])
        close(moment, imagined[:, h])
        moments, led = torch.cat([moments, moment[:, None]], 1), torch.cat([led, actions[:, h : h + 1]], 1)
        close(backbone.observe(moments, led)[0][:, -1], features[:, h])


def test_what_was_seen_piece_by_piece_is_remembered_as_at_once(backbone):
    moments, led = sequence(2, 14)
    whole, _ = backbone.observe(moments, led)
    memory, pieces = None, []
    for part in (slice(0, 1), slice(1, 4), slice(4, 14)):
        features, trace = backbone.observe(moments[:, part], led[:, part], memory)
        memory = trace.last()
        pieces.append(features)
    close(torch.cat(pieces, 1), whole)


def test_the_memory_of_a_step_does_not_know_what_came_after(backbone):
    moments, led = sequence(3, 10)
    actions = torch.randn(2, 8, ACTION)
    _, trace = backbone.observe(moments, led)
    rows, steps = torch.tensor([2, 0]), torch.tensor([3, 7])
    together = backbone.unroll(trace.at(rows, steps), actions)
    for i, (row, step) in enumerate(zip(rows.tolist(), steps.tolist(), strict=True)):
        _, alone = backbone.observe(moments[row : row + 1, : step + 1], led[row : row + 1, : step + 1])
        for one, two in zip(together, backbone.unroll(alone.last(), actions[i : i + 1]), strict=True):
            close(one[i], two[0])


def test_the_whole_rollout_is_one_graph(backbone):
    """Static shapes and no question to the host: a compiler takes it whole, as CUDA graphs must."""
    moments, led = sequence(1, 6)
    memory = backbone.observe(moments, led)[1].last()
    actions = torch.randn(5, 4, ACTION)
    torch._dynamo.reset()
    compiled = torch.compile(lambda actions: backbone.unroll(memory, actions), backend="eager", fullgraph=True)
    for one, two in zip(compiled(actions), backbone.unroll(memory, actions), strict=True):
        close(one, two)


def test_bfloat16_memory_says_nearly_the_same(backbone):
    moments, led = sequence(1, 6)
    memory = backbone.observe(moments, led)[1].last()
    actions = torch.randn(20, 5, ACTION)
    _, exact = backbone.unroll(memory, actions)
    _, quick = backbone.to(torch.bfloat16).unroll(memory.to(torch.bfloat16), actions.to(torch.bfloat16))
    assert (quick.float() - exact).abs().max() < 0.05 * exact.abs().max()


def test_a_transformer_looks_back_its_window_and_no_further():
    config = dataclasses.replace(preset("debug").model, backbone="transformer", layers=1, window=4)
    built = make_backbone(config).eval()
    moments, led = sequence(1, 8)
    features, _ = built.observe(moments, led)
    changed = moments.clone()
    changed[:, 3] += 1.0
    other, trace = built.observe(changed, led)
    assert (features[:, 6] - other[:, 6]).abs().max() > 1e-4
    close(features[:, 7], other[:, 7])
    assert trace.last().keys[0].shape[2] == 4  # and keeps no more


def test_positions_are_relative():
    """A past that began a thousand moments later is the same past."""
    config = dataclasses.replace(preset("debug").model, backbone="transformer", layers=2, window=32)
    built = make_backbone(config).eval()
    moments, led = sequence(1, 6)
    nothing = tuple(torch.zeros(1, config.state_dim // 32, 0, 32) for _ in range(2))
    late = Cache(nothing, nothing, torch.ones(1, 0, dtype=torch.bool), torch.tensor([999]), led[:, 0], moments[:, 0])
    features, trace = built.observe(moments, led)
    shifted, later = built.observe(moments, led, late)
    assert later.last().position == trace.last().position + 1000
    torch.testing.assert_close(shifted, features, atol=1e-3, rtol=0)
    actions = torch.randn(3, 4, ACTION)
    for one, two in zip(built.unroll(trace.last(), actions), built.unroll(later.last(), actions), strict=True):
        torch.testing.assert_close(one, two, atol=1e-3, rtol=0)


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ConfigError, match="recurrent"):
        ModelConfig(backbone="oracle")
    with pytest.raises(ConfigError, match="multiple of 32"):
        ModelConfig(backbone="transformer", state_dim=100)


def test_memories_lined_up_are_each_its_own(backbone):
    """Two robots' pasts, three and four futures: imagined in one go as one by one."""
    counts = (3, 4)
    memories = [backbone.observe(*sequence(1, 9, seed))[1].last() for seed in range(2)]
    actions = [torch.randn(n, 5, ACTION, generator=torch.Generator().manual_seed(n)) for n in counts]
    together = backbone.unroll(lined_up(memories, counts), torch.cat(actions))
    for part, memory, each in zip((slice(0, 3), slice(3, 7)), memories, actions, strict=True):
        for one, two in zip(together, backbone.unroll(memory, each), strict=True):
            close(one[part], two)


def test_pasts_of_different_sizes_are_lined_up_only_where_memory_has_one_size(backbone):
    memories = [backbone.observe(*sequence(1, length))[1].last() for length in (3, 5)]
    same_size = not isinstance(memories[0], Cache)
    assert (lined_up(memories, (1, 1)) is not None) == same_size
