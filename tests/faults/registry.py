"""What a row of the fault table is, and the table: filled by the modules that hold the faults.

@fault("a plan with NaN", "hold `not_finite`")
def nan_plan(rig: Rig) -> float: ...
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.rig import Rig, Setup


@dataclass(frozen=True)
class Fault:
    """``required`` in words, for the table; ``happen`` breaks a running rig and holds it to that."""

    name: str
    required: str
    happen: Callable[[Rig], float | None]
    setup: Setup


ENTERED: list[Fault] = []


def fault(name: str, required: str, **setup: Any) -> Callable:
    """Enter a function into the table."""
    return lambda happen: ENTERED.append(Fault(name, required, happen, Setup(**setup))) or happen
