"""A dream for people: a film with truth and imagination side by side, and a strip of the same on one sheet.

    mp4 = encode_mp4(film(dream), frames_per_second(dream))          # (F,h,w,3) uint8
    strip(dream).save("dream.png")

Below both stand the signals: a line for the truth, another for the mean of what the K members imagine, a band from the
least to the greatest of them. Pixels are enlarged as squares, so that nothing looks finer than it was imagined.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

from rehearse.dreams import Dreamed
from rehearse.film import enlarge, hold_last

# The page's light colours (templates/page.css).
PAPER, SUNK, INK, MUTED, RULE, DREAM, BEGIN = (
    *("#faf8f4", "#f1ede5", "#22262b", "#666259", "#e2dcd0"),
    *("#0072b2", "#c65200"),
)
DPI = 100
MARGIN, GAP, BORDER = 24, 8, 4
FILM_TILE, STRIP_TILE, STRIP_WIDTH, STRIP_COLUMNS = 512, 320, 1640, 8
TOP = 106  # of the tiles: below the title, the note and the tiles' own captions
PANELS_ACROSS, PANEL_HEIGHT, TICK_EVERY = 5, 138, 48
LATER = 0.8  # how far curves that lie in the future of a film frame fade into the paper


@dataclass(frozen=True)
class Curves:
    """A picture (h,w,3) of all signals, and where each panel's time axis lies in it: pixel = start + t_s * slope."""

    picture: np.ndarray
    axes: tuple[tuple[float, float, int, int, int], ...]  # start, slope, right end, top, bottom (px)


def frames_per_second(dream: Dreamed) -> int:
    """The film runs as fast as the world did."""
    return max(1, round(1 / dream.period_s))


def film(dream: Dreamed) -> np.ndarray:
    """(F,h,w,3) uint8: every moment once, but for one second the first imagined one, and the last."""
    curves = draw_curves(dream, 3 * MARGIN + 2 * _scale(dream, FILM_TILE) * dream.imagined.shape[2])
    second = frames_per_second(dream)
    frames = [_film_frame(dream, curves, moment) for moment in range(dream.context + len(dream.imagined))]
    frames[dream.context : dream.context + 1] = second * frames[dream.context : dream.context + 1]
    return hold_last(np.stack(frames), len(frames) + second)


def strip(dream: Dreamed) -> Image.Image:
    """Truth above imagination, from the last observed moment to the last imagined one, and the signals below."""
    steps = len(dream.imagined)
    moments = dream.context - 1 + np.unique(np.linspace(0, steps, min(STRIP_COLUMNS, steps + 1)).round().astype(int))
    room = (STRIP_WIDTH - 2 * MARGIN - GAP * (len(moments) - 1)) // len(moments)
    scale = _scale(dream, min(STRIP_TILE, room))
    height, width = (scale * size for size in dream.imagined.shape[1:3])
    curves = draw_curves(dream, STRIP_WIDTH)
    sheet = Image.new("RGB", (STRIP_WIDTH, TOP + 2 * height + GAP + MARGIN + len(curves.picture)), PAPER)
    draw = _titled(sheet, dream)
    for column, moment in enumerate(moments):
        left = MARGIN + column * (width + GAP)
        observed = moment < dream.context
        text = "last observed" if observed else f"step {moment - dream.context + 1}: {dream.lead_s(moment):+.1f} s"
        draw.text((left + width / 2, TOP - 10), text, BEGIN if observed else INK, _font(15), anchor="ms")
        truth = dream.truth[moment] if moment < len(dream.truth) else None
        _tile(sheet, (left, TOP), (width, height), scale, truth, "not known")
        below = left, TOP + height + GAP
        if observed:
            _tile(sheet, below, (width, height), scale, None, f"{count(dream.context, 'moment')}\nobserved")
        else:
            _tile(sheet, below, (width, height), scale, dream.imagined[moment - dream.context], border=DREAM)
    for row, (name, colour) in enumerate((("truth", INK), ("imagined", DREAM))):
        _upright(sheet, name, colour, TOP + row * (height + GAP) + height // 2)
    sheet.paste(Image.fromarray(curves.picture), (0, sheet.height - len(curves.picture)))
    return sheet


def _film_frame(dream: Dreamed, curves: Curves, moment: int) -> np.ndarray:
    scale = _scale(dream, FILM_TILE)
    height, width = (scale * size for size in dream.imagined.shape[1:3])
    sheet = Image.new("RGB", (3 * MARGIN + 2 * width, TOP + height + 16 + len(curves.picture)), PAPER)
    draw = _titled(sheet, dream)
    left, right = MARGIN, 2 * MARGIN + width
    truth = dream.truth[moment] if moment < len(dream.truth) else None
    _tile(sheet, (left, TOP), (width, height), scale, truth, "what would have happened is not known")
    draw.text((left, TOP - 12), "truth", INK, _font(17, bold=True), anchor="ls")
    draw.text((left + width, TOP - 12), f"{moment * dream.period_s:.1f} s", MUTED, _font(16), anchor="rs")
    if moment < dream.context:
        seen = _faded(truth, 0.55)
        _tile(sheet, (right, TOP), (width, height), scale, seen)
        draw.text(
            (right, TOP - 12),
            f"observes, {moment + 1} of {count(dream.context, 'moment')}",
            MUTED,
            _font(17),
            anchor="ls",
        )
    else:
        step = moment - dream.context
        colour = BEGIN if step == 0 else DREAM
        _tile(sheet, (right, TOP), (width, height), scale, dream.imagined[step], border=colour)
        draw.text((right, TOP - 12), "imagination begins" if step == 0 else "imagined", colour, _font(17, True), "ls")
        lead = f"step {step + 1}, {dream.lead_s(moment):+.1f} s"
        draw.text((right + width, TOP - 12), lead, MUTED, _font(16), anchor="rs")
    sheet.paste(Image.fromarray(_until(curves, moment * dream.period_s)), (0, sheet.height - len(curves.picture)))
    return np.asarray(sheet)


def draw_curves(dream: Dreamed, width_px: int) -> Curves:
    """A panel per signal, one for the members' disagreement, and the key, in rows of PANELS_ACROSS; or none."""
    if not dream.said:
        return Curves(np.asarray(Image.new("RGB", (width_px, 18), PAPER)), ())
    names = [*dream.said, "disagreement"]
    rows = -(-(len(names) + 1) // PANELS_ACROSS)
    height_px = rows * PANEL_HEIGHT + 18
    figure = Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI, facecolor=PAPER)
    canvas = FigureCanvasAgg(figure)
    pitch = (width_px - 2 * MARGIN + 26) / PANELS_ACROSS
    boxes = []
    for cell, name in enumerate([*names, "key"]):
        left = MARGIN + 34 + cell % PANELS_ACROSS * pitch
        top = 34 + cell // PANELS_ACROSS * PANEL_HEIGHT
        box = left, height_px - top - (PANEL_HEIGHT - 60), pitch - 60, PANEL_HEIGHT - 60
        axes = figure.add_axes(np.divide(box, (width_px, height_px, width_px, height_px)))
        if name == "key":
            _key(axes, dream)
            continue
        _panel(axes, dream, name, round(pitch - 60) // TICK_EVERY)
        boxes.append((left, pitch - 60, top))
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    end = (dream.context + len(dream.imagined) - 1) * dream.period_s
    axes = tuple(
        (left, span / end, round(left + span), top - 3, top + PANEL_HEIGHT - 60 + 3) for left, span, top in boxes
    )
    return Curves(picture, axes)


def _panel(axes: Axes, dream: Dreamed, name: str, ticks: int) -> None:
    steps, begin = len(dream.imagined), (dream.context - 1) * dream.period_s
    ahead = begin + dream.period_s * np.arange(1, steps + 1)
    axes.set_facecolor("none")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.tick_params(colors=MUTED, labelsize=8, length=0, pad=3)
    axes.set_title(f"chance of {name}" if name in dream.events else name, loc="left", fontsize=9.5, color=INK, pad=6)
    axes.axvline(begin, color=BEGIN, lw=1, ls=(0, (2, 2)))
    if name == "disagreement":
        axes.plot(ahead, dream.disagreement, color=DREAM, lw=2)
    else:
        said = dream.said[name]
        if name in dream.true:
            known = dream.true[name]
            axes.plot(dream.period_s * np.arange(len(known)), known, color=INK, lw=1.6)
        axes.fill_between(ahead, said.min(0), said.max(0), color=DREAM, alpha=0.22, lw=0)
        axes.plot(ahead, said.mean(0), color=DREAM, lw=2, marker="o" if steps == 1 else None)
    axes.set_xlim(0, begin + steps * dream.period_s)
    if name in dream.events:
        axes.set_ylim(-0.05, 1.05)
        axes.set_yticks([0, 1])
    else:
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0) if low > -1e-9 else low, high)
        axes.locator_params(axis="y", nbins=3)
    axes.xaxis.set_major_locator(MaxNLocator(max(1, ticks), steps=(1, 2, 5, 10)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")


def _key(axes: Axes, dream: Dreamed) -> None:
    axes.axis("off")
    members = next(iter(dream.said.values())).shape[0] if dream.said else 0
    marks = [
        Line2D([], [], color=INK, lw=1.6, label="truth"),
        Line2D([], [], color=DREAM, lw=2, label="imagined, mean"),
        Patch(color=DREAM, alpha=0.22, lw=0, label=f"range of {members} heads"),
        Line2D([], [], color=BEGIN, lw=1, ls=(0, (2, 2)), label="last observed"),
    ]
    axes.legend(handles=marks, loc="upper left", frameon=False, fontsize=9, labelcolor=INK, borderaxespad=0)


def _until(curves: Curves, now_s: float) -> np.ndarray:
    """The curves with a line at ``now_s``, and what comes after it faded."""
    picture = curves.picture.copy()
    for start, slope, end, top, bottom in curves.axes:
        now = round(start + slope * now_s)
        picture[top:bottom, now + 1 : end + 6] = _faded(picture[top:bottom, now + 1 : end + 6], LATER)
        picture[top:bottom, now : now + 1] = _rgb(MUTED)
    return picture


def _titled(sheet: Image.Image, dream: Dreamed) -> ImageDraw.ImageDraw:
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN + 14), dream.title, INK, _font(19, bold=True), anchor="ls")
    draw.text((MARGIN, MARGIN + 38), dream.note, MUTED, _font(15), anchor="ls")
    return draw


def _tile(
    sheet: Image.Image,
    place: tuple[int, int],
    size: tuple[int, int],
    scale: int,
    picture: np.ndarray | None,
    text: str = "",
    border: str | None = None,
) -> None:
    """An enlarged picture, or ``text`` on an empty tile; a border lies outside."""
    draw = ImageDraw.Draw(sheet)
    (left, top), (width, height) = place, size
    if border is not None:
        edge = (left - BORDER, top - BORDER, left + width + BORDER - 1, top + height + BORDER - 1)
        draw.rectangle(edge, fill=border)
    if picture is not None:
        sheet.paste(Image.fromarray(enlarge(picture, scale)), place)
        return
    draw.rectangle((left, top, left + width - 1, top + height - 1), fill=SUNK)
    middle = left + width / 2, top + height / 2
    draw.multiline_text(middle, text, MUTED, _font(15), anchor="mm", align="center", spacing=6)


def _upright(sheet: Image.Image, text: str, colour: str, middle: int) -> None:
    """A row's name in the left margin, read from below."""
    label = Image.new("RGB", (160, MARGIN - 4), PAPER)
    ImageDraw.Draw(label).text((80, MARGIN / 2 - 2), text, colour, _font(14, bold=True), anchor="mm")
    sheet.paste(label.rotate(90, expand=True), (0, middle - 80))


def _scale(dream: Dreamed, tile: int) -> int:
    return max(1, tile // max(dream.imagined.shape[1:3]))


def count(number: int, noun: str) -> str:
    """ "3 steps"; "1 step"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _faded(picture: np.ndarray, share: float) -> np.ndarray:
    return ((1 - share) * picture + share * _rgb(PAPER)).round().astype(np.uint8)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font of the curves, which comes with matplotlib."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf" / name), size)
