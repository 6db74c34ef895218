"""How good a plan each optimizer finds for its number of futures, on two problems that are known exactly.

    python benchmarks/optimizers.py [--json benchmarks/results/optimizers.json] [--seeds 40]

few    tests/planner's point mass: round a dangerous disc to a goal, 12 steps by 4 linear knots of 2, one decision
many   benchmarks/planning.py's perceptron: 15 steps of 7, each its own knot, 105 numbers, smooth

A figure is the gap that is left, in percent, averaged over seeds: 0 is the cheapest plan that 20,000 futures of CEM and
200 gradient steps find in any of five tries, 100 is the plan that the search begins with.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from peers.peer import RESULTS, report, write
from peers.perceptron import ACTIONS, problem
from planning import Perceptron, price
from rich.console import Console
from rich.progress import track

from rehearse.planner import (
    CEM,
    DIAL,
    ICEM,
    MPC,
    MPPI,
    CEMConfig,
    DIALConfig,
    Dynamics,
    Gradient,
    GradientConfig,
    ICEMConfig,
    MPCConfig,
    MPPIConfig,
    Objective,
    Optimizer,
    PredictiveConfig,
    PredictiveSampling,
    shrinking,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.planner import point_mass

BUDGETS = (16, 64, 256, 1024)
SEARCHES: dict[str, Callable[[int], Optimizer]] = {
    "cem": lambda n: CEM(CEMConfig(n)),
    "cem, (300, 150, 64)": lambda n: CEM(CEMConfig(n, (300, 150, 64))),
    "cem, 2 iterations": lambda n: CEM(CEMConfig(n, 2)),
    "cem, 8 iterations": lambda n: CEM(CEMConfig(n, 8, min_population=8)),
    "cem, std_min 0.5": lambda n: CEM(CEMConfig(n, std_min=0.5)),
    "cem, 8 iterations, std_min 0.5": lambda n: CEM(CEMConfig(n, 8, min_population=8, std_min=0.5)),
    "cem, elites 15 %": lambda n: CEM(CEMConfig(n, elite_fraction=0.15)),
    "cem, keep 0": lambda n: CEM(CEMConfig(n, keep=0.0)),
    "icem": lambda n: ICEM(ICEMConfig(n)),
    "icem, colour 1": lambda n: ICEM(ICEMConfig(n, colour=1.0)),
    "icem, 8 iterations": lambda n: ICEM(ICEMConfig(n, shrinking(8, by=1.25), min_population=8)),
    "mppi": lambda n: MPPI(MPPIConfig(n, 4)),
    "mppi, 1 iteration": lambda n: MPPI(MPPIConfig(n)),
    "mppi, temperature 0.02": lambda n: MPPI(MPPIConfig(n, 4, temperature=0.02)),
    "dial": lambda n: DIAL(DIALConfig(n)),
    "dial, anneal 0.9, far 1": lambda n: DIAL(DIALConfig(n, anneal=0.9, far=1.0)),
    "predictive": lambda n: PredictiveSampling(PredictiveConfig(n, 4)),
}


@dataclass(frozen=True)
class Problem:
    """One decision to be made, from where."""

    dynamics: Dynamics
    objective: Objective
    config: MPCConfig
    history: object

    def cost(self, search: Optimizer, seed: int, refine: Gradient | None = None) -> float:
        """Of the plan that the search finds."""
        mpc = MPC(self.dynamics, self.objective, search, self.config, refine=refine)
        return mpc.plan(self.history, 0.0, torch.Generator().manual_seed(seed)).cost


def problems() -> dict[str, Problem]:
    """The two."""
    bound = (1.0,) * ACTIONS
    fine = MPCConfig(tuple(-b for b in bound), bound, 15, knots=15, spline="zero", initial_std=(0.5,) * ACTIONS)
    return {
        "few": Problem(point_mass.PointMass(), point_mass.OBJECTIVE, point_mass.config(), point_mass.AT_REST),
        "many": Problem(Perceptron(problem(), "float32"), price, fine, None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=RESULTS / "optimizers.json")
    parser.add_argument("--seeds", type=int, default=40)
    options = parser.parse_args()
    console = Console(width=150)
    torch.set_num_threads(1)
    given, ends = problems(), {}
    for name, each in given.items():
        thorough = CEM(CEMConfig(20_000, 20, std_min=0.01))
        best = min(each.cost(thorough, seed, Gradient(GradientConfig(200, 0.05))) for seed in range(5))
        ends[name] = best, each.cost(CEM(CEMConfig(1)), 0)
    rows = []
    searches = {name: (make, None) for name, make in SEARCHES.items()}
    searches["cem, then 4 gradient steps"] = SEARCHES["cem"], Gradient(GradientConfig(4, 0.1))
    for label, (make, refine) in track(searches.items(), "searches"):
        row = {"search": label}
        for name, each in given.items():
            best, first = ends[name]
            for futures in BUDGETS:
                costs = [each.cost(make(futures), seed, refine) for seed in range(options.seeds)]
                row[f"{name} {futures}"] = round(100 * (float(np.mean(costs)) - best) / (first - best), 1)
        rows.append(row)
    report(console, f"Gap left in %, mean of {options.seeds} seeds", rows)
    write(options.json, {"seeds": options.seeds, "best_and_first_cost": ends, "rows": rows}, [])
    console.print(f"Written to {options.json}")


if __name__ == "__main__":
    main()
