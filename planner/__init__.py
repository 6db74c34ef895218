"""Imagined futures in, an action out. Only torch and numpy: no simulator, no ROS, no model's insides."""

from rehearse.planner.cem import CEM, CEMConfig, CEMState
from rehearse.planner.config import MPCConfig
from rehearse.planner.dial import DIAL, DIALConfig
from rehearse.planner.gaussian import GaussianState
from rehearse.planner.gradient import Gradient, GradientConfig
from rehearse.planner.icem import ICEM, ICEMConfig, coloured
from rehearse.planner.mpc import MPC
from rehearse.planner.mppi import MPPI, MPPIConfig
from rehearse.planner.objectives import (
    RISKS,
    ActionLimits,
    Arrival,
    Chance,
    Deadline,
    Disagreement,
    Effort,
    Excess,
    Goal,
    Hazard,
    Over,
    Reach,
    Signal,
    Smoothness,
    Sum,
    Term,
    Terminal,
    Toward,
    cvar,
    mean_plus_std,
)
from rehearse.planner.optimizers import OPTIMIZERS, make_optimizer
from rehearse.planner.predictive import PredictiveConfig, PredictiveSampling
from rehearse.planner.proposals import Proposer
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
from rehearse.planner.schedule import shrinking, split
from rehearse.planner.scout import Path, Scout, ScoutConfig
from rehearse.planner.spline import basis, evaluate, knot_times, warm_start
from rehearse.planner.together import ManyDynamics, Turn, plan_together
from rehearse.planner.tree import load_tree, save_tree, why
from rehearse.planner.trust import Trust, TrustConfig
from rehearse.planner.two_level import TwoLevel, TwoLevelConfig
from rehearse.planner.verify import Verifier

__all__ = [
    "why",
    "save_tree",
    "load_tree",
    "CEM",
    "DIAL",
    "ICEM",
    "MPC",
    "MPPI",
    "OPTIMIZERS",
    "RISKS",
    "ActionLimits",
    "Arrival",
    "Belief",
    "CEMConfig",
    "CEMState",
    "Candidate",
    "Chance",
    "DIALConfig",
    "Deadline",
    "Disagreement",
    "Dynamics",
    "Effort",
    "Excess",
    "Futures",
    "GaussianState",
    "Goal",
    "Gradient",
    "GradientConfig",
    "Hazard",
    "ICEMConfig",
    "MPCConfig",
    "MPPIConfig",
    "ManyDynamics",
    "Objective",
    "Optimizer",
    "Path",
    "Over",
    "Plan",
    "PlanningError",
    "PredictiveConfig",
    "PredictiveSampling",
    "Proposer",
    "Reach",
    "Scout",
    "ScoutConfig",
    "Signal",
    "Smoothness",
    "Sum",
    "Term",
    "Terminal",
    "Toward",
    "Trust",
    "TrustConfig",
    "Turn",
    "TwoLevel",
    "TwoLevelConfig",
    "Verifier",
    "basis",
    "coloured",
    "cvar",
    "evaluate",
    "knot_times",
    "make_optimizer",
    "mean_plus_std",
    "plan_together",
    "shrinking",
    "split",
    "warm_start",
]
