"""Model-predictive control: imagine many ways to act from now on, take the cheapest, do it again a moment later.

    mpc = MPC(dynamics, Reach("progress") + 20 * Hazard("woken"), CEMConfig(futures=512),
              MPCConfig(action_low=(-1.0,) * 4, action_high=(1.0,) * 4))
    plan = mpc.plan(history, time_s, torch.Generator().manual_seed(0))     # plan.actions (H,A)

time_s is when the first action starts, which may lie ahead of the history by the time that planning takes. Each
decision starts from the previous plan read off at the new times. A decision is anytime: when its deadline is near, the
best so far is returned. Everything lives on the generator's device, and one thread is enough: leave
torch.set_num_threads(1) to the program. `decide` is the same decision in pieces, for many robots at once (together.py).
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rehearse.errors import ConfigError
from rehearse.planner.braking import come_to_rest
from rehearse.planner.budget import Budget
from rehearse.planner.cem import CEM, CEMConfig
from rehearse.planner.config import MPCConfig
from rehearse.planner.gradient import Gradient
from rehearse.planner.imagined import Batch, Pool, health_of, keep, price
from rehearse.planner.proposals import Proposer, carried, gather, mix
from rehearse.planner.protocols import Belief, Candidate, Dynamics, Futures, Objective, Optimizer, Plan, PlanningError
from rehearse.planner.timeline import Spline, Timeline
from rehearse.planner.trust import HOLD, REPLAN, TRUST, Judgement, Trust
from rehearse.planner.verify import Verifier

Limits = Callable[[Any, Tensor], Tensor]


class Ask(NamedTuple):
    """What a decision wants imagined next: actions (n,H,A) from a belief. The answer is n Futures."""

    belief: Belief
    actions: Tensor


class Situation(NamedTuple):
    """What stands at the beginning of a decision: history and belief, what is already on its way, how far to look."""

    history: Any
    belief: Belief
    prefix: Tensor  # (C,A)
    time_s: float
    steps: int


class Searched(NamedTuple):
    """All candidates in batches, the costs (n,) of the last population, the optimizer's state, populations begun."""

    batches: list[Batch]
    costs: Tensor
    state: Any
    iterations: int


class MPC:
    """Plans from a Dynamics, an Objective and an Optimizer. Remembers the last plan's spline and what it imagined.

    proposers: candidates of other origin (a policy, a script) that join the first population. limits: (history, actions
    (N,H,A)) -> the actions that the robot would make of them; only these are imagined, and given out. refine: moves the
    best few downhill after the search. verifier: looks again at the best.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        objective: Objective,
        optimizer: Optimizer | CEMConfig,
        config: MPCConfig,
        proposers: Sequence[Proposer] = (),
        limits: Limits | None = None,
        refine: Gradient | None = None,
        verifier: Verifier | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ):
        if config.trust is not None and not hasattr(dynamics, "moment"):
            raise ConfigError("mpc: trust compares moments, and these dynamics have no `moment(belief)`")
        if config.trust is not None and verifier is not None:
            raise ConfigError("mpc: trust minds what the model imagined, and a verifier imagines in its place")
        if config.draft_horizon is not None and verifier is None:
            raise ConfigError("mpc: a draft_horizon needs a verifier, which looks at the whole horizon")
        self.dynamics = dynamics
        self.objective = objective
        self.optimizer = CEM(optimizer) if isinstance(optimizer, CEMConfig) else optimizer
        self.config = config
        self.proposers = proposers
        self.limits = limits
        self.refine = refine
        self.verifier = verifier
        self._trust = None if config.trust is None else Trust(config.trust, config.horizon, config.period_s)
        self.timeline = Timeline(config)
        self._budget = Budget(config.deadline_s, clock)
        self.reset()

    def reset(self) -> None:
        """Forget the previous plan: a new episode, a new task, a moved scene."""
        self._previous: Spline | None = None
        self._best: tuple[np.ndarray, Tensor] | None = None
        if self._trust is not None:
            self._trust.reset()

    def plan(
        self, history: Any, time_s: float, generator: torch.Generator, committed: np.ndarray | Tensor | None = None
    ) -> Plan:
        """The cheapest of everything imagined for actions that start at time_s.

        committed: actions (C,A) that are already on their way and will be carried out between the history's end and
        time_s, because sensing, planning and sending take time. Every future begins with them, so that the plan is
        made for the state that it will meet; the kept candidates show these steps too.
        Raises PlanningError when every future's cost is non-finite; the warm start is then dropped as well.
        """
        # Inference mode is a tenth quicker over many small operations, and forbids gradients for good.
        with torch.inference_mode() if self.refine is None else torch.no_grad():
            decision = self.decide(history, time_s, generator, committed)
            ask = next(decision)
            while True:
                try:
                    ask = decision.send(self.dynamics.imagine(*ask))
                except StopIteration as made:
                    return made.value

    def decide(
        self, history: Any, time_s: float, generator: torch.Generator, committed: np.ndarray | Tensor | None = None
    ) -> Generator[Ask, Futures, Plan]:
        """`plan` as a generator: it yields what it wants imagined, is sent the futures, and returns the plan."""
        self._budget.begin()
        prefix = self.timeline.prefix(committed, generator.device)
        belief = self.dynamics.observe(history)
        judgement, health = self._judge(history, belief, time_s - len(prefix) * self.config.period_s)
        now = Situation(history, belief, prefix, time_s, judgement.horizon)
        state = self.optimizer.init(*self.timeline.start(self._previous, time_s, generator.device))
        if judgement.mode == HOLD:
            held = yield from self._imagine(now, self.timeline.rest(generator.device))
            searched = Searched([held], held.costs, state, 0)
        else:
            draft = now._replace(steps=min(now.steps, self.config.draft_horizon or now.steps))
            searched = yield from self._search(draft, state, generator)
            if self.refine is not None and not self._budget.spent:
                searched.batches.append(self._refine(draft, Pool(searched.batches)))
        pool = Pool(searched.batches)
        order = pool.costs.argsort(stable=True)
        _, low, high = self.timeline.constants(generator.device)
        health |= health_of(pool, order[:1], searched.costs, (searched.state.std / (high - low)).mean())
        finite = order[: len(order) - int(health["nonfinite"])]
        if len(finite) == 0:
            self._previous = self._best = None
            raise PlanningError(
                f"all {len(order)} imagined futures cost nan or inf; hold, and check observation and model"
            )
        kept: tuple[Candidate, ...] = ()
        if self.verifier is not None and judgement.mode != HOLD:
            pool, finite, kept = self._verify(now, pool, finite, health)
        kept = kept or keep(pool, finite, self.config.keep_best, self.config.keep_rejected)
        actions = self._remember(pool, finite, len(prefix), time_s)
        elapsed_s = self._budget.finish()
        return Plan(
            actions=actions,
            times_s=time_s + self.timeline.step_offsets_s[: len(actions)],
            cost=kept[0].cost,
            futures=len(order),
            iterations=searched.iterations,
            elapsed_s=elapsed_s,
            mode=judgement.mode,
            to_rest=self._to_rest(actions),
            health={**health, "milliseconds": 1e3 * elapsed_s},
            kept=kept,
        )

    def draw(self, history: Any, time_s: float, n: int, generator: torch.Generator) -> Tensor:
        """n action sequences (n,H,A) from where the search would begin: what the dynamics is asked to tell apart."""
        state = self.optimizer.init(*self.timeline.start(self._previous, time_s, generator.device))
        now = Situation(history, None, self.timeline.prefix(None, generator.device), time_s, self.config.horizon)
        return self._actions(now, self.optimizer.sample(state, n, generator))

    # -- the search ----------------------------------------------------------------------------------------------

    def _search(self, now: Situation, state: Any, generator: torch.Generator) -> Generator[Ask, Futures, Searched]:
        """Population after population, in slices, until the budget is spent."""
        batches: list[Batch] = []
        iterations = 0
        for n in self._budget.fit(self.optimizer.populations()):
            knots = self.optimizer.sample(state, n, generator)
            if not batches:
                knots = self._with_proposals(now, knots)
            population: list[Batch] = []
            begin = 0
            for size in self._budget.slices(n):
                population.append((yield from self._imagine(now, knots[begin : begin + size])))
                begin += size
            if population:
                iterations += 1
                batches += population
                costs = torch.cat([batch.costs for batch in population])
                state = self.optimizer.update(state, knots[:begin], costs)
            if self._budget.spent:
                break
        return Searched(batches, costs, state, iterations)

    def _imagine(self, now: Situation, knots: Tensor) -> Generator[Ask, Futures, Batch]:
        """knots (n,Q,A) -> the n candidates with their costs."""
        actions = self._actions(now, knots)
        futures = yield Ask(now.belief, actions)
        batch = price(self.objective, futures, knots, actions)
        if self.config.deadline_s is not None:
            batch.costs[0].item()  # a GPU's work has only been queued until a number is asked for
        return batch

    def _refine(self, now: Situation, pool: Pool) -> Batch:
        """The best few candidates, moved downhill through the dynamics, as candidates of their own."""

        def priced(knots: Tensor) -> Batch:
            actions = self._actions(now, knots)
            return price(self.objective, self.dynamics.imagine(now.belief, actions), knots, actions)

        best = pool.costs.argsort(stable=True)[: self.config.refine_best]
        _, low, high = self.timeline.constants(pool.knots.device)
        knots, _ = self.refine(pool.knots[best], lambda knots: priced(knots).costs, low, high)
        return priced(knots)

    def _verify(
        self, now: Situation, drafts: Pool, order: Tensor, health: dict[str, float]
    ) -> tuple[Pool, Tensor, tuple[Candidate, ...]]:
        """The best drafts imagined again by the verifier: the pool of these, their order, and what is kept."""
        best = order[: self.verifier.best]
        knots = drafts.knots[best]
        actions = self._actions(now, knots)
        belief = self.verifier.dynamics.observe(now.history)
        batch = price(self.objective, self.verifier.dynamics.imagine(belief, actions), knots, actions)
        verified = Pool([batch])
        finite = verified.costs.argsort(stable=True)[: int(verified.costs.isfinite().sum())]
        if len(finite) == 0:
            self._previous = self._best = None
            raise PlanningError(f"the verifier found none of the best {len(best)} drafts usable; hold, and check both")
        health |= {"verified": float(len(best)), "overturned": float(finite[0] != 0)}
        kept = keep(verified, finite, self.config.keep_best, 0)
        drafted = keep(drafts, order[len(best) :], 0, self.config.keep_rejected)
        behind = tuple(replace(candidate, rank=candidate.rank + len(best)) for candidate in drafted)
        return verified, finite, kept + behind

    # -- before and after ----------------------------------------------------------------------------------------

    def _judge(self, history: Any, belief: Belief, seen_s: float) -> tuple[Judgement, dict[str, float]]:
        """How far imagination is to be trusted; what has gone too wrong begins anew, from standing still."""
        if self._trust is None:
            return Judgement(self.config.horizon, TRUST), {}
        judgement, health = self._trust.look(self.dynamics, history, belief, seen_s)
        if judgement.mode in (REPLAN, HOLD):
            knot_times_s = seen_s + self.timeline.knot_offsets_s
            self._previous = knot_times_s, np.tile(self.config.rest, (len(knot_times_s), 1))
            self._best = None
        return judgement, health

    def _remember(self, pool: Pool, order: Tensor, committed: int, time_s: float) -> np.ndarray:
        """Keep the best plan's spline and what it imagined for the next decision; its actions (H,A)."""
        knot_times_s, chosen = time_s + self.timeline.knot_offsets_s, order[0]
        self._previous = knot_times_s, pool.knots[chosen].cpu().numpy()
        self._best = (knot_times_s, pool.knots[order[: self.config.carry]]) if self.config.carry else None
        actions = pool.actions[chosen].cpu().numpy()
        if self._trust is not None:
            latents = pool.futures(chosen[None]).latents
            arrivals_s = time_s + (np.arange(len(actions)) - committed + 1) * self.config.period_s
            self._trust.expect(arrivals_s, latents[0].float().cpu().numpy())
        return actions[committed:]

    def _to_rest(self, actions: np.ndarray) -> np.ndarray | None:
        commit, rest, brake = self.config.commit_steps, self.config.rest, self.config.brake_steps
        return None if rest is None else come_to_rest(actions, commit, rest, brake)

    def _actions(self, now: Situation, knots: Tensor) -> Tensor:
        """knots (n,Q,A) -> actions (n,C+H,A), as the robot can carry them out."""
        actions = self.timeline.actions(knots, now.prefix, now.steps)
        return actions if self.limits is None else self.limits(now.history, actions)

    def _with_proposals(self, now: Situation, knots: Tensor) -> Tensor:
        """The first population (n,Q,A), of which up to a half has made room for candidates of other origin.

        In this order: those of the proposers, the plan so far at other tempos, the last decision's best carried on.
        """
        line, kind = self.timeline, self.config.spline
        knot_times_s, step_times_s = now.time_s + line.knot_offsets_s, now.time_s + line.step_offsets_s
        size = knots.shape[-1]
        proposed = [gather(self.proposers, now.history, now.belief, knot_times_s, step_times_s, kind, size).to(knots)]
        proposed.append(line.tempos(knots.device) @ knots[0])  # the first of a population is the plan so far
        if self._best is not None:
            proposed.append(carried(self._best[1], self._best[0], knot_times_s, kind))
        _, low, high = line.constants(knots.device)
        return mix(knots, torch.cat(proposed), low, high)
