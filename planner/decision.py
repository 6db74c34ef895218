"""The account of one decision: what was imagined, how healthy the choice is, and what is kept to explain it.

everything = join(batches)                                  # all n imagined candidates
order = everything.costs.argsort(stable=True)
health_of(everything, order[0], last_costs, search_std)     # {"best_cost": ..., "nonfinite": ..., ...}
keep(everything, order, best=8, rejected=8)                 # Candidates, cheapest first
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rehearse.planner.protocols import Candidate


class Batch(NamedTuple):
    """What is remembered of n imagined candidates: everything small, not the latents."""

    knots: Tensor  # (n,Q,A)
    actions: Tensor  # (n,H,A)
    costs: Tensor  # (n,), +inf where not finite
    disagreement: Tensor  # (n,)
    signals: dict[str, Tensor]  # {name: (n,H)}, ensemble means
    parts: dict[str, Tensor]  # {term: (n,)}


def join(batches: list[Batch]) -> Batch:
    """One batch out of several, in the order they were imagined."""
    return Batch(
        *(
            {name: torch.cat([batch[name] for batch in column]) for name in column[0]}
            if isinstance(column[0], dict)
            else torch.cat(column)
            for column in zip(*batches, strict=True)
        )
    )


def health_of(everything: Batch, chosen: Tensor, last_costs: Tensor, search_std: Tensor) -> dict[str, float]:
    """Numbers that tell a good decision from a lucky or a desperate one, fetched from the device at once.

    best_cost and disagreement belong to the chosen candidate, nominal_cost to the one that came first (the
    previous plan continued). effective_samples: of the last population (n,), under softmin weights at the
    spread of its own costs; near 1, one lucky candidate decides. search_std: how wide the search still is, as
    a share of the action range. nonfinite: how many costs were nan or inf.
    """
    finite = last_costs.isfinite()
    count = finite.sum().clamp(min=1)
    centred = last_costs - last_costs.where(finite, 0.0).sum() / count
    spread = (centred.where(finite, 0.0).square().sum() / count).sqrt()
    weights = torch.softmax(-centred / spread.clamp(min=1e-9), 0).where(finite, 0.0)
    numbers = {
        "best_cost": everything.costs[chosen],
        "nominal_cost": everything.costs[0],
        "effective_samples": weights.sum().square() / weights.square().sum().clamp(min=1e-9),
        "search_std": search_std,
        "disagreement": everything.disagreement[chosen],
        "nonfinite": (~everything.costs.isfinite()).sum(),
    }
    values = torch.stack([value.to(everything.costs) for value in numbers.values()]).tolist()
    return dict(zip(numbers, values, strict=True))


def keep(everything: Batch, order: Tensor, best: int, rejected: int) -> tuple[Candidate, ...]:
    """The best candidates, then rejected ones spread evenly over the ranks of the rest, down to the worst.

    order (finite,): the candidates of finite cost, cheapest first.
    """
    best = min(best, len(order))
    rejected = min(rejected, len(order) - best)
    spread = np.linspace(len(order) - 1, best, rejected).round().astype(int)  # of one alone, the worst
    ranks = [*range(best), *spread[::-1].tolist()]
    index = order[torch.tensor(ranks, dtype=torch.long, device=order.device)]
    costs, actions = everything.costs[index].tolist(), everything.actions[index].cpu().numpy()
    signals = {name: signal[index].cpu().numpy() for name, signal in everything.signals.items()}
    parts = {name: part[index].tolist() for name, part in everything.parts.items()}
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
