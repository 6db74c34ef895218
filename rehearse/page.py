"""One self-contained HTML page: what was imagined, what then happened, and how often it went well.

    write_page("report.html", rows, [story], {"level": "half", "seeds": "0..199"}, contrast=habit)

Everything stands in the one file: styles, script, SVG figures, H.264 films as data URIs. Nothing is loaded from
elsewhere. Letters: T film frames, H imagined steps, A action dimension. Index h of what is imagined is what is seen
on arrival, one period after film frame ``step + h``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rehearse.errors import DataError
from rehearse.figures import WAKES, Curve, Line, against_futures, signal_curve
from rehearse.files import atomic_write
from rehearse.film import SPRITE_CRF, SPRITE_SCALE, check_frames, data_uri, encode_mp4, hold_last, sprite

FPS = 5
PERIOD_S = 1 / FPS
HOLD_STEPS = 5  # a film rests on its last frame for a second before it begins anew
TEMPLATES = Path(__file__).parent / "templates"
REFERENCES = ("nothing", "random", "oracle")
METHOD_NAMES = {
    "nothing": "Hold still",
    "random": "Random motion",
    "script-fast": "Script: the fast pull",
    "script-best": "Script: the best pull",
    "oracle": "Planner on true physics",
}


@dataclass(frozen=True)
class ImaginedView:
    """One imagined future: frames (H,h,w,3) uint8, signals (H,), actions (H,A), cost and its parts, the verdict.

    ``verdict`` begins with "chosen", "runner-up" or "rejected".
    """

    frames: np.ndarray
    cost: float
    parts: dict[str, float]
    disturbance: np.ndarray
    progress: np.ndarray
    woken: np.ndarray
    actions: np.ndarray
    verdict: str

    def __post_init__(self) -> None:
        check_frames("imagined future", self.frames)
        _check_lengths("imagined future", len(self.frames), disturbance=self.disturbance, progress=self.progress)
        _check_lengths("imagined future", len(self.frames), woken=self.woken)


@dataclass(frozen=True)
class DecisionView:
    """One decision: how many futures were imagined in how long, some of them (the chosen one first), what happened.

    ``happened``: the real camera's frames (at most H of them) that then followed.
    """

    step: int
    time_s: float
    futures: int
    milliseconds: float
    candidates: tuple[ImaginedView, ...]
    happened: np.ndarray


@dataclass(frozen=True)
class Story:
    """One episode: film (T,h,w,3) uint8 at 5 fps, disturbance (T,) where 1 wakes, progress (T,), some decisions."""

    title: str
    outcome: str
    film: np.ndarray
    disturbance: np.ndarray
    progress: np.ndarray
    decisions: tuple[DecisionView, ...] = ()

    def __post_init__(self) -> None:
        check_frames(f"story '{self.title}'", self.film)
        _check_lengths(f"story '{self.title}'", len(self.film), disturbance=self.disturbance, progress=self.progress)


def write_page(
    path: str | Path,
    rows: Sequence[dict],
    stories: Sequence[Story],
    about: dict[str, str],
    contrast: Story | None = None,
) -> None:
    """Write the page, whole or not at all.

    ``rows`` hold ``method`` and, where measured, n, success, woken (each with _low and _high, the interval), time_s,
    disturbance_median, futures. ``contrast`` is the habit shown beside ``stories[0]``: same layout, a fast pull.
    """
    rows = [_with_futures(row) for row in rows]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, number=number)
    page = environment.get_template("page.html.j2").render(
        fps=FPS,
        hero=_hero(stories, contrast),
        stories=[_story(story, i) for i, story in enumerate(stories, start=1)],
        rows=[_table_row(row) for row in rows],
        figures=_figures(rows),
        headline=_headline(rows),
        futures=max([*(row.get("futures") or 0 for row in rows), *_imagined(stories)], default=0),
        episodes=sorted({row["n"] for row in rows if row.get("n") is not None}),
        about=about,
    )
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


# -- numbers ---------------------------------------------------------------------------------------------------------


def percent(rate: float | None) -> str:
    """0.914 -> "91 %" (no-break space); a small rate that is not nought keeps a digit; what is missing is a dash."""
    if rate is None or not math.isfinite(rate):
        return "–"
    return f"{100 * rate:.1f}\u00a0%" if 0 < rate < 0.02 else f"{100 * rate:.0f}\u00a0%"


def number(value: float | None, digits: int = 2) -> str:
    """A short number with a true minus sign; what is missing is a dash."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.{digits}f}".replace("inf", "∞").replace("-", "−")


def _check_lengths(name: str, length: int, **signals: np.ndarray) -> None:
    for field, signal in signals.items():
        if np.shape(signal) != (length,):
            raise DataError(f"{name}: {field} is {np.shape(signal)}, expected ({length},), one value a frame")


def _imagined(stories: Sequence[Story]) -> list[int]:
    return [decision.futures for story in stories for decision in story.decisions]


# -- results ---------------------------------------------------------------------------------------------------------


def _with_futures(row: dict) -> dict:
    """The row with ``futures`` only where it belongs on the curve: planners that imagine with the model."""
    kind, _, count = row["method"].partition("-")
    if kind != "planner":
        return {**row, "futures": None}
    return {**row, "futures": int(count) if count.isdigit() else row.get("futures")}


def _name(row: dict) -> str:
    if row["futures"]:
        return f"Rehearse, {row['futures']:,} future{'s' if row['futures'] > 1 else ''}"
    return METHOD_NAMES.get(row["method"], row["method"])


def _best(rows: Sequence[dict]) -> dict | None:
    """The planner with most futures."""
    return max((row for row in rows if row.get("futures")), key=lambda row: row["futures"], default=None)


def _rate(row: dict, name: str) -> dict:
    value = row.get(name)
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    if value is None or not math.isfinite(value):
        return dict(value=None, low=None, high=None)
    return dict(value=value, low=value if low is None else low, high=value if high is None else high)


def _table_row(row: dict) -> dict:
    return dict(
        method=row["method"],
        name=_name(row),
        kind="reference" if row["method"] in REFERENCES else "planner" if row["futures"] else "script",
        success=_rate(row, "success"),
        woken=_rate(row, "woken"),
        time_s=row.get("time_s"),
        disturbance=row.get("disturbance_median"),
    )


def _headline(rows: Sequence[dict]) -> dict | None:
    """The planner with most futures beside the best script, where both were measured."""
    ours, script = _best(rows), next((row for row in rows if row["method"] == "script-best"), None)
    if ours is None or script is None or None in (ours.get("success"), script.get("success")):
        return None
    keys = ("success", "woken")
    return dict(
        n=ours.get("n"),
        ours={key: ours.get(key) for key in keys},
        script={key: script.get(key) for key in keys},
        futures=ours["futures"],
    )


def _figures(rows: Sequence[dict]) -> list[tuple[str, Markup]]:
    panels = (
        ("Jacket fetched, dog asleep", "success", "calm"),
        ("Dog woken", "woken", "wake"),
    )
    drawn = [
        (title, against_futures(rows, name, f"{title}, in per cent, against the number of futures", role))
        for title, name, role in panels
    ]
    return [(title, svg) for title, svg in drawn if svg is not None]


# -- films -----------------------------------------------------------------------------------------------------------


def _times(count: int, first: int = 0) -> np.ndarray:
    return PERIOD_S * np.arange(first, first + count)


def _film(story: Story, steps: int, curve: Curve, caption: str) -> dict:
    """What the template needs of one film with its curve; ``steps`` frames, the last one held."""
    waking = np.flatnonzero(np.asarray(story.disturbance) >= WAKES)
    return dict(
        uri=data_uri(encode_mp4(hold_last(story.film, steps + HOLD_STEPS), FPS)),
        width=story.film.shape[2],
        height=story.film.shape[1],
        title=story.title,
        outcome=story.outcome,
        caption=caption,
        curve=curve,
        # The curves of a pair share one axis of `steps` frames, so the cursor runs over that many.
        last=max(steps - 1, 1),
        own_last=len(story.film) - 1,
        wakes_at=int(waking[0]) if len(waking) else -1,
        disturbance=[round(float(value), 2) for value in story.disturbance],
    )


def _hero(stories: Sequence[Story], contrast: Story | None) -> list[dict]:
    """The habit and the plan, one axis and one length, so that they loop in step."""
    if not stories:
        return []
    pair = [(contrast, "A habit pulls")] if contrast is not None else []
    pair.append((stories[0], "Imagination pulls"))
    steps = max(len(story.film) for story, _ in pair)
    top = max(float(np.clip(1.08 * np.nanmax(story.disturbance), 1.3, 2.6)) for story, _ in pair)
    films = []
    for story, caption in pair:
        line = Line(_times(len(story.film)), story.disturbance, "calm", filled=True)
        curve = signal_curve(f"{caption}: disturbance of the dog over time", [line], PERIOD_S * max(steps - 1, 1), top)
        films.append(_film(story, steps, curve, caption))
    return films


def _story(story: Story, index: int) -> dict:
    times = _times(len(story.film))
    lines = [
        Line(times, story.progress, "progress", width=1.6),
        Line(times, story.disturbance, "calm", filled=True),
    ]
    label = f"{story.title}: disturbance and progress over time"
    curve = signal_curve(
        label, lines, marks_s=[PERIOD_S * decision.step for decision in story.decisions], height_in=2.3
    )
    return dict(
        film=_film(story, len(story.film), curve, story.title),
        decisions=[_decision(decision, story, f"{index}.{k}") for k, decision in enumerate(story.decisions, start=1)],
    )


def _decision(decision: DecisionView, story: Story, key: str) -> dict:
    """One decision's tiles, all cut from one film, and its curves. Tile 1 is what then happened, if it is known."""
    if not decision.candidates:
        raise DataError(f"story '{story.title}', step {decision.step}: no candidates, expected the chosen one first")
    chosen, *others = decision.candidates
    tiles = [_tile(chosen)]
    films = [chosen.frames]
    if len(decision.happened):
        check_frames(f"story '{story.title}', step {decision.step}, happened", decision.happened)
        films.append(decision.happened)
        tiles.append(dict(kind="happened", title="what then happened", steps=len(decision.happened)))
    films += [view.frames for view in others]
    tiles += [_tile(view) for view in others]
    grid, columns = sprite(films)
    height, width = (SPRITE_SCALE * side for side in chosen.frames.shape[1:3])
    for i, tile in enumerate(tiles):
        tile.update(x=i % columns * width, y=i // columns * height)
    steps = len(grid)
    return dict(
        key=key,
        time_s=decision.time_s,
        futures=decision.futures,
        milliseconds=decision.milliseconds,
        uri=data_uri(encode_mp4(hold_last(grid, steps + HOLD_STEPS), FPS, SPRITE_CRF)),
        width=width,
        height=height,
        tiles=tiles,
        curve=_decision_curve(decision, story, steps),
        last=max(steps - 1, 1),
    )


def _decision_curve(decision: DecisionView, story: Story, steps: int) -> Curve:
    lines = []
    for view in decision.candidates[:0:-1]:
        role, width = ("wake", 1.3) if _kind(view) == "rejected" else ("muted", 1.3)
        lines.append(Line(_times(len(view.frames), decision.step + 1), view.disturbance, role, width, opacity=0.75))
    chosen = decision.candidates[0]
    lines.append(Line(_times(len(chosen.frames), decision.step + 1), chosen.disturbance, "calm", width=3.2))
    true = story.disturbance[decision.step + 1 : decision.step + 1 + steps]
    if len(true):
        lines.append(Line(_times(len(true), decision.step + 1), true, "ink", width=1.7, dashed=True))
    label = f"Imagined disturbance of {len(decision.candidates)} futures at {decision.time_s:.1f} s"
    return signal_curve(label, lines, PERIOD_S * max(steps - 1, 1), height_in=2.2, width_in=5.4)


def _kind(view: ImaginedView) -> str:
    return next((kind for kind in ("chosen", "rejected") if view.verdict.startswith(kind)), "runner-up")


def _tile(view: ImaginedView) -> dict:
    woken = view.woken[np.isfinite(view.woken)]
    return dict(
        kind=_kind(view),
        title=view.verdict.replace(" %", "\u00a0%"),
        cost=view.cost,
        parts=view.parts,
        woken=float(woken.max()) if len(woken) else None,
        progress=float(view.progress[-1]),
    )
