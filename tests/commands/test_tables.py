"""Tables of results: in a narrow terminal columns go, and nothing is cut."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from rehearse.commands.eval import results_table
from rehearse.commands.of_suite import first_cell_table
from rehearse.sim.episode import Episode, summarise
from rehearse.sim.tasks import get_task

METHODS = ("planner-identity-512", "script-best", "planner-512")


def rows(task: str) -> list[dict]:
    harm = get_task(task).harm
    told = dict(layout=0, success=True, time_s=12.0, strain=0.2, progress=1.0, steps=10, futures=8, cpu_ms=1100.0)
    planned = dict(plan_ms=(1100.0, 1200.0), late=2, surprise=10.1)
    return [
        summarise(
            method, [Episode(method=method, harmed=harm and False, **told, **(planned if "-5" in method else {}))], harm
        )
        for method in METHODS
    ]


def printed(table: object, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("task", "suite", "left_out"),
    [
        ("dog-on-jacket", True, "late, surprise"),
        ("dog-on-jacket", False, "peak disturbance"),
        ("push", True, ""),
        ("push", False, ""),
    ],
)
def test_a_narrow_terminal_has_fewer_columns_and_whole_cells(task: str, suite: bool, left_out: str) -> None:
    found, harm = rows(task), get_task(task).harm
    part = {"name": "part", "task": task, "cells": [{"level": "usual", "rows": found}], "harm": harm and harm.event}

    def shown(width: int) -> list[str]:
        table = first_cell_table(part, Path("out/x"), width)
        return printed(table if suite else results_table(get_task(task), found, "a title", width), width)

    wide, narrow = shown(200), shown(80)
    for lines in (wide, narrow):
        assert max(map(len, lines)) <= (200 if lines is wide else 80)
        assert not any("…" in line for line in lines)
        for method in METHODS:
            (line,) = [line for line in lines if method in line.split()]
            assert "100 % [21, 100]" in line
            assert harm is None or "0 % [0, 79]" in line
    assert "no room" not in " ".join(wide)
    said = " ".join(" ".join(narrow).split())
    assert (f"no room for {left_out}: see" in said) if left_out else ("no room" not in said)
    for name in left_out.replace(",", "").split():
        assert name in " ".join(wide[:3])
        assert name not in " ".join(narrow[:3])
