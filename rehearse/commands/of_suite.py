"""What ``rehearse eval --suite`` and ``rehearse eval --latency`` do: run a suite into a folder, and report.

Into the folder: rows/*.jsonl, rows.parquet, report.json, report.md, page.html. Begun again it goes on.
"""

import json
import sys
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about, progress_bar
from rehearse.commands.tables import fitted, rate_words
from rehearse.errors import ConfigError
from rehearse.files import atomic_write
from rehearse.page import Story
from rehearse.sim.episode import Episode
from rehearse.sim.planner_agent import PlannerSettings
from rehearse.sim.tasks import get_task
from rehearse.suites.films import film, worth_filming
from rehearse.suites.frozen import freeze, read_lock, scenes_of, used, write_lock
from rehearse.suites.page import markdown, write_suite_page
from rehearse.suites.report import make_report
from rehearse.suites.run import SuiteRun
from rehearse.suites.suite import Cell, Part, Suite, cells_of, checked, read_suite, suite_path

if TYPE_CHECKING:
    from rehearse.commands.eval import Eval

OF_SUITE = {"suite", "out", "freeze", "episodes", "checkpoint", "workers", "json", "debug"}
NOT_OF_LATENCY = {
    *("suite", "freeze", "fewer", "clock", "rows", "trees", "figures", "variations"),
    *("ray_address", "until_decided", "floor", "plan_n"),
}


def run_suite(command: "Eval", console: Console) -> int:
    """Freeze it, or run it, film, and write the reports; prints the table of every part's first cell."""
    if command.suite is not None:
        _refuse_others(command, OF_SUITE, "--suite says itself what is evaluated")
        suite, path = read_suite(command.suite, command.checkpoint), suite_path(command.suite)
    else:
        _refuse_others(command, {item.name for item in fields(command)} - NOT_OF_LATENCY, "--latency runs a suite")
        suite, path = latency_suite(command), None
    if command.episodes is not None:
        parts = [replace(part, episodes=None) for part in suite.parts]
        suite = checked(replace(suite, episodes=command.episodes, parts=parts), suite.name, command.checkpoint)
    cells = cells_of(suite, command.checkpoint)
    if command.freeze:
        return _freeze(path, cells, console)
    lock = None if path is None else used(read_lock(path), cells)
    made = about()
    run = SuiteRun.open(suite, cells, lock, command.out or Path("out") / suite.name, made["code"])
    _go(run, command.workers, console)
    films = _film(run, console)
    report = make_report(run, made | {"command": "rehearse " + " ".join(sys.argv[1:])})
    for name, text in (("report.json", _json(report)), ("report.md", markdown(report))):
        with atomic_write(run.out / name) as written:
            written.write_text(text, encoding="utf-8")
    write_suite_page(run.out / "page.html", report, films)
    for part in report["parts"]:
        Console().print(first_cell_table(part, run.out, Console().width))
    console.print(f"the page: {(run.out / 'page.html').resolve()}")
    command.write_json(report)
    return 0


def latency_suite(command: "Eval") -> Suite:
    """The suite of one part that ``--latency`` stands for."""
    clocks = []
    for text in command.latency.split(","):
        if not text.strip().isdigit():
            raise ConfigError(
                f"--latency {command.latency!r}: write milliseconds with commas between, such as 0,200,400"
            )
        clocks.append("ideal" if int(text) == 0 else f"fixed:{int(text)}")
    methods = [name.strip() for name in (command.methods or "").split(",") if name.strip()]
    part = Part(
        task=command.task,
        name=command.task.rpartition(":")[0].rpartition(".")[2] or command.task,
        levels=[command.level] if command.level else [],
        options={name: [value] for name, value in command.given_options().items()},
        clocks=clocks,
        told=[False] if command.blind_to_delay else [True, False],
        planner={} if command.planner == PlannerSettings() else asdict(command.planner),
        policy=None if command.policy is None else str(command.policy),
    )
    suite = Suite(
        name="latency",
        parts=[part],
        methods=methods or ["planner-64"],
        references=[] if methods else None,
        about=f"How late may actions come? {get_task(command.task).summary.capitalize()}.",
        seed=command.seed,
    )
    return checked(suite, "--latency", command.checkpoint)


def _refuse_others(command: "Eval", allowed: set[str], why: str) -> None:
    """ConfigError for a flag that was given and would have no effect."""
    for item in fields(command):
        usual = item.default if item.default_factory is MISSING else item.default_factory()
        if item.name not in allowed and getattr(command, item.name) != usual:
            raise ConfigError(f"{why}: leave out --{item.name.replace('_', '-')}")


def _freeze(path: Path, cells: list[Cell], console: Console) -> int:
    total = sum(cell.config.episodes for cell in scenes_of(cells).values())
    with progress_bar(console) as bar:
        task = bar.add_task("laying out", total=total, text="")
        lock = freeze(cells, lambda scene: bar.update(task, advance=1, text=scene))
    console.print(f"frozen: {write_lock(path, lock)}")
    return 0


def _go(run: SuiteRun, workers: int, console: Console) -> None:
    tally: dict[tuple[str, str], list[bool]] = {}
    with progress_bar(console) as bar:
        task = bar.add_task(run.suite.name, total=run.total, text="")

        def count(cell: Cell, episode: Episode) -> None:
            outcomes = tally.setdefault((cell.id, episode.method), [])
            outcomes.append(episode.success)
            bar.update(task, advance=1, text=f"{cell.id} {episode.method}: {sum(outcomes)} of {len(outcomes)}")

        run.go(workers, count)


def _film(run: SuiteRun, console: Console) -> dict[str, list[tuple[Story, bool]]]:
    films: dict[str, list[tuple[Story, bool]]] = {}
    wanted = worth_filming(run)
    with progress_bar(console) as bar:
        task = bar.add_task("filming", total=len(wanted), text="")
        for i, method, layout in wanted:
            films.setdefault(run.cells[i].part, []).append(film(run, i, method, layout))
            bar.update(task, advance=1, text=run.cells[i].id)
    return films


def first_cell_table(part: dict, out: Path, width: int) -> Table:
    """A row a method of the part's first cell; the page has all of them."""
    cell, harm, rows = part["cells"][0], part["harm"], part["cells"][0]["rows"]
    planned = [row if row["plan_ms_p50"] is not None else None for row in rows]
    columns = {
        "method": [row["method"] for row in rows],
        "n": [str(row["n"]) for row in rows],
        "success": [rate_words(row, "success") for row in rows],
        **({harm: [rate_words(row, harm) for row in rows]} if harm else {}),
        "time": ["-" if row["time_s"] is None else f"{row['time_s']:.1f} s" for row in rows],
        "ms p50\n/ p99": [f"{row['plan_ms_p50']:.0f} / {row['plan_ms_p99']:.0f}" if row else "-" for row in planned],
        "late": [f"{100 * row['late']:.0f} %" if row else "-" for row in planned],
        "surprise": ["-" if row["surprise"] is None else f"{row['surprise']:.1f}" for row in rows],
    }
    title = f"{part['name']}: {part['task']}, level {cell['level']}"
    least = ("surprise", "late", "time", "ms p50\n/ p99")
    return fitted(title, columns, width, least, str(out / "report.md"), "rates with Wilson 95 % intervals")


def _json(report: dict) -> str:
    return json.dumps(report, indent=1) + "\n"
