"""One self-contained HTML page: what was imagined, what then happened, and how often it went well.

    write_page("report.html", task, rows, [story], {"level": "half", "seeds": "0..199"}, contrast=habit)

Everything stands in the one file: styles, script, SVG figures, H.264 films as data URIs. Nothing is loaded from
elsewhere. The words are the task's (rehearse.sim.tale). Letters: T film frames, H imagined steps, A action dimension.
Index h of what is imagined is what is seen on arrival, one period after film frame ``step + h``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rehearse.errors import DataError
from rehearse.figures import HARM, Curve, Line, against_futures, signal_curve, top_of
from rehearse.files import atomic_write
from rehearse.film import SPRITE_CRF, SPRITE_SCALE, check_frames, data_uri, encode_mp4, hold_last, sprite
from rehearse.sim.task import Task

HOLD_STEPS = 5  # a film rests on its last frame for a second before it begins anew
TEMPLATES = Path(__file__).parent / "templates"
REFERENCES = ("nothing", "random", "oracle")


@dataclass(frozen=True)
class ImaginedView:
    """One imagined future: frames (H,h,w,3) uint8, actions (H,A), cost and its parts, the verdict.

    ``verdict`` begins with "chosen", "runner-up" or "rejected". ``strain``, ``harm`` (its chance) and ``progress`` (H,)
    are None where the model does not tell them.
    """

    frames: np.ndarray
    cost: float
    parts: dict[str, float]
    actions: np.ndarray
    verdict: str
    strain: np.ndarray | None = None
    harm: np.ndarray | None = None
    progress: np.ndarray | None = None

    def __post_init__(self) -> None:
        check_frames("imagined future", self.frames)
        told = dict(strain=self.strain, harm=self.harm, progress=self.progress)
        _check_lengths("imagined future", len(self.frames), **told)


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
    """One episode: film (T,h,w,3) uint8, progress (T,), strain (T,) of which 1 is harm, some decisions.

    ``strain`` is None where nothing can be harmed.
    """

    title: str
    outcome: str
    film: np.ndarray
    progress: np.ndarray
    strain: np.ndarray | None = None
    decisions: tuple[DecisionView, ...] = ()

    def __post_init__(self) -> None:
        check_frames(f"story '{self.title}'", self.film)
        _check_lengths(f"story '{self.title}'", len(self.film), strain=self.strain, progress=self.progress)


def write_page(
    path: str | Path,
    task: Task,
    rows: Sequence[dict],
    stories: Sequence[Story],
    about: dict[str, str],
    contrast: Story | None = None,
) -> None:
    """Write the page, whole or not at all.

    ``rows`` are those of an evaluation of the task; what was not measured may be missing. ``contrast`` is the habit
    shown beside ``stories[0]``, on the same layout.
    """
    rows = [_with_futures(row) for row in rows]
    futures = max([*(row.get("futures") or 0 for row in rows), *_imagined(stories)], default=0)
    page = (
        templates()
        .get_template("page.html.j2")
        .render(
            fps=round(1 / task.period_s),
            task=task,
            tale=task.tale,
            lead=task.tale.lead.format(futures=f"{futures:,}" if futures > 1 else "many"),
            hero=_hero(task, stories, contrast),
            stories=[story_view(task, story, i) for i, story in enumerate(stories, start=1)],
            rows=[_table_row(task, row) for row in rows],
            figures=_figures(task, rows),
            headline=_headline(task, rows),
            episodes=sorted({row["n"] for row in rows if row.get("n") is not None}),
            about=about,
        )
    )
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def templates() -> Environment:
    """The templates, with the filters that they use."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, number=number)
    return environment


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


def _check_lengths(name: str, length: int, **signals: np.ndarray | None) -> None:
    for field, signal in signals.items():
        if signal is not None and np.shape(signal) != (length,):
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


def _name(task: Task, row: dict) -> str:
    if row["futures"]:
        return f"Rehearse, {row['futures']:,} future{'s' if row['futures'] > 1 else ''}"
    return task.tale.method(row["method"])


def _best(rows: Sequence[dict]) -> dict | None:
    """The planner with most futures."""
    return max((row for row in rows if row.get("futures")), key=lambda row: row["futures"], default=None)


def _rate(row: dict, name: str) -> dict:
    value = row.get(name)
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    if value is None or not math.isfinite(value):
        return dict(value=None, low=None, high=None)
    return dict(value=value, low=value if low is None else low, high=value if high is None else high)


def _table_row(task: Task, row: dict) -> dict:
    harm = task.harm
    return dict(
        method=row["method"],
        name=_name(task, row),
        kind="reference" if row["method"] in REFERENCES else "planner" if row["futures"] else "script",
        success=_rate(row, "success"),
        harm=None if harm is None else _rate(row, harm.event),
        time_s=row.get("time_s"),
        strain=None if harm is None else row.get(f"{harm.strain}_median"),
    )


def _headline(task: Task, rows: Sequence[dict]) -> dict | None:
    """The planner with most futures beside the best script, where both were measured."""
    ours, script = _best(rows), next((row for row in rows if row["method"] == "script-best"), None)
    if ours is None or script is None or None in (ours.get("success"), script.get("success")):
        return None
    rates = lambda row: dict(  # noqa: E731
        success=row.get("success"), harm=None if task.harm is None else row.get(task.harm.event)
    )
    return dict(n=ours.get("n"), ours=rates(ours), script=rates(script), futures=ours["futures"])


def rate_panels(task: Task) -> list[tuple[str, str, str]]:
    """Title, rate and role of the figures in which rates stand against the number of futures."""
    harm = [] if task.harm is None else [(task.harm.words, task.harm.event, "wake")]
    return [(task.success_words, "success", "calm"), *harm]


def _figures(task: Task, rows: Sequence[dict]) -> list[tuple[str, Markup]]:
    drawn = [
        (title, against_futures(rows, name, f"{title}, in per cent, against the number of futures", role))
        for title, name, role in rate_panels(task)
    ]
    return [(title, svg) for title, svg in drawn if svg is not None]


# -- films -----------------------------------------------------------------------------------------------------------


def _times(task: Task, count: int, first: int = 0) -> np.ndarray:
    return task.period_s * np.arange(first, first + count)


def _film(task: Task, story: Story, steps: int, curve: Curve, caption: str) -> dict:
    """What the template needs of one film with its curve; ``steps`` frames, the last one held."""
    harmed = np.flatnonzero([] if story.strain is None else story.strain >= HARM)
    return dict(
        uri=data_uri(encode_mp4(hold_last(story.film, steps + HOLD_STEPS), round(1 / task.period_s))),
        width=story.film.shape[2],
        height=story.film.shape[1],
        title=story.title,
        outcome=story.outcome,
        caption=caption,
        curve=curve,
        # The curves of a pair share one axis of `steps` frames, so the cursor runs over that many.
        last=max(steps - 1, 1),
        own_last=len(story.film) - 1,
        wakes_at=int(harmed[0]) if len(harmed) else -1,
    )


def _hero(task: Task, stories: Sequence[Story], contrast: Story | None) -> list[dict]:
    """The habit and the plan, one axis and one length, so that they loop in step."""
    if not stories:
        return []
    pair = [(contrast, task.tale.habit)] if contrast is not None else []
    pair.append((stories[0], task.tale.imagination))
    steps = max(len(story.film) for story, _ in pair)
    lines = [_lines(task, story)[-1] for story, _ in pair]
    top, films = top_of(lines), []
    for (story, caption), line in zip(pair, lines, strict=True):
        label = f"{caption}: {_curve_name(task).lower()} over time"
        curve = signal_curve(label, [line], task.period_s * max(steps - 1, 1), top, threshold=_threshold(task))
        films.append(_film(task, story, steps, curve, caption))
    return films


def _threshold(task: Task) -> str | None:
    return None if task.harm is None else task.tale.threshold


def _curve_name(task: Task) -> str:
    return "Progress" if task.harm is None else task.tale.strain


def _lines(task: Task, story: Story) -> list[Line]:
    """Progress, and where something can be harmed the strain, which matters more."""
    times = _times(task, len(story.film))
    if story.strain is None:
        return [Line(times, story.progress, "progress", width=1.6, filled=True)]
    return [
        Line(times, story.progress, "progress", width=1.6),
        Line(times, story.strain, "calm", filled=True),
    ]


def story_view(task: Task, story: Story, index: int) -> dict:
    """What story.html.j2 needs of one film and its decisions."""
    label = f"{story.title}: {_curve_name(task).lower()} over time"
    marks_s = [task.period_s * decision.step for decision in story.decisions]
    curve = signal_curve(label, _lines(task, story), marks_s=marks_s, height_in=2.3, threshold=_threshold(task))
    decisions = enumerate(story.decisions, start=1)
    return dict(
        film=_film(task, story, len(story.film), curve, story.title),
        decisions=[_decision(task, decision, story, f"{index}.{k}") for k, decision in decisions],
    )


def _decision(task: Task, decision: DecisionView, story: Story, key: str) -> dict:
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
        uri=data_uri(encode_mp4(hold_last(grid, steps + HOLD_STEPS), round(1 / task.period_s), SPRITE_CRF)),
        width=width,
        height=height,
        tiles=tiles,
        curve=_decision_curve(task, decision, story, steps),
        last=max(steps - 1, 1),
    )


def _decision_curve(task: Task, decision: DecisionView, story: Story, steps: int) -> Curve | None:
    """Imagined and true strain; None where there is none, or the model does not tell it."""
    if story.strain is None or any(view.strain is None for view in decision.candidates):
        return None
    first, lines = decision.step + 1, []
    for view in decision.candidates[:0:-1]:
        role = "wake" if _kind(view) == "rejected" else "muted"
        lines.append(Line(_times(task, len(view.frames), first), view.strain, role, 1.3, opacity=0.75))
    chosen = decision.candidates[0]
    lines.append(Line(_times(task, len(chosen.frames), first), chosen.strain, "calm", width=3.2))
    true = story.strain[first : first + steps]
    if len(true):
        lines.append(Line(_times(task, len(true), first), true, "ink", width=1.7, dashed=True))
    label = f"Imagined {task.tale.strain.lower()} of {len(decision.candidates)} futures at {decision.time_s:.1f} s"
    span_s = task.period_s * max(steps - 1, 1)
    return signal_curve(label, lines, span_s, height_in=2.2, width_in=5.4, threshold=_threshold(task))


def _kind(view: ImaginedView) -> str:
    return next((kind for kind in ("chosen", "rejected") if view.verdict.startswith(kind)), "runner-up")


def _tile(view: ImaginedView) -> dict:
    chances = np.array([]) if view.harm is None else view.harm[np.isfinite(view.harm)]
    return dict(
        kind=_kind(view),
        title=view.verdict.replace(" %", "\u00a0%"),
        cost=view.cost,
        parts=view.parts,
        harm=float(chances.max()) if len(chances) else None,
        progress=None if view.progress is None else float(view.progress[-1]),
    )
