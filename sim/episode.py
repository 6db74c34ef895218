"""What came of one episode, and of many: rows for tables and files.

    row = summarise("planner-512", episodes, task.harm)     # rates with intervals, as `rehearse eval --json` has it

Where a task can do harm, its rows name it in the task's own words: ``woken`` and ``disturbance`` on dog-on-jacket.
Rates come with Wilson 95 % intervals (Wilson 1927; scipy).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from scipy.stats import binomtest

from rehearse.sim.task import Harm

TIMING = frozenset({"cpu_ms", "plan_ms", "late"})  # fields that differ from run to run


@dataclass(frozen=True)
class Episode:
    """One episode of one method; ``strain`` is its peak (1 is harm), ``cpu_ms`` the CPU time per step.

    ``harmed`` and ``strain`` are None where nothing can be harmed. ``start``: what was laid out (starts.py). Of those
    that plan: ``futures`` imagined per decision, ``plan_ms``, how long each decision took by the clock, ``late``, how
    many took longer than they may, and means over the decisions (telemetry.py). ``delays``: by how many control periods
    each decision came late, where that was measured.
    """

    method: str
    layout: int
    success: bool
    harmed: bool | None
    time_s: float
    strain: float | None
    progress: float
    steps: int
    futures: int
    cpu_ms: float
    start: str = ""
    plan_ms: tuple[float, ...] = ()
    late: int = 0
    surprise: float | None = None
    doubt: float | None = None
    nonfinite: int = 0
    delays: tuple[int, ...] = ()

    def to_row(self, harm: Harm | None) -> dict[str, Any]:
        """JSON-able, harm and strain under the task's names."""
        return {name: value for key, value in asdict(self).items() if (name := _renamed(key, harm)) is not None}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], harm: Harm | None) -> Self:
        """What ``to_row`` made; raises TypeError for anything else."""
        ours = {} if harm is None else {harm.event: "harmed", harm.strain: "strain"}
        none = {"harmed": None, "strain": None} if harm is None else {}
        told = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
        return cls(**none, **{ours.get(name, name): value for name, value in told.items()})


def _renamed(key: str, harm: Harm | None) -> str | None:
    """A field's name in rows; None if it is left out."""
    if key in ("harmed", "strain"):
        return None if harm is None else {"harmed": harm.event, "strain": harm.strain}[key]
    return key


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson 95 % interval of a rate."""
    interval = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return round(float(interval.low), 4), round(float(interval.high), 4)


def summarise(method: str, episodes: Sequence[Episode], harm: Harm | None) -> dict[str, Any]:
    """One row: rates with intervals; ``time_s`` is the mean over successes (None without any)."""
    times = [e.time_s for e in episodes if e.success]
    row = {"method": method, "n": len(episodes), **_rate("success", [e.success for e in episodes])}
    if harm is not None:
        row |= _rate(harm.event, [e.harmed for e in episodes])
    row["time_s"] = round(float(np.mean(times)), 3) if times else None
    if harm is not None:
        row[f"{harm.strain}_median"] = round(float(np.median([e.strain for e in episodes])), 4)
    return row | {
        "progress_mean": round(float(np.mean([e.progress for e in episodes])), 4),
        "futures": round(float(np.mean([e.futures for e in episodes]))),
        "cpu_ms": round(float(np.mean([e.cpu_ms for e in episodes])), 2),
        **_decisions(episodes),
    }


def _decisions(episodes: Sequence[Episode]) -> dict[str, float | None]:
    """Of those that plan: percentiles of a decision's time, the share that came late, mean surprise and doubt."""
    plan_ms = [ms for e in episodes for ms in e.plan_ms]
    p50, p99 = np.percentile(plan_ms, (50, 99)) if plan_ms else (None, None)
    mean = lambda values: round(float(np.mean(values)), 4) if values else None  # noqa: E731
    return {
        "plan_ms_p50": None if p50 is None else round(float(p50), 1),
        "plan_ms_p99": None if p99 is None else round(float(p99), 1),
        "late": round(sum(e.late for e in episodes) / len(plan_ms), 4) if plan_ms else None,
        "surprise": mean([e.surprise for e in episodes if e.surprise is not None]),
        "doubt": mean([e.doubt for e in episodes if e.doubt is not None]),
        "nonfinite": sum(e.nonfinite for e in episodes),
    }


def _rate(name: str, outcomes: Sequence[bool]) -> dict[str, float]:
    low, high = wilson(sum(outcomes), len(outcomes))
    return {name: round(sum(outcomes) / len(outcomes), 4), f"{name}_low": low, f"{name}_high": high}
