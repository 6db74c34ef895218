"""Two levels of planning on one model: a scout finds the way, MPC walks it, a sub-goal at a time.

    planner = TwoLevel(mpc, scout, TwoLevelConfig(renew=6))
    plan = planner.plan(history, time_s, generator)         # as MPC.plan

A horizon of two seconds does not see round a corner, and one of ten is more than a model can be believed and a search
can cover. So the scout imagines far ahead, coarsely; MPC's goal is the imagined moment that lies half a horizon
further along the scout's path than where the robot is now. At the path's end the objective itself is the goal. Where a
path leads on and the robot does not come on, the model is wrong: the next paths lead elsewhere, until the episode ends.
Sub-goals in latent space: HWM (arXiv 2604.03208) and H-JEPA (arXiv 2610.06805) train a second model for them; here
both levels share one.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from rehearse.errors import ConfigError
from rehearse.planner.mpc import MPC
from rehearse.planner.objectives import Term, Toward
from rehearse.planner.protocols import Objective, Plan
from rehearse.planner.scout import Ball, Path, Scout
from rehearse.planner.trust import HOLD

SHUT = 6  # so many places stay shut, for the blame may have been put on the only door


@dataclass(frozen=True)
class TwoLevelConfig:
    """renew: the scout looks anew when the robot has not come on along its path by half as many steps in so many
    decisions, and the way ahead is shut; decisions do not count that held the robot still, nor those of which nothing
    can have arrived yet, because other actions were still on their way. ahead: how far along the path the sub-goal
    lies, in steps; half the horizon of the lower level unless given. astray: the path is left, and looked for anew,
    once the robot is farther from it than this many times the longest step between its moments; so wide is also what
    is shut.
    """

    renew: int = 6
    ahead: int | None = None
    astray: float = 3.0

    def __post_init__(self) -> None:
        if self.renew < 1 or (self.ahead is not None and self.ahead < 1) or self.astray <= 0:
            raise ConfigError("two_level: renew and ahead must be at least 1, astray positive")


class TwoLevel:
    """``objective``, at first that of ``mpc``, is what is wanted in the end; ``safely`` is minded on the way too."""

    def __init__(
        self, mpc: MPC, scout: Scout, config: TwoLevelConfig | None = None, safely: Term | None = None
    ) -> None:
        if not hasattr(mpc.dynamics, "moment"):
            raise ConfigError("two_level: sub-goals are moments, and these dynamics have no `moment(belief)`")
        if mpc.verifier is not None:
            raise ConfigError("two_level: sub-goals are the model's moments, which a verifier does not know")
        self.mpc, self.scout, self.safely = mpc, scout, safely
        self.config = config or TwoLevelConfig()
        self.objective: Objective = mpc.objective
        self.reset()

    def reset(self) -> None:
        """Forget path and plan: a new episode."""
        self.mpc.reset()
        self._path: Path | None = None
        self._at = self._age = self._came = 0
        self._shut: deque[Ball] = deque(maxlen=SHUT)  # where a path led on and the robot did not

    def plan(
        self, history: Any, time_s: float, generator: Generator, committed: np.ndarray | Tensor | None = None
    ) -> Plan:
        """The next plan towards the sub-goal; ``health`` says how far along which path it is."""
        with torch.no_grad():
            belief = self.mpc.dynamics.observe(history)
            scouted = self._renew(belief, generator, 0 if committed is None else len(committed))
            self.mpc.objective = self._aim()
        plan = self.mpc.plan(history, time_s, generator, committed)
        health = {"path_step": float(self._at), "path_steps": float(len(self._path.moments)), "scouted": float(scouted)}
        plan.health.update(health)
        self._age += plan.mode != HOLD
        return plan

    def _renew(self, belief: Any, generator: Generator, under_way: int) -> int:
        """Find where on the path the robot is; a new path if it has strayed or the path is old. Futures imagined."""
        moment = self.mpc.dynamics.moment(belief).float()
        on_path = self._path is not None and self._follow(moment)
        if on_path and self._age < self.config.renew:
            return 0
        if on_path and self._at - self._came >= self.config.renew / 2:
            self._came, self._age = self._at, 0
            return 0
        if on_path:
            self._shut_ahead(moment)
        self.scout.objective = self.objective
        self._path = self.scout.search(belief, generator, self._shut)
        self._at, self._age, self._came = 0, -under_way, 0
        return self._path.futures

    def _follow(self, moment: Tensor) -> bool:
        """Whether the robot is near what is left of the path; if so, it is noted where."""
        along = (self._path.moments[self._at :] - moment).norm(dim=-1)
        if along.amin() > self._far:
            return False
        self._at += int(along.argmin())
        return True

    def _shut_ahead(self, moment: Tensor) -> None:
        """Note where the path leads on from here, as far as the robot itself stands clear of it."""
        ahead = self._path.moments[self._at :]
        beyond = ((ahead - moment).norm(dim=-1) >= self._far).nonzero()
        if len(beyond):
            self._shut.append(Ball(ahead[int(beyond[0])], self._far))

    @property
    def _far(self) -> float:
        """How far from the path is astray: so many times its longest step; anywhere, from a path of one moment."""
        moments = self._path.moments
        return self.config.astray * float(moments.diff(dim=0).norm(dim=-1).amax()) if len(moments) > 1 else math.inf

    def _aim(self) -> Objective:
        """The sub-goal, or what is wanted in the end once the path's end is within reach."""
        ahead = self._at + (self.config.ahead or max(1, self.mpc.config.horizon // 2))
        if ahead >= len(self._path.moments):
            return self.objective
        towards = Toward(self._path.moments[ahead])
        return towards if self.safely is None else towards + self.safely
