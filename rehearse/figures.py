"""The page's figures as inline SVG that follows the page's colours, light and dark, and its fonts.

    curve = signal_curve("disturbance", [Line(times_s, disturbance, "calm")])      # Curve(svg, left, width)
    svg = against_futures(rows, "success", "Fetched, in per cent", "calm")

Matplotlib cannot write ``var(--ink)``, so each role is drawn in a marker colour that is exchanged afterwards. The
roles are defined in templates/page.css; their hues are those of Okabe and Ito, which colour-blind people tell apart.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ROLES = ("ink", "muted", "rule", "calm", "wake", "progress", "script", "oracle")
COLOUR = {role: f"#0{i}0{i}0{i}" for i, role in enumerate(ROLES, start=1)}
WIDTH_IN, FONT_PT = 4.4, 9.5
HARM, TOP_LEAST, TOP_MOST = 1.0, 1.3, 2.6
SMALLEST_SPAN_S = 1e-3


@dataclass(frozen=True)
class Line:
    """One curve: times_s (T,), values (T,), the role that colours it, and how it is drawn."""

    times_s: np.ndarray
    values: np.ndarray
    role: str
    width: float = 2.0
    dashed: bool = False
    opacity: float = 1.0
    filled: bool = False


@dataclass(frozen=True)
class Curve:
    """An SVG, and where its time axis begins and how far it reaches, in per cent of the SVG's width."""

    svg: Markup
    left: float
    width: float


def to_svg(figure: Figure, label: str) -> Markup:
    """Inline SVG: scalable, described for those who do not see it, roles for colours, the page's font."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r'\s(?:xmlns(?::\w+)?)="http[^"]*"', "", text)  # needed in a file of its own, not within HTML
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font-family: [^;\"]*;?", "", text)
    for role, colour in COLOUR.items():
        text = text.replace(colour, f"var(--{role})")
    text = text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
    return Markup(text)


def standalone(svg: Markup) -> str:
    """The SVG for a file of its own: with its namespace, in the page's light colours, on the page's paper."""
    css = (Path(__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
    text = str(svg).replace(
        "<svg", '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"', 1
    )
    text = text.replace('role="img"', 'role="img" font-family="system-ui, sans-serif"', 1)
    paper = _light(css, "paper")
    text = re.sub(r"(<svg[^>]*>)", rf'\1<rect width="100%" height="100%" fill="{paper}"/>', text, count=1)
    for role in ROLES:
        text = text.replace(f"var(--{role})", _light(css, role))
    return text


def _light(css: str, name: str) -> str:
    """The first definition of a colour in the stylesheet, which is the light one."""
    return re.search(rf"--{name}: (#[0-9a-f]{{6}})", css).group(1)


def panel(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Axes in the page's style at (left, bottom, width, height), as shares of the figure."""
    axes = figure.add_axes(box)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(COLOUR["rule"])
    axes.tick_params(colors=COLOUR["muted"], labelsize=FONT_PT, length=0, pad=4)
    return axes


def top_of(lines: Sequence[Line]) -> float:
    """Highest value shown: all of a calm future, not the whole of a leap far beyond harm."""
    highest = max((float(np.nanmax(line.values, initial=0.0)) for line in lines), default=0.0)
    return float(np.clip(highest * 1.08, TOP_LEAST, TOP_MOST))


def signal_curve(
    label: str,
    lines: Sequence[Line],
    span_s: float | None = None,
    top: float | None = None,
    marks_s: Sequence[float] = (),
    height_in: float = 1.35,
    width_in: float = WIDTH_IN,
    threshold: str | None = "wakes",
) -> Curve:
    """Signals over time with the ``threshold`` of harm, by its name; what lies above it is drawn as such.

    With None, 1 is no threshold but all that there is to reach. The axis ends at ``span_s``, or with the longest line;
    ``marks_s`` are moments pointed out on the time axis.
    """
    start = min((float(line.times_s[0]) for line in lines), default=0.0)
    last = max((float(line.times_s[-1]) for line in lines), default=0.0)
    end = max(last if span_s is None else start + span_s, start + SMALLEST_SPAN_S)
    top = top or top_of(lines)
    left, bottom, width = 0.55 / width_in, 0.38 / height_in, 1 - 0.68 / width_in
    figure = Figure(figsize=(width_in, height_in))
    axes = panel(figure, (left, bottom, width, 0.97 - bottom))
    for line in lines:
        style = dict(color=COLOUR[line.role], alpha=line.opacity, clip_on=True, solid_capstyle="round")
        axes.plot(line.times_s, line.values, lw=line.width, ls=(0, (4, 2.5)) if line.dashed else "-", **style)
        if line.filled:
            axes.fill_between(line.times_s, line.values, color=COLOUR[line.role], alpha=0.14, lw=0)
            above = dict(where=line.values > HARM, interpolate=True, color=COLOUR["wake"], alpha=0.55, lw=0)
            axes.fill_between(line.times_s, line.values, HARM, **above)
    axes.set(xlim=(start, end), ylim=(-0.03 * top, top))
    if threshold is None:
        axes.set_yticks([0, 1])
    else:
        axes.axhline(HARM, color=COLOUR["wake"], lw=1, ls=(0, (1, 2)))
        axes.set_yticks([0, HARM], ["0", threshold])
        axes.get_yticklabels()[1].set_color(COLOUR["wake"])
    axes.locator_params(axis="x", nbins=6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
    axes.tick_params(axis="x", pad=8 if len(marks_s) else 4)
    for mark in marks_s:
        axes.plot(mark, -0.03 * top, marker="^", ms=7, color=COLOUR["ink"], clip_on=False, zorder=5)
    return Curve(to_svg(figure, label), 100 * left, 100 * width)


def _interval(row: dict, name: str) -> tuple[float, float] | None:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return None if low is None or high is None else (100 * low, 100 * high)


def against_futures(rows: Sequence[dict], name: str, label: str, role: str) -> Markup | None:
    """Rate ``name`` of the planners against their number of futures (log), with what stands beside it as bands.

    ``rows`` carry ``futures`` where they plan. None when no planner reports ``name``.
    """
    planners = (r for r in rows if r["method"].startswith("planner-") and r.get(name) is not None)
    plans = sorted((r for r in planners if r.get("futures")), key=lambda r: r["futures"])
    if not plans:
        return None
    figure = Figure(figsize=(WIDTH_IN, 3.0))
    axes = panel(figure, (0.12, 0.17, 0.655, 0.79))
    texts = []
    for method, text, colour, style in (
        ("script-best", "best script", "script", (0, (5, 2))),
        ("oracle", "true physics", "oracle", (0, (1, 1.5))),
    ):
        row = next((r for r in rows if r["method"] == method and r.get(name) is not None), None)
        if row is None:
            continue
        if band := _interval(row, name):
            axes.axhspan(*band, color=COLOUR[colour], alpha=0.13, lw=0)
        axes.axhline(100 * row[name], color=COLOUR[colour], lw=1.4, ls=style)
        texts.append((100 * row[name], text, colour))
    x, y = [r["futures"] for r in plans], [100 * r[name] for r in plans]
    for row, at in zip(plans, x):
        if band := _interval(row, name):
            axes.plot([at, at], band, color=COLOUR[role], lw=5, alpha=0.28, solid_capstyle="butt")
    axes.plot(x, y, color=COLOUR[role], lw=2, marker="o", ms=6.5)
    texts.append((y[-1], "Rehearse", role))
    _beside(axes, texts)
    axes.set_xscale("log")
    axes.set(ylim=(-3, 103), yticks=[0, 25, 50, 75, 100], xlim=(x[0] / 1.6, x[-1] * 1.6))
    axes.set_xticks(x, [f"{n:,}" for n in x])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.grid(axis="y", color=COLOUR["rule"], lw=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("futures imagined at each step", color=COLOUR["muted"], fontsize=FONT_PT, labelpad=5)
    return to_svg(figure, label)


def _beside(axes: Axes, texts: list[tuple[float, str, str]], apart: float = 7.0) -> None:
    """Names of the lines right of the panel (y in per cent), moved up until none covers another."""
    lowest = -np.inf
    ordered = sorted(texts)
    room = 100.0 - apart * (len(ordered) - 1)  # names near the top must leave space for those above them
    for i, (y, text, role) in enumerate(ordered):
        lowest = max(min(y, room + apart * i), lowest + apart)
        place = dict(transform=axes.get_yaxis_transform(), ha="left", va="center", clip_on=False)
        axes.text(1.02, lowest, text, color=COLOUR[role], fontsize=FONT_PT, weight="bold", **place)
