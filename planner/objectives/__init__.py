"""What a future costs. Terms read named signals, add with `+` and scale with `*`.

    objective = Reach("progress") + 20 * Hazard("woken", limit=0.05) + 2 * Excess("disturbance", above=0.5)
    objective(futures, actions)            # (N,)
    objective.parts(futures, actions)      # {"reach progress": (N,), "hazard woken": (N,), ...}

progress.py: getting on · danger.py: what must not happen · goals.py: where to · actions.py: what acting costs ·
risk.py and over.py: K members' views as one number · term.py: what a term is, and one's own.
"""

from rehearse.planner.objectives.actions import ActionLimits, Effort, Smoothness
from rehearse.planner.objectives.danger import Chance, Disagreement, Excess, Hazard
from rehearse.planner.objectives.goals import Goal, Toward
from rehearse.planner.objectives.over import Over
from rehearse.planner.objectives.progress import Arrival, Deadline, Reach, Signal, Terminal
from rehearse.planner.objectives.risk import RISKS, Risk, cvar, mean, mean_plus_std, risk_of, worst
from rehearse.planner.objectives.term import Sum, Term, parts_of, total

__all__ = [
    "RISKS",
    "ActionLimits",
    "Arrival",
    "Chance",
    "Deadline",
    "Disagreement",
    "Effort",
    "Excess",
    "Goal",
    "Hazard",
    "Over",
    "Reach",
    "Risk",
    "Signal",
    "Smoothness",
    "Sum",
    "Term",
    "Terminal",
    "Toward",
    "cvar",
    "mean",
    "mean_plus_std",
    "parts_of",
    "risk_of",
    "total",
    "worst",
]
