"""Imagined futures in, an action out. Only torch and numpy: no simulator, no ROS, no model's insides."""

from rehearse.planner.cem import CEM, CEMConfig, CEMState
from rehearse.planner.mpc import MPC, MPCConfig
from rehearse.planner.objectives import (
    RISKS,
    Disagreement,
    Effort,
    Excess,
    Hazard,
    Reach,
    Signal,
    Smoothness,
    Sum,
    Term,
    Terminal,
    cvar,
    mean_plus_std,
)
from rehearse.planner.protocols import (
    Belief,
    Candidate,
    Dynamics,
    Futures,
    Objective,
    Optimizer,
    Plan,
    PlanningError,
)
from rehearse.planner.spline import basis, evaluate, knot_times, warm_start

__all__ = [
    "CEM",
    "MPC",
    "RISKS",
    "Belief",
    "CEMConfig",
    "CEMState",
    "Candidate",
    "Disagreement",
    "Dynamics",
    "Effort",
    "Excess",
    "Futures",
    "Hazard",
    "MPCConfig",
    "Objective",
    "Optimizer",
    "Plan",
    "PlanningError",
    "Reach",
    "Signal",
    "Smoothness",
    "Sum",
    "Term",
    "Terminal",
    "basis",
    "cvar",
    "evaluate",
    "knot_times",
    "mean_plus_std",
    "warm_start",
]
