"""What is noted of an episode's decisions besides its outcome: how long they took, how sure, how surprised they were.

    telemetry = Telemetry(task)
    telemetry.decided(agent, action)          # after every agent.act; action (A,) is what is carried out
    telemetry.to_row()                        # {"plan_ms": (12.1, ...), "late": 0, "surprise": 1.3, ...}

Surprise is the squared error of the moment that the model imagined one step ahead, for the action that was then carried
out, as a multiple of what its checkpoint tells as typical: 1 is as usual, on any model. It is measured beside the
planner, on one more future a step, draws no chance and changes no decision. (The planner's own, in ``Plan.health``,
exists only where it trusts by it.)
"""

from typing import Any

import numpy as np
import torch

from rehearse.planner import Plan
from rehearse.sim.planner_agent import PlannerAgent
from rehearse.sim.task import Task


class Telemetry:
    """Collects over one episode. Whoever does not plan leaves all of it empty."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._last: Plan | None = None
        self._expected: tuple[int, torch.Tensor] | None = None  # the step at which it is due, and the moment (D,)
        self._step = 0
        self.plan_ms: list[float] = []
        self._late, self._futures, self._nonfinite = 0, 0, 0
        self._doubts: list[float] = []
        self._surprises: list[float] = []

    def decided(self, agent: Any, action: np.ndarray) -> None:
        """A step's action (A,) is known; the agent may have decided anew, or still be about it (latency.py)."""
        plan, step = agent.last_plan, self._step
        self._step += 1
        if plan is None or plan is self._last:
            return
        self._last = plan
        self._futures += plan.futures
        self.plan_ms.append(round(1e3 * plan.elapsed_s, 1))
        self._nonfinite += int(plan.health["nonfinite"])
        self._doubts.append(plan.health["disagreement"])
        planner = innermost(agent)
        limit_s = self._task.period_s
        if isinstance(planner, PlannerAgent):
            limit_s = planner.settings.deadline_s or limit_s
            self._compare(planner, action, step)
        self._late += plan.elapsed_s > limit_s

    def _compare(self, planner: PlannerAgent, action: np.ndarray, step: int) -> None:
        dynamics = planner.dynamics
        if not planner.moment_errors:
            return
        belief = dynamics.belief
        moment = dynamics.moment(belief).float()
        if self._expected is not None and self._expected[0] == step:
            error = float((self._expected[1] - moment).square().mean())
            self._surprises.append(error / planner.moment_errors[0])
        with torch.inference_mode():
            done = torch.as_tensor(np.asarray(action, np.float32))[None, None]
            self._expected = step + 1, dynamics.imagine(belief, done).latents[0, 0].float()

    def to_row(self) -> dict[str, Any]:
        """The fields of an Episode that this fills."""
        return {
            "futures": round(self._futures / max(1, len(self.plan_ms))),
            "plan_ms": tuple(self.plan_ms),
            "late": int(self._late),
            "surprise": _mean(self._surprises),
            "doubt": _mean(self._doubts),
            "nonfinite": self._nonfinite,
        }


def innermost(agent: Any) -> Any:
    """The agent that decides, within those that delay it."""
    while hasattr(agent, "agent"):
        agent = agent.agent
    return agent


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
