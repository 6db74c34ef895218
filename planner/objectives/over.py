"""Risk over a whole objective: each member of the ensemble prices the future alone, then one number is made of them.

    Over(Reach("progress") + 3 * Hazard("woken"), risk=cvar(0.3)) + 2 * Disagreement()

Risk per term takes the worst member of each term anew, though they may be different members: together that is more
pessimistic than anything one member believes. Over asks for the worst *story*. Inside it each term sees one member
alone, so that the risks of terms say nothing there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rehearse.planner.objectives.risk import Risk, risk_of
from rehearse.planner.objectives.term import Term, parts_of, total
from rehearse.planner.protocols import Futures, Objective


@dataclass(frozen=True)
class Over(Term):
    """risk over the K members of objective(what member k sees). Costs K evaluations of the objective.

    Its parts are those of the objective on average over the members, and "caution": what the risk adds to that.
    """

    objective: Objective
    risk: str | Risk = "cvar"
    weight: float = 1.0

    def value(self, futures: Futures, actions: Tensor) -> Tensor:
        return risk_of(self.risk)(torch.stack([total(parts) for parts in self._by_member(futures, actions)]))

    def parts(self, futures: Futures, actions: Tensor) -> dict[str, Tensor]:
        members = list(self._by_member(futures, actions))
        costs = torch.stack([total(parts) for parts in members])
        shown = {label: torch.stack([parts[label] for parts in members]).mean(0) for label in members[0]}
        shown["caution"] = shown.get("caution", 0) + risk_of(self.risk)(costs) - costs.mean(0)
        return {label: self.weight * cost for label, cost in shown.items()}

    def _by_member(self, futures: Futures, actions: Tensor) -> Iterator[dict[str, Tensor]]:
        """The parts of the objective as each member has them; a signal that has one view is shared by all."""
        count = max((len(signal) for signal in futures.signals.values()), default=1)
        for k in range(count):
            seen = {name: signal[k : k + 1] if len(signal) > 1 else signal for name, signal in futures.signals.items()}
            yield parts_of(self.objective, Futures(futures.latents, seen, futures.disagreement), actions)
