"""What a listener hears of the nodes, and what follows from it: latency, rate, jitter, loss. Knows no ROS.

    heard = Heard(); heard.images.append((taken_s, came_s)); heard.commands.append(sent_s); heard.figures()
    loss = Loss(0.02); loss.hear(stamp_s); loss.lost, loss.sent

All times are the wall's, s. A message carries when its sender let go of it, so that it does not matter when it came.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

PERCENTILES = (50, 95, 99)
APART_S = 5.0  # a pause between two episodes is no jitter


class Decided(NamedTuple):
    """A decision as the planner told of it: when, for which goal, its number, how long it took, whether too long."""

    told_s: float
    goal: int
    number: int
    took_s: float
    late: bool


@dataclass
class Heard:
    """``images``: when taken, and when it came. ``commands``, ``told``, ``joints``: when planner, guard, robot sent."""

    images: list[tuple[float, float]] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    joints: list[float] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """From image to command, from command to what the guard lets pass, and how regularly all of it comes."""
        taken, came = np.array(sorted(self.images)).reshape(-1, 2).T
        answers = self._answers()
        sent = np.array([at for at, _ in answers])
        began = sent - np.array([decided.took_s for _, decided in answers])
        seen = np.searchsorted(taken, began, "right")  # so many images, when planning began
        commands, told = np.sort(self.commands), np.sort(self.told)
        passed = np.searchsorted(told, commands, "right")
        guarded = told[passed[passed < len(told)]] - commands[passed < len(told)]
        apart = np.diff(np.sort(self.joints))
        periods = self._periods(answers)
        return {
            "images": len(taken),
            "decisions": len(self.decided),
            "late": round(float(np.mean([decided.late for decided in self.decided])), 4) if self.decided else None,
            "commands_per_s": round(1 / float(np.mean(periods)), 2) if len(periods) else None,
            "image_to_listener_ms": spread(came - taken),
            "planning_ms": spread([decided.took_s for decided in self.decided]),
            "image_to_command_ms": spread(sent[seen > 0] - taken[seen[seen > 0] - 1]),
            "command_to_arm_ms": spread(guarded[guarded < 0.2]),
            "command_period_ms": spread(periods),
            "joint_state_period_ms": spread(apart[apart < 0.2]),
        }

    def _answers(self) -> list[tuple[float, Decided]]:
        """When the command was sent that a decision led to. The planner sends, then tells; what is late is not sent."""
        commands, before_s, found = np.sort(self.commands), -np.inf, []
        for decided in sorted(self.decided):
            last = np.searchsorted(commands, decided.told_s, "right") - 1
            if last >= 0 and not decided.late and commands[last] > before_s:
                found.append((float(commands[last]), decided))
            before_s = decided.told_s
        return found

    def _periods(self, answers: list[tuple[float, Decided]]) -> np.ndarray:
        """Between the answers of one goal; of 0.2 s, or of 0.4 s where one between them came too late."""
        apart = np.array([after - before for (before, a), (after, b) in pairwise(answers) if a.goal == b.goal])
        return apart[apart < APART_S]


class Loss:
    """Of messages that a robot stamps by its own clock, one every ``period_s``; a stamp that goes back begins anew."""

    def __init__(self, period_s: float) -> None:
        self._period_s, self._last_s = period_s, np.inf
        self.came = self.lost = 0

    def hear(self, stamp_s: float) -> None:
        """One came."""
        steps = round((stamp_s - self._last_s) / self._period_s) if stamp_s > self._last_s else 1
        self.lost += max(0, steps - 1)
        self.came, self._last_s = self.came + 1, stamp_s

    @property
    def sent(self) -> int:
        """As far as the stamps tell."""
        return self.came + self.lost


def spread(times_s: Any) -> dict[str, float] | None:
    """Percentiles in ms and the count; None of nothing."""
    if not len(times_s):
        return None
    return {f"p{p}": round(1e3 * float(np.percentile(times_s, p)), 1) for p in PERCENTILES} | {"n": len(times_s)}
