"""Jackets without end, stopped at any moment: does every stop hold, does memory grow, how long does everything take?

sim_node, guard_node, planner_node and a recorder_node with a ring run as processes and fetch jackets, layout after
layout. At random moments, while the arm moves, the operator calls ``guard/stop``, now and then instead lets go of the
deadman's switch. The arm must then rest: all joints slower than 0.05 rad/s for 0.2 s, within the bound that the fault
table has for this, and stay so; time is the robot's own, so that a busy machine makes a run slower and never different.
Then the guard is reset, or the switch held again, and all goes on.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.over_ros.company import Company, Settings
from benchmarks.over_ros.fetch import add_spreads
from benchmarks.over_ros.heard import PERCENTILES
from benchmarks.over_ros.processes import Watch
from rehearse.commands.base import about
from rehearse.files import atomic_write
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from tests.faults.rig import LIMITS, MOVES_RADPS, SURE_S, first_rest
from tests.ros.live import own_domain

STOP, RELEASE = "stop", "release"
# From the call until rest, as in the fault table: a call may take a while, and of a switch that was let go no word.
BOUND_S = {STOP: SURE_S + 1.0, RELEASE: SURE_S + LIMITS.deadman_timeout_s}
SAYS = {STOP: "operator", RELEASE: "disabled"}  # the guard's reason
CALM_S = 0.6  # for which the arm is then watched
SAVE_S = 120.0
WARM_S = 300.0  # from then on memory ought not to grow


@dataclass
class Soak:
    """Fetch jackets without end, stop at any moment, and see that everything holds."""

    minutes: float = 60.0
    """How long, by the wall's clock; the episode that runs then is brought to its end."""
    seed: int = 0
    """Of the layouts, which are for validation, and of the moments."""
    futures: int = 64
    """That a decision imagines."""
    pace: float = 1.0
    """Robot seconds per second; below 1 for a machine that is too slow."""
    stops_per_minute: float = 2.0
    """How often, in the mean, the arm is stopped."""
    released: float = 0.2
    """Share of these at which the deadman's switch is let go."""
    sample_s: float = 10.0
    """How often memory and CPU are looked at."""
    bags: Path | None = None
    """A folder for what the recorder saves at every stop; without one it is thrown away."""
    json: Path = Path("out/ros-soak.json")
    """Where everything goes, every two minutes and at the end."""

    def run(self) -> int:
        """Returns the exit code: 1 if a stop was not held, none was tried, or a process died or did not end well."""
        with tempfile.TemporaryDirectory() as folder, own_domain(Path(folder) / "ros"):
            recorder = {"mode": "ring", "folder": (self.bags or Path(folder) / "bags").resolve()}
            settings = Settings(
                self.futures,
                self.pace,
                own_clock=True,
                deadman=True,
                split="validation",
                self_benchmark=False,  # a busy machine is late, which is told; it is not refused
                recorder=recorder,
            )
            with closing(Company(Path(folder), settings)) as company:
                run = _Run(self, company)
                try:
                    run.go()
                except AssertionError as error:
                    run.failed = str(error)
                    Console(stderr=True).print(company.nodes.last_words(), markup=False)
                report = run.save(over=True)
        Console().print(_stopped(report), _processes(report), _figures(report))
        if report["failed"]:
            Console().print(f"failed: {report['failed']}", markup=False)
        return 0 if report["held"] else 1


class _Run:
    """What goes on, and what is known of it so far."""

    def __init__(self, soak: Soak, company: Company) -> None:
        self._soak, self._company = soak, company
        self._rng = np.random.default_rng(soak.seed)
        self._watch = Watch({name: process.pid for name, process in company.processes.items()})
        self._began_s = self._saved_s = time.monotonic()
        self._due_s = self._began_s + self._gap_s()
        self._stops: list[dict[str, Any]] = []
        self._episodes: list[dict[str, Any]] = []
        self.failed, self._exits = "", {}

    def go(self) -> None:
        """Until the time is up; AssertionError where a process died, or nothing happens any more."""
        self._regularly()
        for layout in self._layouts():
            before = len(self._stops)
            self._company.begin(layout)
            while not self._company.over():
                self._company.probe.until(lambda: self._company.over() or self._due(), "the end of the episode")
                if not self._company.over():
                    self._stops.append(self._halt())
            row = {"at_s": self._now_s(), "layout": layout, "stops": len(self._stops) - before}
            self._episodes.append({**row, **self._company.outcome()})
        self._watch.sample(self._now_s())
        self._exits = self._company.end()

    def _layouts(self) -> Iterator[int]:
        """The next, as long as there is time."""
        layout = self._soak.seed * LAYOUTS_PER_SEED
        while not self._episodes or self._now_s() < 60 * self._soak.minutes:
            yield layout
            layout += 1

    def _now_s(self) -> float:
        return round(time.monotonic() - self._began_s, 2)

    def _regularly(self) -> None:
        """Look at the processes, and now and then save; by the wall's clock, whatever else goes on."""
        from rclpy.clock import Clock, ClockType

        def look() -> None:
            self._watch.sample(self._now_s())
            if time.monotonic() - self._saved_s > SAVE_S:
                self.save(over=False)
                self._saved_s = time.monotonic()

        look()
        self.save(over=False)
        self._company.probe.node.create_timer(self._soak.sample_s, look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # -- stops ---------------------------------------------------------------------------------------------------

    def _gap_s(self) -> float:
        """Until the next stop: as for moments that know nothing of one another."""
        return float(self._rng.exponential(60 / self._soak.stops_per_minute))

    def _due(self) -> bool:
        """Whether the arm is to be stopped, and moves."""
        return time.monotonic() > self._due_s and self._company.moves(MOVES_RADPS)

    def _halt(self) -> dict[str, Any]:
        """Stop the arm in mid-motion, see that it rests in time and stays so, and let it go on."""
        company, probe = self._company, self._company.probe
        kind = RELEASE if self._rng.random() < self._soak.released else STOP
        bound_s, begin, said = BOUND_S[kind], len(company.felt), len(company.verdicts)
        asked_s, speed = company.felt[-1]
        row = {"at_s": self._now_s(), "kind": kind, "speed_radps": round(speed, 3), "bound_s": bound_s}
        if kind == STOP:
            assert probe.call("/guard/stop").success
        else:
            company.held = False

        def rested() -> int | None:
            return first_rest([fastest for _, fastest in company.felt[begin:]])

        # A second more than is allowed, to tell a late rest from none.
        probe.until(
            lambda: rested() is not None or company.felt[-1][0] > asked_s + bound_s + 1.0, "the robot to go on in time"
        )
        at = rested()
        rest_s = None if at is None else company.felt[begin + at][0] - asked_s
        probe.until(lambda: company.felt[-1][0] > asked_s + (rest_s or bound_s) + CALM_S, "the robot to go on in time")
        after = [fastest for _, fastest in company.felt[begin + at :]] if at is not None else []
        reasons = {verdict["reason"] for verdict in company.verdicts[said:]}
        wrong = (
            (rest_s is None, "it did not rest"),
            (rest_s is not None and rest_s > bound_s, "it rested too late"),
            (max(after, default=0.0) > MOVES_RADPS, "it moved again"),
            (SAYS[kind] not in reasons, f"the guard did not say {SAYS[kind]}"),
        )
        why = ", ".join(words for is_so, words in wrong if is_so)
        row |= {"held": not why, "rest_s": None if rest_s is None else round(rest_s, 3), "why": why}
        if kind == STOP:
            probe.until(lambda: probe.call("/guard/reset").success, "the guard to be reset")
        company.held = True
        self._due_s = time.monotonic() + self._gap_s()
        return row

    # -- what is known -------------------------------------------------------------------------------------------

    def save(self, over: bool) -> dict[str, Any]:
        """Write all that is known so far."""
        soak, company = self._soak, self._company
        warm_s = min(WARM_S, 15 * soak.minutes)
        if over and not self._stops:
            self.failed = self.failed or "the arm was never stopped: it did not move, or for too short a time"
        held = not self.failed and all(stop["held"] for stop in self._stops) and not any(self._exits.values())
        report = {
            "over": over,
            "held": held,
            "failed": self.failed,
            "exit_codes": self._exits,
            "minutes": round(self._now_s() / 60, 2),
            "warm_s": warm_s,
            "processes": {name: self._watch.summary(name, warm_s) for name in self._watch.pids},
            "figures": company.heard.figures(),
            "lost": {topic: {"lost": loss.lost, "sent": loss.sent} for topic, loss in company.loss.items()},
            "recorder": company.recorder,
            "stops": self._stops,
            "episodes": self._episodes,
            "samples": self._watch.rows,
            "about": about(**{name: value for name, value in asdict(soak).items() if name not in ("json", "bags")}),
        }
        with atomic_write(soak.json) as path:
            path.write_text(json.dumps(report) + "\n", encoding="utf-8")
        return report


def _stopped(report: dict[str, Any]) -> Table:
    """What became of every stop."""
    table = Table(title=f"{report['minutes']} minutes of jackets, stopped at any moment")
    for name in ("", "tried", "held", "to rest, s: median", "most", "bound"):
        table.add_column(name, justify="right" if name else "left")
    for kind, bound_s in BOUND_S.items():
        stops = [stop for stop in report["stops"] if stop["kind"] == kind]
        times = [stop["rest_s"] for stop in stops if stop["rest_s"] is not None]
        took = (f"{np.median(times):.2f}", f"{max(times):.2f}") if times else ("-", "-")
        table.add_row(kind, str(len(stops)), str(sum(stop["held"] for stop in stops)), *took, f"{bound_s:.2f}")
    return table


def _processes(report: dict[str, Any]) -> Table:
    """What every process took, from when it was warm on."""
    table = Table(title=f"From {report['warm_s'] / 60:.3g} minutes on")
    for name in ("", "MiB then", "at the end", "MiB an hour", "CPU", "most"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    number = lambda value, form: "-" if value is None else format(value, form)  # noqa: E731
    for name, took in report["processes"].items():
        grows = took["rss_mib_per_h"]
        slope = f"{grows['slope']:+.1f} [{grows['low']:+.1f}, {grows['high']:+.1f}]" if grows else "-"
        cpu = (number(took[key], ".2f") for key in ("cpu_mean", "cpu_most"))
        table.add_row(name, f"{took['rss_warm_mib']:.1f}", f"{took['rss_end_mib']:.1f}", slope, *cpu)
    return table


def _figures(report: dict[str, Any]) -> Table:
    """How long everything took, and what came of it."""
    table = Table(title="How it went")
    for name in ("", *(f"p{p}" for p in PERCENTILES)):
        table.add_column(name, justify="right" if name else "left")
    add_spreads(table, report["figures"])
    late, rate = report["figures"]["late"], report["figures"]["commands_per_s"]
    table.add_row("decisions that came too late", "-" if late is None else f"{100 * late:.1f} %")
    table.add_row("commands a second while planning", "-" if rate is None else str(rate))
    for topic, lost in report["lost"].items():
        table.add_row(f"lost of {topic}", f"{lost['lost']} of {lost['sent']}")
    undisturbed = [row for row in report["episodes"] if not row["stops"]]
    for name, rows in (("episodes", report["episodes"]), ("without a stop", undisturbed)):
        fetched, woken = (sum(row["success"] for row in rows), sum(row["woken"] for row in rows))
        table.add_row(f"{name}: all, fetched, woken", str(len(rows)), str(fetched), str(woken))
    return table
