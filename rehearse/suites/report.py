"""What a finished suite says, as plain data: report.json, from which page and Markdown are written.

    report = make_report(run, about)                  # {"suite": ..., "parts": [...], "about": ...}

Of each part: every cell's summary rows; success against latency, told and not told; success under every strength of
every factor; what the checkpoint's own card says of the model; and which episodes failed, by the number of their row.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rehearse.recorded import digest
from rehearse.sim.agents import IDENTITY
from rehearse.sim.tasks import get_task
from rehearse.suites.run import SuiteRun
from rehearse.suites.suite import LEARNED, Cell
from rehearse.world_model import describe

STEPS_AHEAD = (1, 5, 10)
LATE = "latency"
FAILURES_TOLD = 20  # of one method in one cell


def make_report(run: SuiteRun, about: Mapping[str, str]) -> dict[str, Any]:
    """All of it, JSON-able."""
    suite = run.suite
    head = {
        "name": suite.name,
        "about": suite.about,
        "hash": run.hash,
        "frozen": run.lock is not None,
        "split": suite.split,
        "seed": suite.seed,
        "episodes": run.total,
    }
    numbers, rows = {}, 0
    for i, cell in enumerate(run.cells):
        numbers[i] = rows
        rows += len(cell.config.items)
    return {"suite": head, "parts": [_part(run, part.name, numbers) for part in suite.parts], "about": dict(about)}


def _part(run: SuiteRun, name: str, numbers: Mapping[int, int]) -> dict[str, Any]:
    found = [i for i, cell in enumerate(run.cells) if cell.part == name]
    config = run.cells[found[0]].config
    task = get_task(config.task)
    cells = [_cell(run, i, numbers[i]) for i in found]
    return {
        "name": name,
        "task": config.task,
        "period_ms": round(1000 * task.period_s),
        "harm": None if task.harm is None else task.harm.event,
        "main": main_method(config.methods),
        "model": _model(run.cells[found[0]]),
        "cells": cells,
        "latency": _latency(cells),
        "robustness": _robustness(cells),
    }


def main_method(methods: Sequence[str]) -> str | None:
    """The learned planner with most futures, which a part is about."""
    planners = [method for method in methods if method.startswith(LEARNED) and IDENTITY not in method]
    return max(planners, key=lambda method: int(method.rpartition("-")[2]), default=None)


def _cell(run: SuiteRun, i: int, first_row: int) -> dict[str, Any]:
    cell, config = run.cells[i], run.cells[i].config
    summaries, failures = run.summaries(i), {}
    begin = first_row
    for method in config.methods:
        episodes = run.of(i, method)
        failed = [begin + at for at, episode in enumerate(episodes) if not episode.success]
        failures[method] = failed[:FAILURES_TOLD]
        begin += len(episodes)
    factor, strength = cell.varied
    return {
        "id": cell.id,
        "level": config.level,
        "options": dict(config.options),
        "clock": config.clock.words(get_task(config.task).period_s),
        "delay_ms": None if config.measured else round(1000 * config.delay_steps * get_task(config.task).period_s),
        "told": config.compensate,
        "factor": factor,
        "strength": strength,
        "first_row": first_row,
        "rows": summaries,
        "failures": failures,
    }


def _model(cell: Cell) -> dict[str, Any] | None:
    """The model's own metrics, on episodes that it never learnt from, where a model is in play."""
    checkpoint = cell.config.checkpoint
    if checkpoint is None:
        return None
    told = describe(checkpoint)
    metrics = told.get("metrics", {})
    model: dict[str, Any] = {"checkpoint": checkpoint.stem, "sha256": digest(checkpoint), "code": told.get("code")}
    if "moment" not in metrics:
        return model | {"open_loop": None, "events": None}
    curves = {"moments": (metrics["moment"]["mse"], metrics["moment"]["copy"], None)}
    for name, row in metrics["signals"].items():
        curves[name] = row["mae"], row["copy"], row.get("spearman")
    open_loop = []
    for name, (errors, copied, rank) in curves.items():
        steps = [step for step in STEPS_AHEAD if step <= len(errors)]
        ahead = [{"steps": step, "error": errors[step - 1], "copying": copied[step - 1]} for step in steps]
        open_loop.append({"of": name, "ahead": ahead, "rank_correlation": rank})
    keys = ("rate", "brier", "auroc", "calibration_error")
    events = {name: {key: row.get(key) for key in keys} for name, row in metrics["signals"].items() if "brier" in row}
    return model | {"open_loop": open_loop, "events": events, "held_out": bool(metrics.get("held_out"))}


# -- one thing at a time ---------------------------------------------------------------------------------------------


def _scene(cell: Mapping[str, Any]) -> str:
    return ", ".join([cell["level"], *cell["options"].values()])


def _point(cell: Mapping[str, Any], method: str) -> dict[str, Any] | None:
    row = next((row for row in cell["rows"] if row["method"] == method), None)
    if row is None:
        return None
    return {"n": row["n"], "success": row["success"], "low": row["success_low"], "high": row["success_high"]}


def _methods(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["method"] for cell in cells for row in cell["rows"]))


def _latency(cells: Sequence[dict]) -> list[dict[str, Any]]:
    """{scene, method, told, points by delay} where there are at least two delays; empty if none was tried."""
    plain = [cell for cell in cells if cell["factor"] is None and cell["delay_ms"] is not None]
    curves = []
    for scene in dict.fromkeys(map(_scene, plain)):
        there = [cell for cell in plain if _scene(cell) == scene]
        for method in _methods(there):
            for told in (True, False):
                known = [cell for cell in there if cell["told"] == told or cell["delay_ms"] == 0]
                points = [{"delay_ms": cell["delay_ms"], **point} for cell in known if (point := _point(cell, method))]
                if len(points) > 1 and any(point["delay_ms"] for point in points):
                    points.sort(key=lambda point: point["delay_ms"])
                    curves.append({"scene": scene, "method": method, "told": told, "points": points})
    return curves


def _robustness(cells: Sequence[dict]) -> list[dict[str, Any]]:
    """{scene, method, usual, factors}: success at every strength of every factor; latency is one of them, told."""
    maps = []
    for scene in dict.fromkeys(map(_scene, cells)):
        there = [cell for cell in cells if _scene(cell) == scene]
        usual = there[0]
        if all(cell["factor"] is None for cell in there):
            continue
        for method in _methods([usual]):
            factors: dict[str, list[dict]] = {}
            for cell in there[1:]:
                point = _point(cell, method)
                if point is None or (cell["factor"] is None and (not cell["told"] or cell["delay_ms"] is None)):
                    continue
                late = cell["factor"] is None
                strength = cell["delay_ms"] / 1000 if late else cell["strength"]
                factors.setdefault(LATE if late else cell["factor"], []).append({"strength": strength, **point})
            for points in factors.values():
                points.sort(key=lambda point: point["strength"])
            maps.append({"scene": scene, "method": method, "usual": _point(usual, method), "factors": factors})
    return maps


def strength_words(factor: str, strength: float) -> str:
    """Such as ``0.5``, which is half of the way to the far end, or ``400 ms``."""
    return f"{1000 * strength:g} ms" if factor == LATE else f"{strength:g}"
