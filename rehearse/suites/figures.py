"""A suite's figures as SVG in the page's roles: success against latency, and heat maps of success under variations.

    svg = latency_curves(part["latency"], "Success against latency, reach")
    svg = heat_map(part["robustness"][0], "planner-64 on reach under variations")

What colour says is said by marker, dash or number too.
"""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rehearse.figures import COLOUR, FONT_PT, WIDTH_IN, panel, to_svg
from rehearse.sim.agents import CLONING, IDENTITY
from rehearse.suites.report import strength_words
from rehearse.suites.suite import LEARNED

LEFT_OUT = ("nothing", "random")  # they stand in the tables
PLANNERS = (("calm", "o"), ("progress", "^"), ("ink", "v"))  # the one with most futures first
FAINTEST, FULLEST = 0.05, 0.6  # opacity of no success and of all; beyond, ink on it could not be read
ROW_IN, HEAD_IN = 0.42, 0.1


def styles(methods: Sequence[str]) -> dict[str, tuple[str, str]]:
    """{method: (role, marker)} of those that are drawn."""
    planners = [method for method in methods if method.startswith(LEARNED) and IDENTITY not in method]
    planners.sort(key=lambda method: -int(method.rpartition("-")[2]))
    found = dict(zip(planners, (PLANNERS[min(i, len(PLANNERS) - 1)] for i in range(len(planners)))))
    for method in methods:
        if method in found or method in LEFT_OUT:
            continue
        if IDENTITY in method:
            found[method] = "muted", "x"
        elif method == CLONING:
            found[method] = "wake", "D"
        else:
            found[method] = ("oracle", "s") if method.startswith("oracle") else ("script", "P")
    return found


def latency_curves(curves: Sequence[dict[str, Any]], label: str) -> Markup | None:
    """Success (per cent, Wilson 95 %) of each method against latency; dashed and hollow where planners are not told."""
    drawn = styles(list(dict.fromkeys(curve["method"] for curve in curves)))
    curves = [curve for curve in curves if curve["method"] in drawn]
    # Told or not is all one to those that cannot be told: they have one line.
    learned = {curve["method"] for curve in curves if not curve["told"]}
    if not curves:
        return None
    delays = sorted({point["delay_ms"] for curve in curves for point in curve["points"]})
    apart = (delays[-1] - delays[0]) / 90
    figure = Figure(figsize=(WIDTH_IN, 3.3))
    axes = panel(figure, (0.12, 0.34, 0.84, 0.62))
    for k, curve in enumerate(curves):
        role, marker = drawn[curve["method"]]
        colour, told = COLOUR[role], curve["told"]
        x = [point["delay_ms"] + apart * (k - (len(curves) - 1) / 2) for point in curve["points"]]
        for at, point in zip(x, curve["points"]):
            axes.plot([at, at], [100 * point["low"], 100 * point["high"]], color=colour, lw=3.5, alpha=0.25)
        y = [100 * point["success"] for point in curve["points"]]
        face = colour if told else "none"
        axes.plot(x, y, color=colour, lw=1.8, ls="-" if told else (0, (4, 2.5)), marker=marker, ms=6, mfc=face)
    axes.set(ylim=(-3, 103), yticks=[0, 25, 50, 75, 100])
    axes.set_xticks(delays, [f"{delay:g}" for delay in delays])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.grid(axis="y", color=COLOUR["rule"], lw=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("latency, ms", color=COLOUR["muted"], fontsize=FONT_PT, labelpad=3)
    _legend(figure, drawn, learned)
    return to_svg(figure, label)


def _legend(figure: Figure, drawn: dict[str, tuple[str, str]], learned: set[str]) -> None:
    lines = [
        Line2D([], [], color=COLOUR[role], marker=marker, lw=1.8, ms=6, label=method)
        for method, (role, marker) in drawn.items()
    ]
    if learned:
        lines.append(Line2D([], [], color=COLOUR["ink"], lw=1.8, ls=(0, (4, 2.5)), label="not told of it"))
    legend = figure.legend(
        handles=lines, loc="lower center", ncols=2, frameon=False, fontsize=FONT_PT - 0.5, handlelength=2.6
    )
    for text in legend.get_texts():
        text.set_color(COLOUR["ink"])


def heat_map(told: dict[str, Any], label: str) -> Markup:
    """One method in one scene: a row a factor, from its usual to its greatest strength; success in per cent in each."""
    factors = told["factors"]
    most = max(len(points) for points in factors.values()) + 1
    height = ROW_IN * len(factors) + HEAD_IN
    figure = Figure(figsize=(WIDTH_IN, height))
    axes = figure.add_axes((0.27, 0.0, 0.73, 1 - HEAD_IN / height))
    axes.set(xlim=(0, most), ylim=(len(factors), 0))
    axes.axis("off")
    for row, (factor, points) in enumerate(factors.items()):
        place = dict(transform=axes.get_yaxis_transform(), ha="right", va="center", clip_on=False)
        axes.text(-0.02, row + 0.5, factor.replace("_", " "), color=COLOUR["ink"], fontsize=FONT_PT, **place)
        cells = [("as usual", told["usual"]), *((strength_words(factor, p["strength"]), p) for p in points)]
        for column, (words, point) in enumerate(cells):
            _cell(axes, column, row, words, point["success"])
    return to_svg(figure, label)


def _cell(axes: Any, column: int, row: int, words: str, rate: float) -> None:
    opacity = FAINTEST + (FULLEST - FAINTEST) * rate
    axes.bar(column + 0.5, 0.92, width=0.96, bottom=row + 0.04, color=COLOUR["calm"], alpha=opacity, lw=0)
    axes.text(
        column + 0.5, row + 0.36, f"{100 * rate:.0f} %", color=COLOUR["ink"], fontsize=FONT_PT, ha="center", va="center"
    )
    axes.text(column + 0.5, row + 0.74, words, color=COLOUR["ink"], fontsize=FONT_PT - 2.5, ha="center", va="center")
