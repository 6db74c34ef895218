"""Model-predictive control: imagine many ways to act from now on, take the cheapest, do it again a moment
later.

    mpc = MPC(dynamics, Reach("progress") + 20 * Hazard("woken"), CEMConfig(futures=512),
              MPCConfig(action_low=(-1.0,) * 4, action_high=(1.0,) * 4))
    plan = mpc.plan(history, time_s, torch.Generator().manual_seed(0))     # plan.actions (H,A)

time_s is when the first action starts, which may lie ahead of the history by the time that planning takes.
Each decision starts from the previous plan read off at the new times. A decision is anytime: past the
deadline no further population begins and the best so far is returned. Everything lives on the generator's
device, and one thread is enough: leave torch.set_num_threads(1) to the program.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError, DataError
from rehearse.planner import spline
from rehearse.planner.cem import CEM, CEMConfig
from rehearse.planner.decision import Batch, health_of, join, keep
from rehearse.planner.objectives import parts_of, total
from rehearse.planner.protocols import Belief, Dynamics, Objective, Optimizer, Plan, PlanningError

Proposals = Callable[[Belief], Tensor]
Limits = Callable[[Any, Tensor], Tensor]


@dataclass(frozen=True)
class MPCConfig:
    """action_low, action_high (A,): bounds. horizon: H steps of period_s. knots: at most, along the horizon.

    initial_mean, initial_std (A,): of the search; by default the bounds' middle and a quarter of their
    distance. deadline_s: begin no population that would likely end later than this after `plan` was called;
    None waits. tempos: where actions are velocities, the plan so far at these multiples of its speed is always among
    what is imagined (0 is to stand still), for a search of few futures seldom finds the same path at another speed.
    keep_best, keep_rejected: candidates kept with the plan for explanation.
    """

    action_low: tuple[float, ...]
    action_high: tuple[float, ...]
    horizon: int = 12
    period_s: float = 0.2
    knots: int = 4
    spline: str = "linear"
    initial_mean: tuple[float, ...] | None = None
    initial_std: tuple[float, ...] | None = None
    deadline_s: float | None = None
    tempos: tuple[float, ...] = ()
    keep_best: int = 8
    keep_rejected: int = 8

    def __post_init__(self) -> None:
        size = len(self.action_low)
        for name in ("action_high", "initial_mean", "initial_std"):
            if (value := getattr(self, name)) is not None and len(value) != size:
                raise ConfigError(f"mpc: {name} has {len(value)} numbers, action_low has {size}")
        if size == 0 or any(low >= high for low, high in zip(self.action_low, self.action_high, strict=True)):
            raise ConfigError("mpc: action_low must be below action_high in every dimension")
        if self.initial_std is not None and min(self.initial_std) < 0:
            raise ConfigError("mpc: initial_std must not be negative")
        if self.horizon < 1 or self.knots < 1 or self.period_s <= 0:
            raise ConfigError("mpc: horizon and knots must be at least 1 and period_s positive")
        if self.spline not in spline.KINDS:
            raise ConfigError(f"mpc: spline '{self.spline}' is unknown; use one of {', '.join(spline.KINDS)}")


class MPC:
    """Plans from a Dynamics, an Objective and an Optimizer. Remembers only the last plan's spline.

    proposals: belief -> knots (M,Q,A) of other origin (a policy, a script) that join the first population;
    their times are knot_offsets_s after the first action. limits: (history, actions (N,H,A)) -> the actions that
    the robot would make of them; only these are imagined, and given out.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        objective: Objective,
        optimizer: Optimizer | CEMConfig,
        config: MPCConfig,
        proposals: Proposals | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self.dynamics = dynamics
        self.objective = objective
        self.optimizer = CEM(optimizer) if isinstance(optimizer, CEMConfig) else optimizer
        self.config = config
        self.proposals = proposals
        self.limits = limits
        self._clock = clock
        self._step_offsets_s = np.arange(config.horizon) * config.period_s
        self.knot_offsets_s = spline.knot_times(0.0, config.horizon, config.period_s, config.knots, config.spline)
        self._basis = spline.basis(self.knot_offsets_s, self._step_offsets_s, config.spline)
        self._previous: tuple[np.ndarray, np.ndarray] | None = None
        self._on_device: dict[torch.device, tuple[Tensor, Tensor, Tensor]] = {}

    def reset(self) -> None:
        """Forget the previous plan: a new episode, a new task, a moved scene."""
        self._previous = None

    @torch.inference_mode()
    def plan(
        self, history: Any, time_s: float, generator: Generator, committed: np.ndarray | Tensor | None = None
    ) -> Plan:
        """The cheapest of everything imagined for actions that start at time_s.

        committed: actions (C,A) that are already on their way and will be carried out between the history's end and
        time_s, because sensing, planning and sending take time. Every future begins with them, so that the plan is
        made for the state that it will meet; the kept candidates show these steps too.
        Raises PlanningError when every future's cost is non-finite; the warm start is then dropped as well.
        """
        began = self._clock()
        prefix = self._prefix(committed, generator.device)
        belief = self.dynamics.observe(history)
        state = self._initial_state(time_s, generator.device)
        batches: list[Batch] = []
        deadline_s = self.config.deadline_s
        for n in self.optimizer.populations():
            iteration_began = self._clock()
            knots = self.optimizer.sample(state, n, generator)
            if not batches:
                knots = self._with_proposals(knots, belief)
            batches.append(self._imagine(belief, knots, self._actions(history, knots, prefix)))
            state = self.optimizer.update(state, knots, batches[-1].costs)
            if deadline_s is not None:
                batches[-1].costs[0].item()  # a GPU's work has only been queued until a number is asked for
                now = self._clock()
                if now - began + (now - iteration_began) > deadline_s:
                    break  # the next population, if it takes as long as this one, would be late
        everything = join(batches)
        order = everything.costs.argsort(stable=True)
        chosen = order[0]
        _, low, high = self._constants(generator.device)
        health = health_of(everything, chosen, batches[-1].costs, (state.std / (high - low)).mean())
        if not np.isfinite(health["best_cost"]):
            self.reset()
            raise PlanningError(
                f"all {len(order)} imagined futures cost nan or inf; hold, and check observation and model"
            )
        self._previous = time_s + self.knot_offsets_s, everything.knots[chosen].cpu().numpy()
        finite = len(order) - int(health["nonfinite"])
        kept = keep(everything, order[:finite], self.config.keep_best, self.config.keep_rejected)
        elapsed_s = self._clock() - began
        return Plan(
            actions=everything.actions[chosen, len(prefix) :].cpu().numpy(),
            times_s=time_s + self._step_offsets_s,
            cost=health["best_cost"],
            futures=len(order),
            iterations=len(batches),
            elapsed_s=elapsed_s,
            health={**health, "milliseconds": 1e3 * elapsed_s},
            kept=kept,
        )

    def draw(self, history: Any, time_s: float, n: int, generator: Generator) -> Tensor:
        """n action sequences (n,H,A) from where the search would begin: what the dynamics is asked to tell apart."""
        state = self._initial_state(time_s, generator.device)
        return self._actions(history, self.optimizer.sample(state, n, generator), self._prefix(None, generator.device))

    def _prefix(self, committed: np.ndarray | Tensor | None, device: torch.device) -> Tensor:
        """The committed actions (C,A), none if there are none."""
        size = len(self.config.action_low)
        if committed is None:
            return torch.empty((0, size), device=device)
        prefix = torch.as_tensor(np.asarray(committed), dtype=torch.float32, device=device)
        if prefix.ndim != 2 or prefix.shape[1] != size or not prefix.isfinite().all():
            raise DataError(
                f"committed actions are {tuple(prefix.shape)}; expected finite numbers of shape (C, {size})"
            )
        return prefix

    def _actions(self, history: Any, knots: Tensor, prefix: Tensor) -> Tensor:
        """knots (n,Q,A) -> actions (n,C+H,A): the prefix (C,A), then the spline within its bounds; as the robot can."""
        basis, low, high = self._constants(knots.device)
        actions = torch.cat([prefix.expand(len(knots), -1, -1), (basis @ knots).clamp(low, high)], 1)
        return actions if self.limits is None else self.limits(history, actions)

    def _constants(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Spline basis (H,Q) and bounds (A,), copied to the device once."""
        if device not in self._on_device:
            numbers = self._basis, self.config.action_low, self.config.action_high
            self._on_device[device] = tuple(torch.tensor(x, dtype=torch.float32, device=device) for x in numbers)
        return self._on_device[device]

    def _initial_state(self, time_s: float, device: torch.device) -> Any:
        """The optimizer's state: the previous plan by time, or the initial mean if none still runs."""
        config = self.config
        low, high = np.asarray(config.action_low), np.asarray(config.action_high)
        std = (high - low) / 4 if config.initial_std is None else np.asarray(config.initial_std)
        mean = (high + low) / 2 if config.initial_mean is None else np.asarray(config.initial_mean)
        mean = np.broadcast_to(mean, (len(self.knot_offsets_s), len(low)))
        if self._previous is not None:
            times_s, knots = self._previous
            # A clock set back is a new episode; a plan that has run out says nothing about now.
            if times_s[0] <= time_s < times_s[0] + config.horizon * config.period_s:
                mean = spline.warm_start(times_s, knots, time_s + self.knot_offsets_s, config.spline)
        tensors = (torch.tensor(x, dtype=torch.float32, device=device) for x in (mean, std, low, high))
        return self.optimizer.init(*tensors)

    def _with_proposals(self, knots: Tensor, belief: Belief) -> Tensor:
        """knots (n,Q,A) whose latter half, at most, has made room for the tempos and the proposals."""
        _, low, high = self._constants(knots.device)
        tempos = knots.new_tensor(self.config.tempos)[:, None, None]
        proposed = knots[:1] * tempos  # the first of a population is the plan so far
        if self.proposals is not None:
            others = self.proposals(belief).to(knots)
            if others.shape[1:] != knots.shape[1:]:
                wanted = ", ".join(map(str, knots.shape[1:]))
                raise DataError(f"proposals are {tuple(others.shape)}, expected (M, {wanted})")
            proposed = torch.cat([others, proposed])
        proposed = proposed[: len(knots) // 2]
        return torch.cat([knots[: len(knots) - len(proposed)], proposed.clamp(low, high)])

    def _imagine(self, belief: Belief, knots: Tensor, actions: Tensor) -> Batch:
        """knots (n,Q,A) and their actions (n,C+H,A) -> the n candidates with their costs."""
        futures = self.dynamics.imagine(belief, actions)
        if (imagined := futures.disagreement.shape) != (asked := actions.shape[:2]):
            raise DataError(f"the dynamics imagined (N, H) = {tuple(imagined)}, asked for {tuple(asked)}")
        parts = parts_of(self.objective, futures, actions)
        costs = total(parts).to(knots)
        if costs.shape != knots.shape[:1]:
            raise DataError(f"the objective gave costs {tuple(costs.shape)}, expected ({len(knots)},)")
        return Batch(
            knots=knots,
            actions=actions,
            costs=costs.where(costs.isfinite(), torch.inf),
            disagreement=futures.disagreement.mean(-1),
            signals={name: signal.mean(0, dtype=torch.float32) for name, signal in futures.signals.items()},
            parts=parts,
        )
