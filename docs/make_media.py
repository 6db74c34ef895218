"""Make the README's pictures: docs/media/filmstrip.png, futures-success.svg and futures-woken.svg.

    rehearse eval --episodes 100 --json benchmarks/results/half.json
    python docs/make_media.py benchmarks/results/half.json

The film strip shows one test layout three times, at equal times: the fast scripted pull, the planner, and what the
planner imagined at its first decision.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from rehearse.commands.eval import write_figures
from rehearse.files import atomic_write
from rehearse.sim.agents import make_agent
from rehearse.stories import habit, tell
from rehearse.world_model import shipped_checkpoint

MEDIA = Path(__file__).with_name("media")
COLUMNS, WIDTH, HEIGHT, LABEL, GAP = 6, 240, 180, 26, 4
PAPER, INK, WAKE = "#faf8f4", "#22262b", "#c65200"


def layout_to_show(episodes: list[dict]) -> int:
    """The first layout in which the fast pull woke the dog and the planner fetched the jacket."""
    woken = {e["layout"] for e in episodes if e["method"] == "script-fast" and e["woken"]}
    return next(e["layout"] for e in episodes if e["method"] == "planner-512" and e["success"] and e["layout"] in woken)


def strip(frames: np.ndarray, picks: list[int], text: str, colour: str) -> Image.Image:
    """One row: a line of text above COLUMNS frames (T,h,w,3), the last one repeated where the film is over."""
    row = Image.new("RGB", (COLUMNS * (WIDTH + GAP) - GAP, HEIGHT + LABEL), PAPER)
    ImageDraw.Draw(row).text((2, 4), text, fill=colour, font=ImageFont.load_default(size=16))
    for column, pick in enumerate(picks):
        frame = Image.fromarray(frames[min(pick, len(frames) - 1)])
        kind = Image.Resampling.NEAREST if frame.width <= 64 else Image.Resampling.LANCZOS
        row.paste(frame.resize((WIDTH, HEIGHT), kind), (column * (WIDTH + GAP), LABEL))
    return row


def main(results: Path) -> None:
    """Write the pictures."""
    report = json.loads(results.read_text())
    layout = layout_to_show(report["episodes"])
    agent = make_agent("planner-512", shipped_checkpoint("dog-on-jacket-tiny"))
    pull, story = habit(make_agent("script-fast"), layout), tell(agent, layout, decisions=1)
    imagined = story.decisions[0].candidates[0].frames
    picks = np.linspace(0, len(story.film) - 1, COLUMNS).round().astype(int).tolist()
    dreams = np.linspace(0, len(imagined) - 1, COLUMNS).round().astype(int).tolist()
    rows = [
        strip(pull.film, picks, f"a habit pulls: {pull.outcome}", WAKE),
        strip(story.film, picks, f"imagination pulls: {story.outcome}", INK),
        strip(imagined, dreams, "what it imagined at its first decision, 0.2 to 2.0 s ahead (64 x 64 pixels)", INK),
    ]
    sheet = Image.new("RGB", (rows[0].width + 16, sum(row.height for row in rows) + 24), PAPER)
    for number, row in enumerate(rows):
        sheet.paste(row, (8, 8 + number * (row.height + 4)))
    with atomic_write(MEDIA / "filmstrip.png") as path:
        sheet.save(path, optimize=True)
    write_figures(report["rows"], MEDIA)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
