"""The tree of imagined histories of a run: what was tried at each decision, what it promised, why it lost.

    plans.append(mpc.plan(...))                        # every plan has its branches with it (Plan.kept)
    save_tree(plans, "run.tree.safetensors", {"layout": "3"})
    plans, about = load_tree("run.tree.safetensors")
    why(plans[4].kept[9], plans[4].kept[0])            # ("hazard woken", 0.82): the part that cost it the most more

The trunk is what was done; at every decision the branches that were not taken leave it. A decision of 16 branches of 10
steps takes about 10 kB. The file is safetensors, with JSON in its header; nothing in it is code.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, safe_open, save_file

from rehearse.errors import DataError
from rehearse.files import atomic_write
from rehearse.planner.protocols import Candidate, Plan

FORMAT = "rehearse tree 1"
NUMBERS = ("cost", "futures", "iterations", "elapsed_s", "mode", "health")


def why(candidate: Candidate, chosen: Candidate) -> tuple[str, float]:
    """The part of its cost by which a candidate most exceeds the chosen one, and by how much."""
    excess = {name: cost - chosen.parts.get(name, 0.0) for name, cost in candidate.parts.items()}
    reason = max(excess, key=excess.get)
    return reason, excess[reason]


def save_tree(plans: Sequence[Plan], path: str | Path, about: Mapping[str, str] | None = None) -> None:
    """Write the decisions of a run in their order; the file appears whole or not at all."""
    arrays: dict[str, np.ndarray] = {}
    decisions = []
    for number, plan in enumerate(plans):
        decisions.append({name: getattr(plan, name) for name in NUMBERS})
        kept = plan.kept
        table = {
            "actions": plan.actions,
            "times_s": plan.times_s,
            "kept/ranks": np.array([each.rank for each in kept], np.int64),
            "kept/costs": np.array([each.cost for each in kept], np.float64),
            "kept/actions": np.stack([each.actions for each in kept]),
        }
        if plan.to_rest is not None:
            table["to_rest"] = plan.to_rest
        for name in kept[0].signals:
            table[f"kept/signals/{name}"] = np.stack([each.signals[name] for each in kept])
        for name in kept[0].parts:
            table[f"kept/parts/{name}"] = np.array([each.parts[name] for each in kept], np.float64)
        arrays |= {f"{number}/{name}": np.ascontiguousarray(values) for name, values in table.items()}
    header = {"format": FORMAT, "decisions": json.dumps(decisions), "about": json.dumps(dict(about or {}))}
    with atomic_write(path) as temporary:
        save_file(arrays, temporary, metadata=header)


def load_tree(path: str | Path) -> tuple[list[Plan], dict[str, str]]:
    """The decisions of a run and what was said about it; DataError for a file that holds something else."""
    try:
        with safe_open(str(path), "numpy") as file:
            header = file.metadata() or {}
        arrays = load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read as a tree: {error}; make it with rehearse eval --trees") from error
    if header.get("format") != FORMAT:
        raise DataError(f"{path} is no tree of imagined histories ({FORMAT}); make it with rehearse eval --trees")
    numbers = json.loads(header["decisions"])
    return [_plan(arrays, i, each) for i, each in enumerate(numbers)], json.loads(header["about"])


def _plan(arrays: Mapping[str, np.ndarray], number: int, numbers: Mapping) -> Plan:
    table = {name.partition("/")[2]: values for name, values in arrays.items() if name.startswith(f"{number}/")}
    signals = {name.removeprefix("kept/signals/"): v for name, v in table.items() if name.startswith("kept/signals/")}
    parts = {name.removeprefix("kept/parts/"): v for name, v in table.items() if name.startswith("kept/parts/")}
    kept = tuple(
        Candidate(
            rank=int(rank),
            cost=float(table["kept/costs"][row]),
            actions=table["kept/actions"][row],
            signals={name: values[row] for name, values in signals.items()},
            parts={name: float(values[row]) for name, values in parts.items()},
        )
        for row, rank in enumerate(table["kept/ranks"])
    )
    return Plan(actions=table["actions"], times_s=table["times_s"], to_rest=table.get("to_rest"), kept=kept, **numbers)
