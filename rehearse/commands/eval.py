"""``rehearse eval``: every method on the same held-out layouts, as a table and as JSON."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command, about, progress_bar
from rehearse.errors import ConfigError
from rehearse.figures import against_futures, standalone
from rehearse.files import atomic_write
from rehearse.recorded import conditions, default_checkpoint
from rehearse.sim.dog_on_jacket.world import PERIOD_S
from rehearse.sim.evaluate import METHODS, Episode, EvalConfig, Report, evaluate
from rehearse.sim.ledger import Ledger


@dataclass(kw_only=True)
class Eval(Command):
    """Evaluate methods on held-out test layouts."""

    task: str = "dog-on-jacket"
    """The task."""
    level: str = "half"
    """easy, half or full."""
    episodes: int = 20
    """Layouts, the same for every method."""
    methods: str = ",".join(METHODS)
    """Comma-separated: nothing, random, script-fast, script-best, planner-<futures>, oracle."""
    checkpoint: Path | None = None
    """World model of the planners; the shipped one unless given."""
    jacket: str = "patch"
    """patch (plates, what the model was trained on) or cloth (the held-out reality)."""
    arm: str = "arm7"
    """arm7 (the one that the model was trained on), arm6 or arm5."""
    camera: str = "front"
    """front (where the model was trained), left, right or high."""
    delay_ms: int = 0
    """Latency: every action arrives so much later, in whole control periods of 200 ms."""
    blind_to_delay: bool = False
    """Planners are not told of the latency, and plan as if they acted at once."""
    rows: Path | None = None
    """Keep every finished episode in this JSONL file. Started again with it, only what is missing is run: after a kill,
    with more methods, or with more episodes."""
    figures: Path | None = None
    """Also draw success and waking against the number of futures into this folder, as SVG."""
    workers: int = EvalConfig.workers
    """Processes."""

    def run(self, console: Console) -> int:
        """Evaluate with a progress bar, print the table, write the JSON."""
        methods = tuple(name.strip() for name in self.methods.split(",") if name.strip())
        config = EvalConfig(
            task=self.task,
            level=self.level,
            episodes=self.episodes,
            seed=self.seed,
            methods=methods,
            checkpoint=self.checkpoint or default_checkpoint(methods),
            jacket=self.jacket,
            arm=self.arm,
            camera=self.camera,
            delay_steps=_steps(self.delay_ms),
            compensate=not self.blind_to_delay,
            workers=self.workers,
        )
        report = evaluate_with_bar(config, console, self.rows)
        scene = f"level {self.level}, {self.jacket} jacket, {self.arm}, {self.camera} camera"
        Console().print(results_table(report.rows, f"{self.task}, {scene}, test layouts"))
        self.write_json({**report.to_dict(), "about": about_evaluation(config)})
        if self.figures is not None:
            write_figures(report.rows, self.figures)
        return 0


def _steps(delay_ms: int) -> int:
    steps, rest = divmod(delay_ms, round(1000 * PERIOD_S))
    if rest or steps < 0:
        raise ConfigError(f"delay_ms is {delay_ms}; it must be a multiple of {round(1000 * PERIOD_S)}, 0 or more")
    return steps


def write_figures(rows: list[dict], folder: Path) -> None:
    """``futures-success.svg`` and ``futures-woken.svg``, if a planner is among the rows."""
    for name, label, role in (("success", "Fetched, dog asleep", "calm"), ("woken", "Dog woken", "wake")):
        svg = against_futures(rows, name, label, role)
        if svg is not None:
            with atomic_write(folder / f"futures-{name}.svg") as path:
                path.write_text(standalone(svg), encoding="utf-8")


def evaluate_with_bar(config: EvalConfig, console: Console, rows: Path | None = None) -> Report:
    """Evaluate while a bar shows the success so far of the method at work; ``rows`` is a file of finished episodes."""
    tally: dict[str, list[bool]] = {}
    with ExitStack() as stack:
        ledger = (
            None
            if rows is None
            else stack.enter_context(Ledger.open(rows, conditions(config) | {"code": about()["code"]}))
        )
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


def results_table(rows: list[dict], title: str) -> Table:
    """Rates with their Wilson 95 % intervals, one row per method."""
    table = Table(title=title, caption="rates with Wilson 95 % intervals; time over successes; CPU time per decision")
    for name in ("method", "n", "success", "woken", "time", "peak disturbance", "CPU"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for row in rows:
        table.add_row(
            row["method"],
            str(row["n"]),
            _rate(row, "success"),
            _rate(row, "woken"),
            "-" if row["time_s"] is None else f"{row['time_s']:.1f} s",
            f"{row['disturbance_median']:.2f}",
            f"{row['cpu_ms']:.0f} ms",
        )
    return table


def _rate(row: dict, name: str) -> str:
    return f"{100 * row[name]:.0f} % [{100 * row[name + '_low']:.0f}, {100 * row[name + '_high']:.0f}]"
