"""The optimizer of training: Muon for the network's matrices, AdamW for everything else.

    optimizer = MatrixOptimizer(model, config)
    optimizer.set_rate(factor); optimizer.zero_grad(); loss.backward(); optimizer.step()

Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) turns the momentum of a matrix into the nearest orthogonal
one, so that every direction of a layer learns at the same pace. Its steps are scaled to the size of AdamW's (Liu et
al., arXiv 2502.16982), and one learning rate serves both. Convolutions, biases, gains and the stacked heads are no
plain matrices and stay with AdamW (Loshchilov and Hutter, arXiv 1711.05101).
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from rehearse.world_model.config import TrainConfig
from rehearse.world_model.precision import halves


class Float32Muon(torch.optim.Muon):
    """The same rule without bfloat16, for CPUs that cannot multiply it: there torch's takes 4.1 CPU-seconds a
    step of `tiny` (AMD EPYC with AVX2), and this 0.13."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Change the matrices by what their gradients say."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                momentum = state["momentum_buffer"].lerp_(matrix.grad, 1 - group["momentum"])
                update = orthogonal(matrix.grad.lerp(momentum, group["momentum"]), group)
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-0.2 * max(matrix.shape) ** 0.5 * group["lr"])  # match_rms_adamw


def orthogonal(matrix: Tensor, group: dict) -> Tensor:
    """Of a matrix (m,n) the nearest orthogonal one, by the few Newton-Schulz steps of ``group``; nearly."""
    a, b, c = group["ns_coefficients"]
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


class MatrixOptimizer:
    """Two optimizers behind the interface of one; ``state_tensors`` and ``restore`` are for a killed run."""

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        matrices = [p for p in parameters.values() if p.dim() == 2]
        decayed = [p for p in parameters.values() if p.dim() > 2]
        free = [p for p in parameters.values() if p.dim() < 2]
        decay, rate = config.weight_decay, config.learning_rate
        groups = [{"params": decayed, "weight_decay": decay}, {"params": free, "weight_decay": 0.0}]
        self._parameters = parameters
        self._base_rate = rate
        muon = torch.optim.Muon if all(halves(matrix.device) for matrix in matrices) else Float32Muon
        self._parts = (
            muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(groups, lr=rate, fused=True),
        )

    def set_rate(self, factor: float) -> None:
        """Learn at ``factor`` times the configured rate from now on."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = self._base_rate * factor

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self._parts:
            part.zero_grad()

    def step(self) -> None:
        """Change the parameters by what their gradients say."""
        for part in self._parts:
            part.step()

    def state_tensors(self) -> dict[str, Tensor]:
        """Everything that it remembers, {"parameter.key": tensor}."""
        return {
            f"{name}.{key}": value.cpu().contiguous()
            for name, part, parameter in self._owned()
            for key, value in part.state[parameter].items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Remember what ``state_tensors`` gave; a parameter that was never trained has nothing there."""
        for name, part, parameter in self._owned():
            found = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.rpartition(".")[0] == name}
            for key, value in found.items():
                # In the parameter's own memory layout, which the fused optimizer takes for granted.
                alike = value.shape == parameter.shape
                kept = torch.empty_like(parameter).copy_(value) if alike else value.to(parameter.device)
                part.state[parameter][key] = kept

    def _owned(self) -> Iterator[tuple[str, torch.optim.Optimizer, nn.Parameter]]:
        """(name, the optimizer that it belongs to, parameter) of every parameter."""
        for name, parameter in self._parameters.items():
            yield name, self._parts[0 if parameter.dim() == 2 else 1], parameter
