"""A person steers a dream in a terminal: one key, one imagined step, one decoded picture of half-block characters.

    with keyboard() as keys:
        actions = steer(imagine_so_far, do, keys, console, speed=0.4)        # (H,4)

Each character cell shows two pixels: the upper half block in the colour of the upper one, on the colour of the lower.
Time passes only with a key. Directions are those of the picture: the front camera sees +x to its left and +y nearer.
"""

import os
import re
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from rehearse.dreams import MOST_STEPS
from rehearse.errors import ConfigError

# A key's direction; each is done at the speed asked for, one step long.
MOVES = {
    "left": (1, 0, 0),
    "right": (-1, 0, 0),
    "up": (0, -1, 0),
    "down": (0, 1, 0),
    "w": (0, 0, 1),
    "s": (0, 0, -1),
    ".": (0, 0, 0),
}
ACTIONS = ("velocity_x", "velocity_y", "velocity_z", "grip")  # what keys can steer
ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
KEY = re.compile(rb"\x1b[\[O][0-9;]*([A-Za-z~])|(\x1b[\[O]?[0-9;]*$)|(.)", re.DOTALL)
REST_OF_KEY_S = 0.05  # an arrow is three bytes, which may arrive apart
HELP = "arrows: along the picture   w/s: up, down   space: grip   .: wait   q: stop"
BARS = " ▁▂▃▄▅▆▇█"
SHOWN_STEPS = 8  # two signals side by side then fit into 80 columns

# What has been imagined so far: actions (H,4) -> the last picture (h,w,3) and signals {name: (K,H)}.
Imagination = Callable[[np.ndarray], tuple[np.ndarray, dict[str, np.ndarray]]]


@contextmanager
def keyboard() -> Iterator[Iterator[str]]:
    """Keys of the terminal as they are pressed, without Enter and without echo; it is left as it was found."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("--actions keyboard needs a terminal; run it in one, or give --actions a .npy or .csv file")
    try:
        import termios
        import tty
    except ImportError as error:
        raise ConfigError("--actions keyboard needs a POSIX terminal; give --actions a .npy or .csv file") from error
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield presses(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def presses(terminal: int) -> Iterator[str]:
    """Keys from a file descriptor until it ends: arrows by name, letters in lower case, what is no key left out."""
    pending = b""
    while True:
        try:
            read = os.read(terminal, 64)
        except OSError:  # the terminal was closed
            return
        if not read:
            return
        pending += read
        while (begun := KEY.match(pending)) and begun[2] is None:
            pending = pending[begun.end() :]
            key = ARROWS.get(begun[1], "") if begun[1] else begun[3].decode("ascii", "ignore").lower()
            if key:
                yield key
        if pending and not select.select([terminal], [], [], REST_OF_KEY_S)[0]:
            pending = b""  # Escape by itself


def steer(
    imagine: Imagination,
    do: Callable[[np.ndarray], np.ndarray],
    keys: Iterator[str],
    console: Console,
    first: np.ndarray,
    speed: float,
) -> np.ndarray:
    """Take keys until q, the end of the input or MOST_STEPS; returns the actions (H,4) as ``do`` carried them out.

    ``first`` (h,w,3) is the last observed moment, from which the dream sets out.
    """
    actions: list[np.ndarray] = []
    grip = 1.0
    with console.screen() as screen:
        screen.update(view(first, {}, "observed; press a key and it is imagined", console))
        for key in keys:
            if key == "q":
                break
            if key == " ":
                grip, key = -grip, "."
            if key not in MOVES:
                continue
            actions.append(do(np.array([*(speed * np.array(MOVES[key])), grip])))
            picture, said = imagine(np.stack(actions))
            state = f"step {len(actions)}, grip {'closed' if grip > 0 else 'open'}"
            screen.update(view(picture, said, f"imagined: {state}", console))
            if len(actions) == MOST_STEPS:
                break
    return np.stack(actions) if actions else np.empty((0, 4))


def view(picture: np.ndarray, said: dict[str, np.ndarray], state: str, console: Console) -> Group:
    """The picture as large as the terminal allows, and two signals a line below it: course, mean, spread."""
    signals = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "left") * 2:
        signals.add_column(justify=justify, no_wrap=True)
    cells = [cell for name, values in said.items() for cell in _signal(name, values)]
    for start in range(0, len(cells), 6):
        signals.add_row(*cells[start : start + 6])
    rows = console.height - 3 - -(-len(said) // 2)
    return Group(Text(state, "bold"), half_blocks(picture, console.width, rows), signals, Text(HELP, "dim"))


def half_blocks(picture: np.ndarray, columns: int, rows: int) -> Text:
    """A picture (h,w,3) in at most so many character cells; where it must shrink, neighbours are averaged."""
    height, width = picture.shape[:2]
    shrink = max(1, -(-width // max(1, columns)), -(-height // max(2, 2 * rows)))
    shrink = min(shrink, height // 2, width)
    height, width = height - height % (2 * shrink), width - width % shrink
    small = picture[:height, :width].reshape(height // shrink, shrink, width // shrink, shrink, 3).mean((1, 3)).round()
    text = Text(no_wrap=True, end="\n")
    for upper, lower in zip(small[::2].astype(int), small[1::2].astype(int)):
        for above, below in zip(upper, lower):
            text.append("▀", f"rgb({above[0]},{above[1]},{above[2]}) on rgb({below[0]},{below[1]},{below[2]})")
        text.append("\n")
    text.right_crop(1)
    return text


def _signal(name: str, values: np.ndarray) -> tuple[Text, Text, Text]:
    course = values.mean(0)[-SHOWN_STEPS:]
    low, span = min(course.min(), 0.0), max(float(np.ptp([*course, 0.0])), 1e-6)
    bars = "".join(BARS[round(8 * (value - low) / span)] for value in course)
    now = values[:, -1]
    return Text(name), Text(f"{now.mean():.3f}±{now.std():.3f}", "bold"), Text(f"{bars:<{SHOWN_STEPS}}", "blue")
