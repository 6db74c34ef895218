"""What passes between a model, an objective and an optimizer, and the plan that comes out.

Letters: N candidates, H imagined steps, A action dimension, D latent width, K ensemble members, Q spline
knots.

    futures = dynamics.imagine(dynamics.observe(history), actions)     # actions (N,H,A)
    cost = objective(futures, actions)                                 # (N,)
    futures.worst("woken")                                             # (N,H), the most alarmed member

The split into dynamics and objective follows stable-worldmodel; init / sample / update follows hydrax and
judo.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Generator, Tensor

from rehearse.errors import DataError, RehearseError

TRUST = "trust"  # a plan's mode when all is well; the others are in trust.py
Belief = Any  # What a Dynamics knows now. Only the Dynamics that made it looks inside.


class PlanningError(RehearseError):
    """No usable plan came out of this decision; the caller should hold still and say why."""

    exit_code = 1


@dataclass(frozen=True)
class Futures:
    """N imagined futures. Index h of a signal is what is measured on arrival, after action h.

    latents (N,H,D) or None · signals {name: (K,N,H)}, events as probabilities, perhaps worked out only when asked
    for · disagreement (N,H), 0 where K = 1. Raises DataError, naming the field, when the shapes do not fit together:
    a signal's when it is read.
    """

    latents: Tensor | None
    signals: Mapping[str, Tensor]
    disagreement: Tensor

    def __post_init__(self) -> None:
        if self.disagreement.ndim != 2:
            raise DataError(f"futures: disagreement is {tuple(self.disagreement.shape)}, expected (N, H)")
        n, h = self.disagreement.shape
        if self.latents is not None and (self.latents.ndim != 3 or self.latents.shape[:2] != (n, h)):
            raise DataError(f"futures: latents are {tuple(self.latents.shape)}, expected ({n}, {h}, D)")

    @property
    def count(self) -> int:
        """N, how many futures these are."""
        return self.disagreement.shape[0]

    def signal(self, name: str) -> Tensor:
        """All members' view of one signal, (K,N,H). Raises DataError that lists the signals there are."""
        if name not in self.signals:
            known = ", ".join(sorted(self.signals)) or "none"
            raise DataError(f"the futures have no signal '{name}' (they have: {known}); train it or drop the term")
        signal, (n, h) = self.signals[name], self.disagreement.shape
        if signal.ndim != 3 or signal.shape[0] < 1 or signal.shape[1:] != (n, h):
            raise DataError(f"futures: signal '{name}' is {tuple(signal.shape)}, expected (K, {n}, {h})")
        return signal

    def pick(self, index: Tensor) -> "Futures":
        """The futures at ``index`` (M,), of a lazy mapping of signals without working out the others."""
        lazy = getattr(self.signals, "pick", None)
        return Futures(
            None if self.latents is None else self.latents[index],
            lazy(index) if lazy else {name: signal[:, index] for name, signal in self.signals.items()},
            self.disagreement[index],
        )

    def mean(self, name: str) -> Tensor:
        """The ensemble's mean, (N,H)."""
        return self.signal(name).mean(0)

    def worst(self, name: str) -> Tensor:
        """The highest member at each step, (N,H)."""
        return self.signal(name).amax(0)


@runtime_checkable
class Dynamics(Protocol):
    """A learned model or the true physics. Equal actions from one belief give equal futures.

    One that imagines latents may also say which one it is in now, `moment(belief) -> (D,)`, and how badly it could
    reproduce what it senses, `blindness(history, belief) -> float`: a planner that compares what was imagined with what
    came knows when the world has departed from it (trust.py).

    ``go_on(belief, rows (N,), actions (N,H,A)) -> Futures, Belief``, where it has one, imagines from branches of a
    belief (what is observed has one, 0) and gives the N branches that they end in: what makes a long search cheap
    (scout.py).
    """

    def observe(self, history: Any) -> Belief: ...

    def imagine(self, belief: Belief, actions: Tensor) -> Futures:
        """actions (N,H,A) float32 -> N futures of H steps."""
        ...


class Objective(Protocol):
    """Futures and their actions (N,H,A) -> cost (N,); lower is better, non-finite is never chosen."""

    def __call__(self, futures: Futures, actions: Tensor) -> Tensor: ...


@runtime_checkable
class Optimizer(Protocol):
    """Searches over spline knots (Q,A). Its state is opaque but for `mean` and `std` (Q,A)."""

    def populations(self) -> list[int]:
        """How many futures each iteration may imagine; their sum is the budget of one decision."""
        ...

    def init(self, mean: Tensor, std: Tensor, low: Tensor, high: Tensor) -> Any:
        """mean (Q,A), std and bounds (A,) -> state."""
        ...

    def sample(self, state: Any, n: int, generator: Generator) -> Tensor:
        """-> knots (n,Q,A) within the bounds; the first is the state's mean."""
        ...

    def update(self, state: Any, knots: Tensor, costs: Tensor) -> Any:
        """knots (n,Q,A), costs (n,) -> state."""
        ...


@dataclass(frozen=True)
class Candidate:
    """One imagined way of acting, kept so that a person can see what was weighed. Rank 0 is the chosen plan.

    actions (H,A) · signals {name: (H,)} ensemble means · parts {term: what it adds to the cost}.
    """

    rank: int
    cost: float
    actions: np.ndarray
    signals: dict[str, np.ndarray]
    parts: dict[str, float]


@dataclass(frozen=True)
class Plan:
    """The chosen actions (H,A) float32, each to start at times_s (H,) float64, and how it was chosen.

    mode: how far imagination was trusted (trust.py: trust, short, replan, hold). to_rest (S,A): what to send to a robot
    that must come to rest by itself if nothing follows: the first actions, then a braking tail; None if nobody said
    which action stands still.
    """

    actions: np.ndarray
    times_s: np.ndarray
    cost: float
    futures: int
    iterations: int
    elapsed_s: float
    mode: str = TRUST
    to_rest: np.ndarray | None = None
    health: dict[str, float] = field(default_factory=dict)
    kept: Sequence[Candidate] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers for strict JSON; a non-finite number becomes None."""
        return _plain(vars(self))


def _plain(value: Any) -> Any:
    """Recursively JSON-able; numpy arrays become nested lists."""
    if isinstance(value, Candidate):
        value = vars(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
