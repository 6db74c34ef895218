"""Candidates of other origin: what a script, a policy, a goal-conditioned model or the last decision would do now.

    knots = as_knots(actions, knot_times_s, step_times_s, "linear")         # (M,T,A) -> (M,Q,A)
    knots = carried(last_best, last_times_s, knot_times_s, "linear")        # (E,Q,A) -> (E,Q,A), later
    knots = tempos(knot_offsets_s, (0.0, 0.5, 2.0), "linear") @ mean        # (M,Q,Q) @ (Q,A) -> (M,Q,A)
    population = mix(population, torch.cat([...]), low, high, at_most=0.5)  # in the first of a decision

They are candidates and no more: imagined and priced like all others. A good one is taken as it is or draws the search
to itself; a bad one costs a future.

    def by_goal(history, belief, times_s):                                  # a Proposer
        return model.propose(belief, goal, len(times_s))[None]
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from rehearse.errors import DataError
from rehearse.planner.protocols import Belief
from rehearse.planner.spline import basis


class Proposer(Protocol):
    """Ways to act from now on, as it sees them. Called once per decision."""

    def __call__(self, history: Any, belief: Belief, times_s: np.ndarray) -> Tensor:
        """Times (H,) of the plan's steps -> actions (M,T,A), the first at times_s[0]; T may be less or more than H."""
        ...


def gather(
    proposers: Sequence[Proposer],
    history: Any,
    belief: Belief,
    knot_times_s: np.ndarray,
    step_times_s: np.ndarray,
    kind: str,
    size: int,
) -> Tensor:
    """What all proposers propose, as knots (M,Q,A) in their order. Raises DataError that names the one at fault."""
    found = [torch.empty(0, len(knot_times_s), size)]
    for proposer in proposers:
        actions = torch.as_tensor(proposer(history, belief, step_times_s), dtype=torch.float32)
        name = getattr(proposer, "__name__", type(proposer).__name__)
        if actions.ndim != 3 or actions.shape[2] != size or actions.shape[1] == 0:
            raise DataError(f"proposals of {name} are {tuple(actions.shape)}, expected (M, T, {size})")
        if not actions.isfinite().all():
            raise DataError(f"proposals of {name} contain nan or inf")
        found.append(as_knots(actions, knot_times_s, step_times_s, kind).to(found[0].device))
    return torch.cat(found)


def as_knots(actions: Tensor, knot_times_s: np.ndarray, step_times_s: np.ndarray, kind: str) -> Tensor:
    """Actions (M,T,A), the first at step_times_s[0], as the knots (M,Q,A) whose spline is nearest (least squares).

    argmin over knots of |basis knots - actions|². Fewer than H actions: the last is held; what is beyond H is cut off.
    """
    steps = len(step_times_s)
    actions = torch.cat([actions, actions[:, -1:].expand(-1, max(0, steps - actions.shape[1]), -1)], 1)[:, :steps]
    fit = np.linalg.pinv(basis(knot_times_s, step_times_s, kind))
    return torch.as_tensor(fit, dtype=actions.dtype, device=actions.device) @ actions


def carried(knots: Tensor, old_times_s: np.ndarray, new_times_s: np.ndarray, kind: str) -> Tensor:
    """Knots (E,Q,A) of an earlier decision read off at the new times: the same motions, continued (E,Q',A).

    By time and not by index, so that a late or early decision fits; the last value is held. With the best few of the
    last decision these are iCEM's shifted elites (Pinneri et al., CoRL 2020).
    """
    weights = basis(old_times_s, new_times_s, kind)
    return torch.as_tensor(weights, dtype=knots.dtype, device=knots.device) @ knots


def tempos(knot_offsets_s: np.ndarray, factors: Sequence[float], kind: str) -> Tensor:
    """(M,Q,Q): matrices that play knots (Q,A) of velocities at other speeds: u(t) becomes r u(r t), 0 stands still.

    The path is the same, travelled r times as fast; what lies beyond the last knot holds its value. knot_offsets_s (Q,)
    count from the first knot.
    """
    matrices = [factor * basis(knot_offsets_s, factor * knot_offsets_s, kind) for factor in factors]
    return torch.tensor(np.array(matrices).reshape(-1, len(knot_offsets_s), len(knot_offsets_s)), dtype=torch.float32)


def mix(population: Tensor, proposed: Tensor, low: Tensor, high: Tensor, at_most: float = 0.5) -> Tensor:
    """A population (n,Q,A) whose last ones have made room for the proposed (M,Q,A), the first of them, within bounds.

    No more than the share `at_most` of it, so that the search keeps looking for itself; the first, the plan so far,
    always stays.
    """
    count = min(len(proposed), int(at_most * len(population)), len(population) - 1)
    proposed = proposed[:count].to(population).clamp(low, high)
    return torch.cat([population[: len(population) - count], proposed])
