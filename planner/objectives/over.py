"""Risk over a whole objective: each member of the ensemble prices the future alone, then one number is made of them.

    Over(Reach("progress") + 3 * Hazard("woken"), risk=cvar(0.3)) + 2 * Disagreement()

Risk per term takes the worst member of each term anew, though they may be different members: together that is more
pessimistic than anything one member believes. Over asks for the worst *story*. Inside it each term sees one member
alone, so that the risks of terms say nothing there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rehearse.planner.objectives.risk import Risk, risk_of
from rehearse.planner.objectives.term import Term, parts_of, scaled, total
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
        return {label: scaled(cost, self.weight) for label, cost in shown.items()}

    def _by_member(self, futures: Futures, actions: Tensor) -> Iterator[dict[str, Tensor]]:
        """The parts of the objective as each member has them."""
        k, members = 0, 1
        while k < members:
            seen = Member(futures.signals, k)
            yield parts_of(self.objective, Futures(futures.latents, seen, futures.disagreement), actions)
            k, members = k + 1, max(members, seen.members)


class Member(Mapping[str, Tensor]):
    """What member k sees, {name: (1,N,H)}; a signal that has one view is shared by all. Works out no signal unasked."""

    def __init__(self, signals: Mapping[str, Tensor], k: int) -> None:
        self._signals, self._k = signals, k
        self.members = 1  # of the signals asked for so far

    def __getitem__(self, name: str) -> Tensor:
        signal = self._signals[name]
        self.members = max(self.members, len(signal))
        return signal[self._k : self._k + 1] if len(signal) > 1 else signal

    def __iter__(self) -> Iterator[str]:
        return iter(self._signals)

    def __len__(self) -> int:
        return len(self._signals)
