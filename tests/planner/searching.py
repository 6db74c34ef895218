"""What the tests of optimizers share: a place to start, a cost known in closed form, and a search over it."""

import torch


def start(optimizer, knots=3, size=2, mean=0.0, std=0.5):
    """A state between -1 and 1 in every dimension."""
    ones = torch.ones(size)
    return optimizer.init(torch.full((knots, size), mean), std * ones, -ones, ones)


def quadratic(knots, target=0.4):
    return (knots - target).square().sum((1, 2))


def search(optimizer, cost=quadratic, seed=0, knots=3, size=2):
    """All iterations: the state after the last one, and all samples (n,Q,A) with their costs (n,) in order."""
    generator, state, samples = dice(seed), start(optimizer, knots, size), []
    for n in optimizer.populations():
        sample = optimizer.sample(state, n, generator)
        samples.append((sample, cost(sample)))
        state = optimizer.update(state, *samples[-1])
    return state, *(torch.cat(column) for column in zip(*samples, strict=True))


def dice(seed=0):
    return torch.Generator().manual_seed(seed)
