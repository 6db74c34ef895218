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

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError, DataError
from rehearse.planner.protocols import Belief, Dynamics, Futures, Objective


@dataclass(frozen=True)
class ScoutConfig:
    """stride: steps of a leg. legs: of a history, at most. beam: histories kept after every leg. branches: ways in
    which each is continued. slack: an end counts as good as the best if it lacks at most this share of what the best
    gained.
    """

    stride: int = 6
    legs: int = 8
    beam: int = 24
    branches: int = 12
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
    def search(self, belief: Belief, generator: Generator) -> Path:
        """Grow the tree from ``belief`` and give the best path in it; DataError if no latents are imagined."""
        config = self.config
        low, high = (bound.to(generator.device) for bound in self._bounds)
        kept = torch.empty((1, 0, len(low)), device=generator.device)  # histories: the actions since the root
        visited: Tensor | None = None
        paths: list[Path] = []
        imagined = 0
        for _ in range(config.legs):
            branches = config.beam * config.branches // len(kept)  # the root has more than any other
            count = len(kept) * branches
            leg = low + (high - low) * torch.rand((count, 1, len(low)), generator=generator, device=low.device)
            actions = torch.cat([kept.repeat_interleave(branches, 0), leg.expand(-1, config.stride, -1)], 1)
            futures = self.dynamics.imagine(belief, actions)
            if futures.latents is None:
                raise DataError(
                    "scout: these dynamics imagine no latents, so there are no sub-goals to be found in them"
                )
            imagined += count
            costs = self.objective(_end_of(futures), actions[:, -1:])
            costs = costs.where(costs.isfinite(), torch.inf)
            ends = futures.latents[:, -1].float()
            best = int(costs.argmin())
            paths.append(Path(futures.latents[best].float(), actions[best], float(costs[best]), imagined))
            chosen = spread(ends, costs, visited, config.beam)
            kept = actions[chosen]
            visited = ends[chosen] if visited is None else torch.cat([visited, ends[chosen]])
        return self._shortest(paths)

    def _shortest(self, paths: list[Path]) -> Path:
        """Of the best path of every length, the first whose end is nearly as good as the best of all."""
        costs = [path.cost for path in paths]
        enough = min(costs) + self.config.slack * (max(costs) - min(costs))
        first = next(path for path in paths if path.cost <= enough)
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


def _end_of(futures: Futures) -> Futures:
    """The last step only: (N,1,...)."""
    return Futures(
        futures.latents[:, -1:],
        {name: futures.signal(name)[..., -1:] for name in futures.signals},
        futures.disagreement[:, -1:],
    )
