"""The dynamics that planners are timed on: a perceptron of random weights, z' = z + W₃ relu(W₂ relu(W₁ [z, a])).

Torch and numpy alone, for it is used in the peers' environments as well as in ours.
"""

import numpy as np
import torch

WIDTH, LATENT, ACTIONS = 128, 20, 7


def problem(seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of the perceptron, and z (L,) at the start."""
    rng = np.random.default_rng(seed)
    shapes = {"first": (WIDTH, LATENT + ACTIONS), "second": (WIDTH, WIDTH), "third": (LATENT, WIDTH)}
    weights = {name: rng.normal(size=shape) / shape[1] ** 0.5 for name, shape in shapes.items()}
    weights["third"] *= 0.3  # so that z stays of the size that it begins with
    return {name: x.astype(np.float32) for name, x in {**weights, "start": rng.normal(size=LATENT)}.items()}


def plain(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """relu(W x)."""
    return torch.nn.functional.linear(x, weight).relu_()


def fused(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """relu(W x) without writing W x. Not a public operator of torch; its compiler uses it."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, None, "relu", [], "")
