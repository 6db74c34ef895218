"""How far a future stays from a goal: a picture's moment, or values of named signals.

Toward(model.observe(picture).moment[0])
Goal({"block_x_m": 0.1, "block_y_m": -0.2, "yaw_rad": 0.0}, scale={"yaw_rad": 0.5})
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rehearse.errors import ConfigError, DataError
from rehearse.planner.objectives.risk import Risk, risk_of
from rehearse.planner.objectives.term import Term
from rehearse.planner.protocols import Futures


@dataclass(frozen=True, eq=False)
class Toward(Term):
    """Squared distance of the imagined moments (N,H,D) to a goal's moment (D,), averaged over D and over the path.

    The goal is what an image of it is encoded to. The whole path counts, so that arriving early is worth something.
    """

    goal: Tensor
    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        if futures.latents is None or futures.latents.shape[-1:] != self.goal.shape:
            found = "none" if futures.latents is None else f"moments of {futures.latents.shape[-1]}"
            raise DataError(f"toward: the goal is a moment of {tuple(self.goal.shape)}, the futures have {found}")
        return (futures.latents.float() - self.goal.to(futures.latents.device)).square().mean((1, 2))


@dataclass(frozen=True, eq=False)
class Goal(Term):
    """Distance of several signals to their goal values: averaged over the path, plus `end` times that at its end.

    distance[h] = sqrt(Σ ((signal[h] - goal) / scale)²), of each member; the risk over the members comes last.
    scale: {signal: what counts as one unit of distance}, 1 where it is not given; metres and radians want one each.
    """

    goal: Mapping[str, float]
    weight: float = 1.0
    scale: Mapping[str, float] = field(default_factory=dict)
    end: float = 1.0
    risk: str | Risk = "mean"

    def __post_init__(self) -> None:
        if not self.goal:
            raise ConfigError("goal: name at least one signal and its goal value")
        if strange := sorted(set(self.scale) - set(self.goal)):
            raise ConfigError(f"goal: scale names {', '.join(strange)}, which the goal does not")
        if any(not scale > 0 for scale in self.scale.values()):
            raise ConfigError(f"goal: scales must be positive, not {dict(self.scale)}")

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        errors = [(futures.signal(name) - at) / self.scale.get(name, 1.0) for name, at in self.goal.items()]
        # vector_norm, and not a root of a sum: its gradient is 0 at the goal, and not nan
        distance = torch.linalg.vector_norm(torch.stack(torch.broadcast_tensors(*errors)), dim=0)
        return risk_of(self.risk)(distance.mean(-1) + self.end * distance[..., -1])
