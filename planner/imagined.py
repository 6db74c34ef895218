"""Everything that one decision imagined: joined, put in order, judged, and the part of it that is kept.

batch = price(objective, futures, knots, actions)           # n candidates and their costs
pool = Pool(batches)                                        # all candidates of the decision
order = pool.costs.argsort(stable=True)
health_of(pool, order[:1], last_costs, search_std)           # {"best_cost": ..., "nonfinite": ..., ...}
keep(pool, order, best=8, rejected=8)                       # Candidates, cheapest first
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rehearse.errors import DataError
from rehearse.planner.objectives import parts_of, total
from rehearse.planner.protocols import Candidate, Futures, Objective

ELITE = 0.05  # the share of all candidates whose first actions are compared


class Batch(NamedTuple):
    """n candidates that were imagined together."""

    knots: Tensor  # (n,Q,A)
    actions: Tensor  # (n,H,A)
    costs: Tensor  # (n,), +inf where not finite
    parts: dict[str, Tensor]  # {term: (n,)}
    disagreement: Tensor  # (n,), over the horizon
    futures: Futures


def price(objective: Objective, futures: Futures, knots: Tensor, actions: Tensor) -> Batch:
    """knots (n,Q,A) with their actions (n,H,A) and what was imagined of them -> candidates with costs."""
    if (imagined := futures.disagreement.shape) != (asked := actions.shape[:2]):
        raise DataError(f"the dynamics imagined (N, H) = {tuple(imagined)}, asked for {tuple(asked)}")
    parts = parts_of(objective, futures, actions)
    costs = total(parts).to(knots)
    if costs.shape != knots.shape[:1]:
        raise DataError(f"the objective gave costs {tuple(costs.shape)}, expected ({len(knots)},)")
    costs = costs.where(costs.isfinite(), torch.inf)
    return Batch(knots, actions, costs, parts, futures.disagreement.mean(-1), futures)


class Pool:
    """All n candidates of a decision, in the order in which they were imagined.

    knots (n,Q,A) · actions (n,H,A) · costs (n,) · parts {term: (n,)} · disagreement (n,) are joined; the futures stay
    in their batches, for only of a few is anything more ever asked.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches
        self.knots = torch.cat([batch.knots for batch in batches])
        self.actions = torch.cat([batch.actions for batch in batches])
        self.costs = torch.cat([batch.costs for batch in batches])
        self.disagreement = torch.cat([batch.disagreement for batch in batches])
        self.parts = {name: torch.cat([batch.parts[name] for batch in batches]) for name in batches[0].parts}

    def futures(self, index: Tensor) -> Futures:
        """What was imagined of the candidates at ``index`` (M,), in that order."""
        sizes = [len(batch.costs) for batch in self._batches]
        ends = torch.tensor(sizes, device=index.device).cumsum(0)
        of = torch.bucketize(index, ends, right=True)
        used = [b for b in range(len(sizes)) if bool((of == b).any())]
        picked = [self._batches[b].futures.pick(index[of == b] - (ends[b] - sizes[b])) for b in used]
        back = torch.cat([(of == b).nonzero()[:, 0] for b in used]).argsort()
        return Futures(
            None if picked[0].latents is None else torch.cat([each.latents for each in picked])[back],
            {name: torch.cat([each.signal(name) for each in picked], 1)[:, back] for name in picked[0].signals},
            torch.cat([each.disagreement for each in picked])[back],
        )


def health_of(pool: Pool, chosen: Tensor, last_costs: Tensor, search_std: Tensor) -> dict[str, float]:
    """Numbers that tell a good decision from a lucky or a desperate one, fetched from the device at once.

    best_cost and disagreement belong to the ``chosen`` candidate (1,), nominal_cost to the one that came first (the
    previous plan continued). effective_samples: of the last population (n,), under softmin weights at the
    spread of its own costs; near 1, one lucky candidate decides. elite_spread: standard deviation of the first action
    among the cheapest 5 %, in the actions' unit; wide, and there are several ways to go. search_std: how wide the
    search still is, as a share of the action range. nonfinite: how many costs were nan or inf.
    """
    finite = last_costs.isfinite()
    count = finite.sum().clamp(min=1)
    centred = last_costs - last_costs.where(finite, 0.0).sum() / count
    spread = (centred.where(finite, 0.0).square().sum() / count).sqrt()
    weights = torch.softmax(-centred / spread.clamp(min=1e-9), 0).where(finite, 0.0)
    elite = pool.costs.topk(max(1, min(len(pool.costs), round(ELITE * len(pool.costs)))), largest=False).indices
    numbers = {
        "best_cost": pool.costs[chosen][0],
        "nominal_cost": pool.costs[0],
        "effective_samples": weights.sum().square() / weights.square().sum().clamp(min=1e-9),
        "elite_spread": pool.actions[elite, 0].std(0, correction=0).mean(),
        "search_std": search_std,
        "disagreement": pool.disagreement[chosen][0],
        "nonfinite": (~pool.costs.isfinite()).sum(),
    }
    values = torch.stack([value.to(pool.costs) for value in numbers.values()]).tolist()
    return dict(zip(numbers, values, strict=True))


def keep(pool: Pool, order: Tensor, best: int, rejected: int) -> tuple[Candidate, ...]:
    """The best candidates, then rejected ones spread evenly over the ranks of the rest, down to the worst.

    order (finite,): the candidates of finite cost, cheapest first.
    """
    best = min(best, len(order))
    rejected = min(rejected, len(order) - best)
    if best + rejected == 0:
        return ()
    spread = np.linspace(len(order) - 1, best, rejected).round().astype(int)  # of one alone, the worst
    ranks = [*range(best), *spread[::-1].tolist()]
    index = order[torch.tensor(ranks, dtype=torch.long, device=order.device)]
    costs, actions = pool.costs[index].tolist(), pool.actions[index].cpu().numpy()
    futures = pool.futures(index)
    signals = {name: futures.mean(name).float().cpu().numpy() for name in futures.signals}
    parts = {name: part[index].tolist() for name, part in pool.parts.items()}
    return tuple(
        Candidate(
            rank=rank,
            cost=costs[i],
            actions=actions[i],
            signals={name: signal[i] for name, signal in signals.items()},
            parts={name: part[i] for name, part in parts.items()},
        )
        for i, rank in enumerate(ranks)
    )
