"""The optimizer of training: who learns by which rule, at which rate, and what a killed run takes up again."""

import dataclasses

import pytest
import torch

from rehearse.world_model.config import preset
from rehearse.world_model.optimizer import Float32Muon, MatrixOptimizer

CONFIG = preset("debug", learning_rate=0.1, weight_decay=0.0)


def network() -> torch.nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Conv1d(4, 8, 1), torch.nn.Flatten(), torch.nn.Linear(8, 6))


def learn(model: torch.nn.Module, optimizer: MatrixOptimizer, steps: int) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(16, 4, 1, generator=generator)).square().sum().backward()
        optimizer.step()


def test_a_matrix_learns_in_all_its_directions_at_nearly_one_pace():
    model = network()
    before = model[2].weight.detach().clone()
    learn(model, MatrixOptimizer(model, CONFIG), 1)
    spread = lambda matrix: float(torch.linalg.cond(matrix))  # noqa: E731
    change, gradient = model[2].weight.detach() - before, model[2].weight.grad
    assert spread(gradient) > 20
    assert spread(change) < spread(gradient) / 5


@pytest.mark.parametrize("shape", [(24, 9), (9, 24)])
def test_without_bfloat16_the_rule_is_that_of_torch(shape):
    generator = torch.Generator().manual_seed(2)
    start = torch.randn(shape, generator=generator)
    gradients = torch.randn(4, *shape, generator=generator)
    ends = []
    for kind in (torch.optim.Muon, Float32Muon):
        matrix = torch.nn.Parameter(start.clone())
        optimizer = kind([matrix], lr=0.05, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
        for gradient in gradients:
            matrix.grad = gradient.clone()
            optimizer.step()
        ends.append(matrix.detach())
    moved = (ends[0] - start).norm()
    assert moved > 0.3
    assert (ends[1] - ends[0]).norm() < 0.03 * moved, "they differ by bfloat16's rounding"


@pytest.mark.parametrize(("able", "kind"), [(True, torch.optim.Muon), (False, Float32Muon)])
def test_who_cannot_multiply_bfloat16_is_spared_it(able, kind, monkeypatch):
    monkeypatch.setattr("rehearse.world_model.optimizer.halves", lambda device: able)
    model = network()
    optimizer = MatrixOptimizer(model, CONFIG)
    assert type(optimizer._parts[0]) is kind
    learn(model, optimizer, 2)
    assert set(optimizer.state_tensors()) >= {"2.weight.momentum_buffer"}


def test_everything_learns_and_the_rate_is_obeyed():
    model = network()
    optimizer = MatrixOptimizer(model, CONFIG)
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.set_rate(0.0)
    learn(model, optimizer, 1)
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    optimizer.set_rate(0.5)
    learn(model, optimizer, 1)
    assert not any(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    changed = (model[0].bias - before[1]).abs()
    torch.testing.assert_close(changed.max(), torch.tensor(0.05), rtol=0.5, atol=0)  # AdamW: about the rate


def test_decay_spares_biases():
    model = network()
    optimizer = MatrixOptimizer(model, dataclasses.replace(CONFIG, weight_decay=0.5))
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.zero_grad()
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for p, old in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(p.detach(), old * (0.95 if p.dim() > 1 else 1.0))


def test_a_restored_optimizer_goes_on_as_if_nothing_had_happened():
    straight, killed = network(), network()
    one, two = MatrixOptimizer(straight, CONFIG), MatrixOptimizer(killed, CONFIG)
    learn(straight, one, 3)
    learn(killed, two, 3)
    fresh = MatrixOptimizer(killed, CONFIG)
    fresh.restore(two.state_tensors())
    learn(straight, one, 2)
    learn(killed, fresh, 2)
    for a, b in zip(straight.parameters(), killed.parameters(), strict=True):
        assert torch.equal(a, b)
