"""What the actions (N,H,A) themselves cost, whatever comes of them."""

from dataclasses import dataclass

from torch import Tensor

from rehearse.errors import ConfigError
from rehearse.planner.objectives.term import Term
from rehearse.planner.protocols import Futures


@dataclass(frozen=True)
class Effort(Term):
    """Mean squared action over steps and dimensions."""

    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return actions.square().mean((1, 2))


@dataclass(frozen=True)
class Smoothness(Term):
    """Mean squared change between successive actions; 0 for a horizon of one step."""

    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return actions.diff(dim=1).square().sum((1, 2)) / max(1, (actions.shape[1] - 1) * actions.shape[2])


@dataclass(frozen=True)
class ActionLimits(Term):
    """A soft barrier before the bounds low, high (A,): 0 within, rising over the outer `margin` to 1 at the bound.

    mean over steps and dimensions of relu((|action - middle| / half - (1 - margin)) / margin)²; beyond a bound it goes
    on rising. A plan that lives on its bounds has nothing left to correct with.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    weight: float = 1.0
    margin: float = 0.1

    def __post_init__(self) -> None:
        if len(self.low) != len(self.high) or any(low >= high for low, high in zip(self.low, self.high, strict=True)):
            raise ConfigError("actionlimits: low must be below high in every dimension")
        if not 0 < self.margin <= 1:
            raise ConfigError(f"actionlimits: margin must lie in (0, 1], not {self.margin}")

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        low, high = actions.new_tensor(self.low), actions.new_tensor(self.high)
        outward = (actions - (low + high) / 2).abs() / ((high - low) / 2)
        return ((outward - (1 - self.margin)) / self.margin).relu().square().mean((1, 2))
