"""A suite's report for people: one self-contained HTML page, and Markdown for a pull request's comment.

    write_suite_page(out / "page.html", report, films)           # films: {part: [(Story, ended as recorded)]}
    markdown(report)

Tables can be sorted; figures, films and script stand in the one file; nothing is loaded from elsewhere.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rehearse.figures import against_futures
from rehearse.files import atomic_write
from rehearse.page import Story, rate_panels, story_view, templates
from rehearse.sim.agents import CLONING, IDENTITY
from rehearse.sim.tasks import get_task
from rehearse.sim.variation import FACTORS
from rehearse.suites.figures import heat_map, latency_curves
from rehearse.suites.report import LATE
from rehearse.suites.suite import LEARNED

Films = Mapping[str, Sequence[tuple[Story, bool]]]
NAMES = {CLONING: "Cloned policy, no imagination", "oracle": "Same planner, true physics"}


def method_words(name: str) -> str:
    """A method for people, so that its name can still be read off."""
    count = name.rpartition("-")[2]
    if name.startswith(LEARNED) and count.isdigit():
        kind = "Identity: imagines no change" if IDENTITY in name else "Rehearse"
        return f"{kind}, {int(count):,} future{'s' if int(count) > 1 else ''}"
    return NAMES.get(name) or get_task("reach").tale.method(name)


def write_suite_page(path: Path, report: dict[str, Any], films: Films) -> None:
    """Write the page, whole or not at all."""
    suite = report["suite"]
    parts = [_part(part, films.get(part["name"], ())) for part in report["parts"]]
    page = (
        templates()
        .get_template("suite.html.j2")
        .render(
            suite=suite,
            parts=parts,
            overview=_overview(report["parts"]),
            about=_about(report),
            factors={name: meaning for name, meaning in FACTORS.items() if name != LATE and _tried(report, name)},
            varied=any(part["robustness"] for part in report["parts"]),
            late=any(part["latency"] for part in report["parts"]),
        )
    )
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _tried(report: dict[str, Any], factor: str) -> bool:
    return any(factor in each["factors"] for part in report["parts"] for each in part["robustness"])


def _about(report: dict[str, Any]) -> dict[str, Any]:
    suite = report["suite"]
    frozen = "yes, every start was held against its hash" if suite["frozen"] else "no"
    told = {"suite": suite["name"], "suite hash": suite["hash"], "starts frozen": frozen, "episodes": suite["episodes"]}
    models = {
        f"model of {p['name']}": f"{p['model']['checkpoint']} ({p['model']['sha256']})" for p in _with_model(report)
    }
    return told | {"split, seed": f"{suite['split']}, {suite['seed']}"} | models | report["about"]


def _with_model(report: dict[str, Any]) -> list[dict]:
    return [part for part in report["parts"] if part["model"]]


def _rate(row: Mapping[str, Any], name: str) -> dict[str, float]:
    return dict(value=row[name], low=row[f"{name}_low"], high=row[f"{name}_high"])


def _overview(parts: Sequence[dict]) -> dict[str, Any]:
    """Success of every method in every part, as usual: the first cell of each."""
    methods = list(dict.fromkeys(row["method"] for part in parts for row in part["cells"][0]["rows"]))
    if any(IDENTITY in method for method in methods):
        methods.sort(key=lambda method: method.startswith(LEARNED))
    found = {(part["name"], row["method"]): row for part in parts for row in part["cells"][0]["rows"]}
    names = [part["name"] for part in parts]
    rows = []
    for method in methods:
        cells = [found.get((name, method)) for name in names]
        rates = [dict(value=None) if row is None else _rate(row, "success") for row in cells]
        rows.append(dict(name=method_words(method), method=method, kind=kind_of(method), cells=rates))
    return dict(parts=names, rows=rows)


def kind_of(method: str) -> str:
    """How a row is drawn."""
    return "planner" if method.startswith(LEARNED) and IDENTITY not in method else "reference"


def _part(part: dict[str, Any], films: Sequence[tuple[Story, bool]]) -> dict[str, Any]:
    task = get_task(part["task"])
    scenes = [_scene(task, part, cell) for cell in part["cells"] if cell["factor"] is None and cell["clock"] == "ideal"]
    if not scenes:  # a part that is late from the beginning
        scenes = [_scene(task, part, part["cells"][0])]
    many = len({each["scene"] for each in part["robustness"]}) > 1
    return dict(
        name=part["name"],
        task=task,
        tale=task.tale,
        fps=round(1 / task.period_s),
        period_ms=part["period_ms"],
        summary=task.summary[:1].upper() + task.summary[1:] + ".",
        scenes=scenes,
        futures=_against_futures(task, part),
        latency=_latency(part),
        heat=[
            (f"{method_words(each['method'])}{', ' + each['scene'] if many else ''}", _heat(part, each))
            for each in part["robustness"]
            if each["method"] != "nothing"
        ],
        model=part["model"],
        stories=[(story_view(task, story, i), same) for i, (story, same) in enumerate(films, start=1)],
    )


def _heat(part: dict[str, Any], told: dict[str, Any]) -> Any:
    return heat_map(told, f"Success of {told['method']} in {part['name']}, {told['scene']}, under every variation")


def _latency(part: dict[str, Any]) -> list[tuple[str, Any]]:
    drawn = []
    for scene in dict.fromkeys(curve["scene"] for curve in part["latency"]):
        curves = [curve for curve in part["latency"] if curve["scene"] == scene]
        svg = latency_curves(curves, f"Success against latency in {part['name']}, {scene}, in per cent")
        if svg is not None:
            drawn.append((f"Success against latency: {scene}", svg))
    return drawn


def _against_futures(task: Any, part: dict[str, Any]) -> list[tuple[str, Any]]:
    """Rates against the number of futures, where at least two numbers were tried."""
    rows = [row for row in part["cells"][0]["rows"] if IDENTITY not in row["method"]]
    counts = {row["futures"] for row in rows if row["method"].startswith(LEARNED)}
    if len(counts) < 2:
        return []
    panels = [
        (title, against_futures(rows, name, f"{title}, in per cent", role)) for title, name, role in rate_panels(task)
    ]
    return [(title, svg) for title, svg in panels if svg is not None]


def _scene(task: Any, part: dict[str, Any], cell: dict[str, Any]) -> dict[str, Any]:
    rows = []
    for row in cell["rows"]:
        rows.append(
            {
                **row,
                "name": method_words(row["method"]),
                "kind": kind_of(row["method"]),
                "rate": _rate(row, "success"),
                "harm": None if task.harm is None else _rate(row, task.harm.event),
                "failed": cell["failures"][row["method"]],
            }
        )
    options = "".join(f", {name} {value}" for name, value in cell["options"].items())
    return dict(title=f"level {cell['level']}{options}", n=rows[0]["n"], rows=rows)


# -- Markdown --------------------------------------------------------------------------------------------------------


def markdown(report: dict[str, Any]) -> str:
    """For a comment on a pull request: every row, then what latency and variations do to the planner."""
    suite, about = report["suite"], report["about"]
    frozen = "frozen starts" if suite["frozen"] else "starts not frozen"
    lines = [
        f"### Suite `{suite['name']}` `{suite['hash']}`",
        "",
        f"{suite['episodes']:,} episodes, split {suite['split']}, seed {suite['seed']}, {frozen}; "
        f"{about.get('code', '')}. "
        "Rates with Wilson 95 % intervals; milliseconds of a decision by the clock, median and 99th percentile; late: "
        "decisions that took longer than they may; surprise: 1 is as on the model's held-out episodes.",
    ]
    for part in report["parts"]:
        lines += _markdown_of(part)
    return "\n".join(lines) + "\n"


def _markdown_of(part: dict[str, Any]) -> list[str]:
    harm = part["harm"]
    lines: list[str] = []
    for cell in part["cells"]:
        if cell["factor"] is not None or (cell is not part["cells"][0] and cell["clock"] != "ideal"):
            continue
        scene = ", ".join([cell["level"], *cell["options"].values()])
        heads = ["method", "n", "success", *([harm] if harm else []), "time", "ms p50 / p99", "late", "surprise"]
        lines += ["", f"**{part['name']}** ({part['task']}, {scene}, clock {cell['clock']})", ""]
        lines += ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
        for row in cell["rows"]:
            time = "–" if row["time_s"] is None else f"{row['time_s']:.1f} s"
            planned = row["plan_ms_p50"] is not None
            told = [
                *(_in_words(row, name) for name in ("success", *([harm] if harm else []))),
                time,
                f"{row['plan_ms_p50']:.0f} / {row['plan_ms_p99']:.0f}" if planned else "–",
                f"{100 * row['late']:.0f} %" if planned else "–",
                "–" if row["surprise"] is None else f"{row['surprise']:.1f}",
            ]
            lines.append(f"| `{row['method']}` | {row['n']} | " + " | ".join(told) + " |")
    for curve in part["latency"]:
        if curve["method"] == part["main"]:
            told = "told" if curve["told"] else "not told"
            points = ", ".join(f"{p['delay_ms']} ms {100 * p['success']:.0f} %" for p in curve["points"])
            lines += ["", f"Latency, `{curve['method']}`, {told}: {points}."]
    for each in part["robustness"]:
        if each["method"] == part["main"]:
            lines += _varied(each)
    return lines


def _varied(told: Mapping[str, Any]) -> list[str]:
    """A row for every factor, a column for every strength."""
    factors = {factor: points for factor, points in told["factors"].items() if factor != LATE}
    strengths = sorted({point["strength"] for points in factors.values() for point in points})
    if not strengths:
        return []
    heads = [f"`{told['method']}`, varied", "as usual", *(f"{strength:g}" for strength in strengths)]
    lines = ["", "| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for factor, points in factors.items():
        there = {point["strength"]: _with_interval(point) for point in [{**told["usual"], "strength": 0.0}, *points]}
        lines.append(f"| {factor} | " + " | ".join(there.get(strength, "–") for strength in (0.0, *strengths)) + " |")
    return lines


def _with_interval(point: Mapping[str, Any]) -> str:
    return f"{100 * point['success']:.0f} % [{100 * point['low']:.0f}, {100 * point['high']:.0f}]"


def _in_words(row: Mapping[str, Any], name: str) -> str:
    return f"{100 * row[name]:.0f} % [{100 * row[f'{name}_low']:.0f}, {100 * row[f'{name}_high']:.0f}]"
