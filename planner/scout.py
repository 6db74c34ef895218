"""A tree of imagined histories that spreads over where the robot can get to: coarse, wide and far ahead.

    scout = Scout(dynamics, objective, ScoutConfig(stride=6, legs=8), action_low, action_high)
    path = scout.search(belief, generator)          # path.moments (S,D), path.actions (S,A), S = stride x legs at most

A search that only goes where the cost falls ends at the wall between it and the goal. The tree grows leg by leg, a leg
being one action held for `stride` steps: every kept history is continued in `branches` ways, and of the ends half are
kept for being cheap, half for being far from anywhere that was kept before. The path is the shortest history whose end
is about as cheap as the cheapest of all.

Keeping what is novel is Go-Explore's and RRT's idea (Ecoffet et al., arXiv 1901.10995; LaValle 1998), here in the
latent space of a world model; the farthest-first rule is Gonzalez' (1985).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError, DataError
from rehearse.planner.protocols import Belief, Dynamics, Futures, Objective, PlanningError


@dataclass(frozen=True)
class ScoutConfig:
    """stride: steps of a leg. legs: of a history, at most. beam: histories kept after every leg. branches: ways in
    which each is continued. bold: every leg goes as fast as it may, in one dimension at least, for robots whose actions
    are velocities and who are in no danger. slack: an end counts as good as the best if it lacks at most this share of
    what the best gained.
    """

    stride: int = 6
    legs: int = 8
    beam: int = 24
    branches: int = 12
    bold: bool = False
    slack: float = 0.05

    def __post_init__(self) -> None:
        for name in ("stride", "legs", "beam", "branches"):
            if getattr(self, name) < 1:
                raise ConfigError(f"scout: {name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.slack < 1:
            raise ConfigError(f"scout: slack must lie in [0, 1), not {self.slack}")


@dataclass(frozen=True)
class Path:
    """Imagined moments (S,D) and the actions (S,A) that lead to them, what the end costs, how many were imagined."""

    moments: Tensor
    actions: Tensor
    cost: float
    futures: int


@dataclass(frozen=True)
class Ball:
    """All moments within ``radius`` of one (D,)."""

    moment: Tensor
    radius: float

    def holds(self, moments: Tensor) -> Tensor:
        """Whether any of the moments (N,S,D) of a history is within: (N,)."""
        return ((moments - self.moment).norm(dim=-1) < self.radius).any(-1)


class Scout:
    """objective prices the end of a history: only the last step of what was imagined is shown to it."""

    def __init__(
        self,
        dynamics: Dynamics,
        objective: Objective,
        config: ScoutConfig,
        action_low: Sequence[float],
        action_high: Sequence[float],
    ) -> None:
        self.dynamics, self.objective, self.config = dynamics, objective, config
        self._bounds = torch.tensor(action_low), torch.tensor(action_high)

    @torch.no_grad()
    def search(self, belief: Belief, generator: Generator, shut: Sequence[Ball] = ()) -> Path:
        """Grow the tree from ``belief`` and give the best path in it.

        Raises DataError if no latents are imagined, PlanningError if every history's cost is non-finite.
        No history goes through a ball that is ``shut``, as long as there are others.
        """
        config = self.config
        tree = _Tree(self.dynamics, belief, torch.empty((1, 0, len(self._bounds[0])), device=generator.device))
        visited: Tensor | None = None
        paths: list[Path] = []
        imagined = 0
        for _ in range(config.legs):
            branches = config.beam * config.branches // len(tree.actions)  # the root has more than any other
            count = len(tree.actions) * branches
            leg = self._legs(count, generator)
            futures = tree.grow(branches, leg.expand(-1, config.stride, -1))
            imagined += count
            costs = self.objective(_end_of(futures), leg)
            costs = costs.where(costs.isfinite(), torch.inf)
            free = ~torch.stack([ball.holds(tree.moments) for ball in shut]).any(0) if shut else costs.isfinite()
            if free.any():
                costs = costs.where(free, torch.inf)
            ends = tree.moments[:, -1]
            best = int(costs.argmin())
            paths.append(Path(tree.moments[best], tree.actions[best], float(costs[best]), imagined))
            chosen = spread(ends, costs, visited, config.beam)
            tree.keep(chosen)
            visited = ends[chosen] if visited is None else torch.cat([visited, ends[chosen]])
        return self._shortest(paths)

    def _legs(self, count: int, generator: Generator) -> Tensor:
        """Actions (count,1,A), uniform within the bounds, or in their surface."""
        low, high = (bound.to(generator.device) for bound in self._bounds)
        share = 2 * torch.rand((count, 1, len(low)), generator=generator, device=low.device) - 1
        if self.config.bold:
            share = share / share.abs().amax(-1, keepdim=True).clamp(min=1e-6)
        return (low + high) / 2 + (high - low) / 2 * share

    def _shortest(self, paths: list[Path]) -> Path:
        """Of the best path of every length, the first whose end is nearly as good as the best of all."""
        usable = [path for path in paths if math.isfinite(path.cost)]
        if not usable:
            raise PlanningError("scout: all imagined histories cost nan or inf; hold, and check observation and model")
        costs = [path.cost for path in usable]
        enough = min(costs) + self.config.slack * (max(costs) - min(costs))
        first = next(path for path in usable if path.cost <= enough)
        return Path(first.moments, first.actions, first.cost, paths[-1].futures)


def spread(ends: Tensor, costs: Tensor, visited: Tensor | None, count: int) -> Tensor:
    """Which of ends (N,D) to go on from: the cheapest half by costs (N,), then those farthest from all kept so far."""
    count = min(count, len(ends))
    chosen = costs.topk((count + 1) // 2, largest=False).indices
    known = ends[chosen] if visited is None else torch.cat([visited, ends[chosen]])
    distance = torch.cdist(ends, known).amin(1).where(costs.isfinite(), -1.0)
    for _ in range(count - len(chosen)):
        farthest = distance.argmax()
        chosen = torch.cat([chosen, farthest[None]])
        distance = torch.minimum(distance, (ends - ends[farthest]).norm(dim=1))
    return chosen


class _Tree:
    """Histories from one root: actions (N,S,A) and moments (N,S,D). Dynamics that can, go on where a history ended."""

    def __init__(self, dynamics: Dynamics, root: Belief, actions: Tensor) -> None:
        self.dynamics, self.root, self.actions = dynamics, root, actions
        self.moments: Tensor | None = None
        self._ends, self._rows = root, torch.zeros(1, dtype=torch.long, device=actions.device)

    def grow(self, branches: int, legs: Tensor) -> Futures:
        """Each history goes on in so many ways, by legs (N branches,h,A); what is imagined of these alone."""
        self.actions = torch.cat([self.actions.repeat_interleave(branches, 0), legs], 1)
        if hasattr(self.dynamics, "go_on"):
            futures, self._ends = self.dynamics.go_on(self._ends, self._rows.repeat_interleave(branches), legs)
        else:
            futures = self.dynamics.imagine(self.root, self.actions)
        if futures.latents is None:
            raise DataError("scout: these dynamics imagine no latents, so there are no sub-goals to be found in them")
        moments = futures.latents[:, -legs.shape[1] :].float()
        if self.moments is not None:
            moments = torch.cat([self.moments.repeat_interleave(branches, 0), moments], 1)
        self.moments = moments
        return futures

    def keep(self, chosen: Tensor) -> None:
        """Only these histories (M,) go on."""
        self.actions, self.moments, self._rows = self.actions[chosen], self.moments[chosen], chosen


def _end_of(futures: Futures) -> Futures:
    """The last step only: (N,1,...)."""
    return Futures(
        futures.latents[:, -1:],
        {name: futures.signal(name)[..., -1:] for name in futures.signals},
        futures.disagreement[:, -1:],
    )
