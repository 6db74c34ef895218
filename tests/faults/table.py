"""Try every fault many times, and write what happened into docs/safety.md.

python tests/faults/table.py --times 20           # in .venv-ros, or wherever a ROS 2 is; a quiet machine tells more
python tests/faults/table.py --times 20 --only planner_killed guard_killed

A fault is held when all that its row requires happened; the time is the robot's own, from the fault until the arm
rests. Exit code 1 if any was not held. Runs whose machine failed them (a process that did not start) count as not held.
Every run is kept in out/faults.json; --only replaces the runs of these faults there, and the page is written anew.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from rehearse.files import atomic_write
from tests.faults.faults import FAULTS, Fault
from tests.faults.rig import running
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "safety.md"
BEGIN, END = "<!-- table.py writes from here -->", "<!-- to here -->"


@dataclass(frozen=True)
class Run:
    """One try. ``took_s``: until the arm rested, None where it was to go on; ``why``: what was not held."""

    fault: str
    held: bool
    took_s: float | None
    why: str = ""


def attempt(fault: Fault) -> Run:
    """Break one rig."""
    name = fault.happen.__name__
    try:
        # What a rig says at its end is for whoever reads one test.
        with contextlib.redirect_stdout(io.StringIO()), running(fault.setup) as rig:
            took_s = fault.happen(rig)
            rig.within_limits()
    except AssertionError as error:
        return Run(name, held=False, took_s=None, why=(str(error) or where(error)).splitlines()[0])
    return Run(name, held=True, took_s=took_s and round(took_s, 3))


def where(error: AssertionError) -> str:
    """The line of an assertion that has no words of its own."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name}, line {last.lineno}: {last.line}"


def row(fault: Fault, runs: list[Run]) -> str:
    """One row of the table."""
    held = sum(run.held for run in runs)
    times = [run.took_s for run in runs if run.took_s is not None]
    took = f"{statistics.median(times):.2f} ({min(times):.2f} – {max(times):.2f})" if times else "–"
    return f"| {fault.name} | {fault.required} | {held} of {len(runs)} | {took} |"


def write(runs: list[Run]) -> None:
    """Put the table between the page's marks."""
    lines = [
        f"On {os.cpu_count()} cores that others used too; written by `python tests/faults/table.py`.",
        "",
        "| fault | required | held | robot time to rest, s: median (range) |",
        "| --- | --- | --- | --- |",
        *(row(fault, of(fault, runs)) for fault in FAULTS),
    ]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    with atomic_write(PAGE) as path:
        path.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]), encoding="utf-8")


def of(fault: Fault, runs: list[Run]) -> list[Run]:
    """Those of one fault."""
    return [run for run in runs if run.fault == fault.happen.__name__]


def main() -> int:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="how often each fault is tried")
    parser.add_argument("--only", nargs="+", choices=[f.happen.__name__ for f in FAULTS], help="try only these anew")
    parser.add_argument("--runs", type=Path, default=ROOT / "out" / "faults.json", help="where every run is kept")
    given = parser.parse_args()
    runs = [Run(**run) for run in json.loads(given.runs.read_text())] if given.only and given.runs.exists() else []
    for fault in (fault for fault in FAULTS if not given.only or fault.happen.__name__ in given.only):
        began_s = time.monotonic()
        tried = [attempt(fault) for _ in range(given.times)]
        runs = [run for run in runs if run.fault != fault.happen.__name__] + tried
        print(row(fault, tried), f"{time.monotonic() - began_s:.0f} s", flush=True)
        for why in sorted({run.why for run in tried if not run.held}):
            print("    not held:", why, flush=True)
        with atomic_write(given.runs) as path:
            path.write_text(json.dumps([asdict(run) for run in runs], indent=1))
    if all(of(fault, runs) for fault in FAULTS):
        write(runs)
    return 0 if all(run.held for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
