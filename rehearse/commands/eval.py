"""``rehearse eval``: every method on the same held-out layouts, as a table and as JSON."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about, progress_bar
from rehearse.commands.of_suite import run_suite
from rehearse.commands.of_task import TaskCommand
from rehearse.figures import against_futures, standalone
from rehearse.files import atomic_write
from rehearse.page import rate_panels
from rehearse.recorded import conditions, default_checkpoint, default_policy
from rehearse.sim.agents import methods_of
from rehearse.sim.episode import Episode
from rehearse.sim.evaluate import EvalConfig, Report, evaluate
from rehearse.sim.latency import Clock
from rehearse.sim.ledger import Ledger
from rehearse.sim.planner_agent import PlannerSettings
from rehearse.sim.task import Task
from rehearse.sim.tasks import get_task


@dataclass(kw_only=True)
class Eval(TaskCommand):
    """Evaluate methods on held-out test layouts."""

    episodes: int | None = None
    """Layouts, the same for every method: 20 unless given. With --suite: instead of all numbers that it names."""
    methods: str | None = None
    """Comma-separated: the task's scripts (nothing, random, ...), planner-<futures>, planner-<optimizer>-<futures>,
    oracle. All scripts, five planners and the oracle unless given."""
    checkpoint: Path | None = None
    """World model of the planners; the one that is shipped for the task unless given."""
    policy: Path | None = None
    """Policy of `cloning`, as rehearse clone makes it; the one that is shipped for the task unless given."""
    planner: PlannerSettings = field(default_factory=PlannerSettings)
    """How planners plan, but for what their names say."""
    clock: str = "ideal"
    """Latency: ideal, there is none; fixed:400, every action arrives so many milliseconds later, in whole control periods;
    measured, as much later as its planning took on this machine, rounded up to control periods."""
    blind_to_delay: bool = False
    """Planners are not told of the latency, and plan as if they acted at once."""
    suite: str | None = None
    """Run a suite instead, which says all of the above itself: the name of a shipped one (smoke, headline, robustness) or
    the path of a YAML file."""
    latency: str | None = None
    """Success against latency: comma-separated milliseconds, such as 0,200,400,800; planners told of it and not told (only
    not told with --blind-to-delay)."""
    out: Path | None = None
    """Of --suite and --latency: the folder of rows and reports, gone on with if it was begun; out/NAME unless given."""
    freeze: bool = False
    """Of --suite: run nothing, but note what its layouts lay out, beside its file; every run is then held against that."""
    rows: Path | None = None
    """Keep every finished episode in this JSONL file. Started again with it, only what is missing is run: after a kill,
    with more methods, or with more episodes."""
    trees: Path | None = None
    """Keep what planners imagined at every decision in this folder, a file an episode, for `rehearse explain`."""
    figures: Path | None = None
    """Also draw success and harm against the number of futures into this folder, as SVG."""
    workers: int = EvalConfig.workers
    """Processes."""

    def run(self, console: Console) -> int:
        """Evaluate with a progress bar, print the table, write the JSON."""
        if self.suite is not None or self.latency is not None:
            return run_suite(self, console)
        task = self.found_task()
        methods = methods_of(task)
        if self.methods is not None:
            methods = tuple(name.strip() for name in self.methods.split(",") if name.strip())
        clock = Clock.parse(self.clock, task.period_s, told=not self.blind_to_delay)
        config = EvalConfig(
            task=self.task,
            level=self.level,
            episodes=20 if self.episodes is None else self.episodes,
            seed=self.seed,
            methods=methods,
            checkpoint=self.checkpoint or default_checkpoint(task, methods),
            policy=self.policy or default_policy(task, methods),
            options=self.given_options(),
            planner=self.planner,
            delay_steps=clock.steps,
            measured=clock.measured,
            compensate=clock.told,
            trees=self.trees,
            workers=self.workers,
        )
        report = evaluate_with_bar(config, console, self.rows)
        scene = ", ".join([f"level {config.level}", *(f"{name} {value}" for name, value in config.options.items())])
        Console().print(results_table(task, report.rows, f"{self.task}, {scene}, test layouts"))
        self.write_json({**report.to_dict(), "about": about_evaluation(config)})
        if self.figures is not None:
            write_figures(task, report.rows, self.figures)
        return 0


def write_figures(task: Task, rows: list[dict], folder: Path) -> None:
    """``futures-success.svg`` and, where there is harm, its like, if a planner is among the rows."""
    for label, name, role in rate_panels(task):
        svg = against_futures(rows, name, label, role)
        if svg is not None:
            with atomic_write(folder / f"futures-{name}.svg") as path:
                path.write_text(standalone(svg), encoding="utf-8")


def evaluate_with_bar(config: EvalConfig, console: Console, rows: Path | None = None) -> Report:
    """Evaluate while a bar shows the success so far of the method at work; ``rows`` is a file of finished episodes."""
    tally: dict[str, list[bool]] = {}
    with ExitStack() as stack:
        ledger = None
        if rows is not None:
            made = conditions(config) | {"code": about()["code"]}
            ledger = stack.enter_context(Ledger.open(rows, made, get_task(config.task).harm))
        done = {} if ledger is None else dict(ledger.episodes)
        bar = stack.enter_context(progress_bar(console))
        task = bar.add_task("evaluating", total=config.episodes * len(config.methods), text="")

        def count(episode: Episode) -> None:
            if ledger is not None and (episode.method, episode.layout) not in ledger.episodes:
                ledger.add(episode)
            outcomes = tally.setdefault(episode.method, [])
            outcomes.append(episode.success)
            bar.update(task, advance=1, text=f"{episode.method}: {sum(outcomes)} of {len(outcomes)}")

        return evaluate(config, count, done)


def about_evaluation(config: EvalConfig) -> dict[str, str]:
    """Provenance of an evaluation."""
    checkpoint = config.checkpoint.stem if config.checkpoint else "none"
    return about(**conditions(config), episodes=config.episodes, checkpoint=checkpoint)


def results_table(task: Task, rows: list[dict], title: str) -> Table:
    """Rates with their Wilson 95 % intervals, one row per method."""
    table = Table(title=title, caption="rates with Wilson 95 % intervals; time over successes; CPU time per decision")
    rates = ("success",) if task.harm is None else ("success", task.harm.event)
    last = "progress" if task.harm is None else f"peak {task.harm.strain}"
    for name in ("method", "n", *rates, "time", last, "CPU"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for row in rows:
        table.add_row(
            row["method"],
            str(row["n"]),
            *(_rate(row, name) for name in rates),
            "-" if row["time_s"] is None else f"{row['time_s']:.1f} s",
            f"{row['progress_mean' if task.harm is None else f'{task.harm.strain}_median']:.2f}",
            f"{row['cpu_ms']:.0f} ms",
        )
    return table


def _rate(row: dict, name: str) -> str:
    return f"{100 * row[name]:.0f} % [{100 * row[name + '_low']:.0f}, {100 * row[name + '_high']:.0f}]"
