"""``rehearse gate``: let a change in, or keep it out, by what an evaluation says."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command
from rehearse.errors import DataError, RehearseError
from rehearse.files import atomic_write
from rehearse.gates import Rules, Verdict, judge, junit, markdown, undecided
from rehearse.page import write_page
from rehearse.recorded import read_evaluation, task_of


@dataclass(kw_only=True)
class Gate(Command):
    """Judge an evaluation against a baseline and against bounds.

    Exit code 0: all gates hold; 1: one does not; 2: it could not be judged.
    """

    result: Annotated[Path, tyro.conf.Positional]
    """What `rehearse eval --json` wrote."""
    baseline: Path | None = None
    """An earlier evaluation of the same layouts; only what they share is compared, pair by pair."""
    methods: str = "planner-512"
    """Comma-separated: the methods that are judged."""
    min_success: float | None = None
    """The observed success rate must be at least this (0 .. 1)."""
    max_harm: Annotated[float | None, tyro.conf.arg(aliases=["--max-woken"])] = None
    """The observed rate of harm (on dog-on-jacket: the dog woken) must be at most this (0 .. 1)."""
    delta: float = Rules.delta
    """Worse than the baseline by more than this, with all of the 95 % interval and by the exact test, fails."""
    markdown: Path | None = None
    """Also write a table for a pull-request comment."""
    junit: Path | None = None
    """Also write JUnit XML, one test case per gate."""
    page: Path | None = None
    """Also write a page: the rates of the result, drawn, and the verdicts."""

    def run(self, console: Console) -> int:
        """Judge, print, write."""
        try:
            verdicts = self._judge()
        except RehearseError as error:
            self._write(*undecided(error))
            raise
        table = Table(title="gates")
        for name in ("", "method", "gate", "figures"):
            table.add_column(name)
        for verdict in verdicts:
            table.add_row("pass" if verdict.passed else "FAIL", verdict.method, verdict.gate, verdict.reason)
        Console().print(table)
        self._write(markdown(verdicts), junit(verdicts))
        if self.page is not None:
            result = read_evaluation(self.result)
            gates = {f"{v.method}: {v.gate}": f"{'holds' if v.passed else 'fails'}: {v.reason}" for v in verdicts}
            write_page(self.page, task_of(result["about"]), result["rows"], [], {**result["about"], **gates})
        self.write_json({"passed": all(v.passed for v in verdicts), "gates": [asdict(v) for v in verdicts]})
        return 0 if all(verdict.passed for verdict in verdicts) else 1

    def _judge(self) -> list[Verdict]:
        rules = Rules(self.min_success, self.max_harm, self.delta)
        methods = [name.strip() for name in self.methods.split(",") if name.strip()]
        baseline = None if self.baseline is None else read_evaluation(self.baseline)
        # Exit code 1 would say that the model has failed.
        try:
            return judge(read_evaluation(self.result), rules, methods, baseline)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            torn = f"a row of {self.result} or of its baseline is not whole ({error!r}); make both anew"
            raise DataError(torn) from error

    def _write(self, table: str, xml: bytes) -> None:
        for target, content in ((self.markdown, table.encode()), (self.junit, xml)):
            if target is not None:
                with atomic_write(target) as path:
                    path.write_bytes(content)
