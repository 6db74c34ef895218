"""What processes are given to do in tests of them: a module of its own, so that they need not load much to begin."""

import os
import time
from pathlib import Path

_ready: list[int] = []


def prepare(first: int) -> None:
    _ready.append(first)


def refuse(first: int) -> None:
    raise KeyError(f"start {first}")


def die(first: int) -> None:
    os._exit(first)


def add(item: int) -> tuple[int, int]:
    time.sleep(0.05 * (item % 3))
    return sum(_ready) + item, os.getpid()


def tick(folder: str) -> None:
    while True:
        Path(folder, str(os.getpid())).write_text(str(time.monotonic()))
        time.sleep(0.05)


def stop(item: int) -> None:
    raise ValueError(f"item {item}")
