"""``rehearse eval``: every method on the same held-out layouts, as a table and as JSON."""

from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about, parsed, progress_bar
from rehearse.commands.of_suite import run_suite
from rehearse.commands.of_task import TaskCommand
from rehearse.commands.tables import fitted, rate_words
from rehearse.errors import ConfigError
from rehearse.figures import against_futures, standalone
from rehearse.files import atomic_write
from rehearse.gates import Rules
from rehearse.page import rate_panels
from rehearse.recorded import conditions, default_checkpoint, default_policy
from rehearse.sim.agents import methods_of
from rehearse.sim.episode import Episode
from rehearse.sim.evaluate import EvalConfig, Report, Runner, evaluate, in_processes
from rehearse.sim.latency import Clock
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.ledger import Ledger
from rehearse.sim.on_ray import connected, episodes_on_ray
from rehearse.sim.planner_agent import PlannerSettings
from rehearse.sim.power import POWERS, Plan, layouts_needed
from rehearse.sim.sequential import Trial
from rehearse.sim.task import Task
from rehearse.sim.tasks import get_task


@dataclass(kw_only=True)
class Eval(TaskCommand):
    """Evaluate methods on held-out test layouts."""

    episodes: int | None = None
    """Layouts, the same for every method: 20 unless given. With --suite: instead of all numbers that it names."""
    methods: str | None = None
    """Comma-separated: the task's scripts (nothing, random, ...), planner-<futures>, planner-<optimizer>-<futures>,
    oracle, lerobot:PATH, a policy that lerobot-train made. All scripts, five planners and the oracle unless given."""
    fewer: str | None = None
    """Comma-separated METHOD=EPISODES for what takes long, such as oracle=10: it meets the first layouts only."""
    checkpoint: Path | None = None
    """World model of the planners; the one that is shipped for the task unless given."""
    policy: Path | None = None
    """Policy of `cloning`, as rehearse clone makes it; the one that is shipped for the task unless given."""
    planner: PlannerSettings = field(default_factory=PlannerSettings)
    """How planners plan, but for what their names say."""
    clock: str = "ideal"
    """Latency: ideal, there is none; fixed:400, every action arrives so many milliseconds later, in whole control
    periods; measured, as much later as its planning took on this machine, rounded up to control periods."""
    blind_to_delay: bool = False
    """Planners are not told of the latency, and plan as if they acted at once."""
    variations: str | None = None
    """What goes otherwise than in training: comma-separated FACTOR=STRENGTH, from 0, as usual, to 1, such as
    friction=0.5,light=1. `rehearse tasks` lists the factors of each task."""
    suite: str | None = None
    """Run a suite instead, which says all of the above itself: the name of a shipped one (smoke, headline, robustness)
    or the path of a YAML file."""
    latency: str | None = None
    """Success against latency: comma-separated milliseconds, such as 0,200,400,800; planners told of it and not told
    (only not told with --blind-to-delay)."""
    out: Path | None = None
    """Of --suite and --latency: the folder of rows and reports, gone on with if it was begun; out/NAME unless given."""
    freeze: bool = False
    """Of --suite: run nothing, but note what its layouts lay out, beside its file; runs are then held against that."""
    rows: Path | None = None
    """Keep every finished episode in this JSONL file. Started again with it, only what is missing is run: after a kill,
    with more methods, or with more episodes."""
    trees: Path | None = None
    """Keep what planners imagined at every decision in this folder, a file an episode, for `rehearse explain`."""
    figures: Path | None = None
    """Also draw success and harm against the number of futures into this folder, as SVG."""
    workers: int = EvalConfig.workers
    """Processes."""
    ray_address: str | None = None
    """Run on a Ray cluster: auto, local or host:port. The same rows; needs the extra `ray`."""
    until_decided: bool = False
    """Stop as soon as it is clear which of two methods succeeds more often, or on which side of --floor one does.
    --episodes is the most; a decision is wrong in 5 % at most, however often one looks."""
    floor: float | None = None
    """With --until-decided and one method: the success rate that it is held against."""
    plan_n: tuple[float, float] | None = None
    """Run nothing: print how many layouts tell two success rates apart, such as 0.8 0.9."""

    def run(self, console: Console) -> int:
        """Evaluate with a progress bar, print the table, write the JSON."""
        if self.suite is not None or self.latency is not None:
            return run_suite(self, console)
        if self.freeze or self.out is not None:
            raise ConfigError(f"--{'freeze' if self.freeze else 'out'} is for --suite and --latency; name one of them")
        if self.plan_n is not None:
            plans = layouts_needed(*self.plan_n, Rules.delta)
            Console().print(plans_table(*self.plan_n, plans))
            self.write_json({"plans": [asdict(plan) for plan in plans], "about": about()})
            return 0
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
            fewer=parsed(self.fewer, int, "--fewer", "METHOD=EPISODES"),
            checkpoint=self.checkpoint or default_checkpoint(task, methods),
            policy=self.policy or default_policy(task, methods),
            options=self.given_options(),
            planner=self.planner,
            delay_steps=clock.steps,
            measured=clock.measured,
            compensate=clock.told,
            variations=parsed(self.variations, float, "--variations", "FACTOR=STRENGTH"),
            trees=self.trees,
            workers=self.workers,
        )
        trial = self._trial(config)
        with nullcontext() if self.ray_address is None else connected(self.ray_address):
            run = in_processes if self.ray_address is None else episodes_on_ray
            report = evaluate_with_bar(config, console, self.rows, trial, run)
        scene = ", ".join(
            [
                f"level {config.level}",
                *(f"{name} {value}" for name, value in config.options.items()),
                *(f"{name} {strength:g}" for name, strength in config.variations.items()),
            ]
        )
        Console().print(results_table(task, report.rows, f"{self.task}, {scene}, test layouts", Console().width))
        self.write_json({**report.to_dict(), "about": about_evaluation(config)})
        if report.decision is not None:
            Console().print(f"{report.decision['words']}; rates of an evaluation that stops by itself lean a little")
        if self.figures is not None:
            write_figures(task, report.rows, self.figures)
        return 0

    def _trial(self, config: EvalConfig) -> Trial | None:
        if self.until_decided:
            if config.fewer:
                raise ConfigError("--until-decided compares layout by layout: --fewer has no place there")
            return Trial(config.methods, config.seed * LAYOUTS_PER_SEED, self.floor)
        if self.floor is not None:
            raise ConfigError(
                "--floor is for --until-decided; rehearse gate --min-success judges a finished evaluation"
            )
        return None


def write_figures(task: Task, rows: list[dict], folder: Path) -> None:
    """``futures-success.svg`` and, where there is harm, its like, if a planner is among the rows."""
    for label, name, role in rate_panels(task):
        svg = against_futures(rows, name, label, role)
        if svg is not None:
            with atomic_write(folder / f"futures-{name}.svg") as path:
                path.write_text(standalone(svg), encoding="utf-8")


def evaluate_with_bar(
    config: EvalConfig,
    console: Console,
    rows: Path | None = None,
    trial: Trial | None = None,
    run: Runner = in_processes,
) -> Report:
    """Evaluate while a bar shows the success so far of the method at work; ``rows`` is a file of finished episodes."""
    tally: dict[str, list[bool]] = {}
    with ExitStack() as stack:
        ledger = None
        if rows is not None:
            made = conditions(config) | {"code": about()["code"]}
            ledger = stack.enter_context(Ledger.open(rows, made, get_task(config.task).harm))
        done = {} if ledger is None else dict(ledger.episodes)
        bar = stack.enter_context(progress_bar(console))
        task = bar.add_task("evaluating", total=len(config.items), text="")

        def count(episode: Episode) -> None:
            if ledger is not None and (episode.method, episode.layout) not in ledger.episodes:
                ledger.add(episode)
            outcomes = tally.setdefault(episode.method, [])
            outcomes.append(episode.success)
            bar.update(task, advance=1, text=f"{episode.method}: {sum(outcomes)} of {len(outcomes)}")

        return evaluate(config, count, done, run, trial)


def plans_table(before: float, after: float, plans: list[Plan]) -> Table:
    """Layouts that are needed, one row per way of laying them out."""
    told = {"different": "that they differ (5 %, two-sided)", "gate": f"rehearse gate --delta {Rules.delta}"}
    table = Table(title=f"layouts that tell {before:.0%} from {after:.0%}")
    for name in ("test", "layouts", *(f"n for {power:.0%} power" for power in POWERS)):
        table.add_column(name, justify="right" if name.startswith("n ") else "left")
    for test, layout in dict.fromkeys((plan.test, plan.layout) for plan in plans):
        sizes = [str(plan.n) for plan in plans if (plan.test, plan.layout) == (test, layout)]
        table.add_row(told[test], layout, *sizes)
    return table


def about_evaluation(config: EvalConfig) -> dict[str, str]:
    """Provenance of an evaluation."""
    checkpoint = config.checkpoint.stem if config.checkpoint else "none"
    return about(**conditions(config), episodes=config.episodes, checkpoint=checkpoint)


def results_table(task: Task, rows: list[dict], title: str, width: int) -> Table:
    """Rates with their Wilson 95 % intervals, one row per method."""
    rates = ("success",) if task.harm is None else ("success", task.harm.event)
    last, of = ("progress", "progress_mean") if task.harm is None else _peak(task.harm.strain)
    columns = {
        "method": [row["method"] for row in rows],
        "n": [str(row["n"]) for row in rows],
        **{name: [rate_words(row, name) for row in rows] for name in rates},
        "time": ["-" if row["time_s"] is None else f"{row['time_s']:.1f} s" for row in rows],
        last: [f"{row[of]:.2f}" for row in rows],
        "CPU": [f"{row['cpu_ms']:.0f} ms" for row in rows],
    }
    caption = "rates with Wilson 95 % intervals; time over successes; CPU time per decision"
    return fitted(title, columns, width, (last, "time"), "--json FILE", caption)


def _peak(strain: str) -> tuple[str, str]:
    return f"peak\n{strain}", f"{strain}_median"
