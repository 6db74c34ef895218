"""Make the pictures of README and docs in docs/media: filmstrip.png, futures-*.svg; and, of what is in the repository,
arms.png, robots.png, tasks.png and robustness-*.svg.

    rehearse eval --episodes 100 --json benchmarks/results/half.json
    python docs/make_media.py benchmarks/results/half.json
    python docs/make_media.py                                   # the others alone

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
from rehearse.figures import standalone
from rehearse.files import atomic_write
from rehearse.sim.agents import make_agent
from rehearse.sim.arms import ARMS
from rehearse.sim.cameras import CAMERAS
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.oddities import ODDITIES
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.evaluate import EvalConfig
from rehearse.sim.reach.env import ARMS as REACHING
from rehearse.sim.tasks import get_task, task_names
from rehearse.stories import habit, tell
from rehearse.suites.figures import heat_map
from rehearse.world_model import shipped_checkpoint

CONFIG = EvalConfig(methods=("nothing",))
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


def task_row(name: str, **options: str) -> Image.Image:
    """A task: what the robot sees at first, the goal's picture, and four film frames of the best script."""
    task = get_task(name)
    env = task.make_env(None, "validation", options, render_mode="rgb_array", render_size=(HEIGHT, WIDTH))
    observation, _ = env.reset(options={"layout": 3})
    agent = make_agent(task, "script-best")
    agent.reset(env, observation, np.random.default_rng(0))
    film, done = [env.render()], False
    while not done:
        _, _, terminated, truncated, _ = env.step(agent.act(env))
        film.append(env.render())
        done = terminated or truncated
    env.close()
    row = Image.new("RGB", (2 * (HEIGHT + GAP) + 4 * (WIDTH + GAP) - GAP, HEIGHT + LABEL), PAPER)
    said = f"{' '.join([name, *options.values()])}: {task.summary}"
    ImageDraw.Draw(row).text((2, 4), said, fill=INK, font=ImageFont.load_default(size=16))
    for column, picture in enumerate([observation["image"], observation.get("goal")]):
        if picture is not None:
            square = Image.fromarray(picture).resize((HEIGHT, HEIGHT), Image.Resampling.NEAREST)
            row.paste(square, (column * (HEIGHT + GAP), LABEL))
    for column, pick in enumerate(np.linspace(0, len(film) - 1, 4).round().astype(int)):
        row.paste(Image.fromarray(film[pick]), (2 * (HEIGHT + GAP) + column * (WIDTH + GAP), LABEL))
    return row


def pulled(steps: int, **settings: object) -> tuple[np.ndarray, dict]:
    """A film frame and what the robot sees after some steps of the best script on one layout."""
    env = DogOnJacketEnv(split="validation", render_mode="rgb_array", terminate_when_woken=False, **settings)
    observation, _ = env.reset(options={"layout": 3})
    script = TASK.scripts["script-best"]()
    script.reset(env.world, np.random.default_rng(0))
    for _ in range(steps):
        observation = env.step(script.act(env.world))[0]
    frame = env.render()
    env.close()
    return frame, observation


def tiles(pictures: dict[str, np.ndarray], width: int, height: int) -> Image.Image:
    """One row of pictures (h,w,3) side by side, each under its name, all made so large."""
    row = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, height + LABEL), PAPER)
    for column, (name, picture) in enumerate(pictures.items()):
        left = column * (width + GAP)
        ImageDraw.Draw(row).text((left + 2, 4), name, fill=INK, font=ImageFont.load_default(size=16))
        row.paste(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS), (left, LABEL))
    return row


def arms() -> None:
    """Write arms.png: the arms on film, the cameras' views and the oddities as the robot sees them, but larger."""
    films = {name: pulled(1, arm=name)[0] for name in ARMS}
    views = pulled(6, views=tuple(CAMERAS), image_size=2 * HEIGHT)[1]["views"]
    strange = {name: pulled(0, oddity=name, image_size=2 * HEIGHT)[1]["image"] for name in ODDITIES}
    side = (len(films) * (4 * WIDTH // 3 + GAP) - GAP - 3 * GAP) // 4
    rows = [tiles(films, 4 * WIDTH // 3, WIDTH), tiles(views, side, side), tiles(strange, side, side)]
    save(rows, "arms.png")


def robustness() -> None:
    """How every task's planner bears what goes otherwise, from the latest run of the suite."""
    report = json.loads((MEDIA.parents[1] / "benchmarks" / "results" / "robustness.json").read_text(encoding="utf-8"))
    for part in report["parts"]:
        told = next(each for each in part["robustness"] if each["method"] == part["main"])
        label = f"Success of {told['method']} in {part['name']} under every variation"
        with atomic_write(MEDIA / f"robustness-{part['name']}.svg") as path:
            path.write_text(standalone(heat_map(told, label)), encoding="utf-8")


def save(rows: list[Image.Image], name: str) -> None:
    """Write the rows under each other."""
    sheet = Image.new("RGB", (rows[0].width + 16, sum(row.height for row in rows) + 4 * len(rows) + 12), PAPER)
    top = 8
    for row in rows:
        sheet.paste(row, (8, top))
        top += row.height + 4
    with atomic_write(MEDIA / name) as path:
        sheet.save(path, optimize=True)


def main(results: Path) -> None:
    """Write the pictures."""
    report = json.loads(results.read_text())
    layout = layout_to_show(report["episodes"])
    agent = make_agent(TASK, "planner-512", shipped_checkpoint(TASK.checkpoint))
    pull, story = habit(CONFIG, layout), tell(agent, CONFIG, layout, decisions=1)
    imagined = story.decisions[0].candidates[0].frames
    picks = np.linspace(0, len(story.film) - 1, COLUMNS).round().astype(int).tolist()
    dreams = np.linspace(0, len(imagined) - 1, COLUMNS).round().astype(int).tolist()
    rows = [
        strip(pull.film, picks, f"a habit pulls: {pull.outcome}", WAKE),
        strip(story.film, picks, f"imagination pulls: {story.outcome}", INK),
        strip(imagined, dreams, "what it imagined at its first decision, 0.2 to 2.0 s ahead (64 x 64 pixels)", INK),
    ]
    save(rows, "filmstrip.png")
    write_figures(TASK, report["rows"], MEDIA)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    arms()
    robustness()
    save([task_row("reach", arm=name) for name in REACHING], "robots.png")
    save([task_row(name) for name in task_names()], "tasks.png")
