"""Why a candidate was taken or not, in words: by the part of its cost that most exceeds the chosen one's.

verdict(task, candidate, plan.kept[0])        # "rejected: would wake the dog (71 %)"
"""

from rehearse.planner import Candidate, why
from rehearse.sim.task import Task

RUNNERS_UP = 3  # ranks below this were nearly taken
NEARLY = 0.02  # what costs so little more, as a share, lost for no reason worth telling


def verdict(task: Task, candidate: Candidate, chosen: Candidate) -> str:
    """One line."""
    if candidate.rank == 0:
        return "chosen"
    if candidate.rank < RUNNERS_UP:
        return "runner-up"
    if candidate.cost - chosen.cost < NEARLY * abs(chosen.cost):
        return "nearly as good"
    reason, excess = why(candidate, chosen)
    kind, _, name = reason.partition(" ")
    signal = candidate.signals.get(name)
    if kind in ("hazard", "chance") and signal is not None:
        return f"rejected: would {task.tale.would_harm} ({100 * float(signal.max()):.0f} %)"
    if kind == "excess" and signal is not None:
        return f"rejected: too rough ({name} {float(signal.max()):.2f})"
    if kind == "disagreement":
        return "rejected: too doubtful (the model's members disagree)"
    if kind == "deadline":
        return "rejected: would be too late"
    if kind in ("reach", "terminal") and signal is not None:
        return f"rejected: too slow ({name} {100 * float(signal[-1]):.0f} %)"
    if kind in ("goal", "toward"):
        return f"rejected: stays farther from the goal (by {excess:.3g})"
    return f"rejected: {reason} costs {excess:.3g} more"
