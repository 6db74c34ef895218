"""A thread with a letter box: what comes in while it works waits, and is then taken all at once. Knows no ROS.

worker = Worker("planning", work)       # work(letters) is called in the thread, one list after another
worker.give(letter); worker.give(other, alone=True)
worker.close()
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """Whoever gives it something goes on at once."""

    def __init__(self, name: str, work: Callable[[list[T]], None]) -> None:
        self._work, self._waiting, self._closed = work, [], False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def give(self, letter: T, alone: bool = False) -> None:
        """Have it worked on; ``alone``: what still waits is forgotten."""
        with self._changed:
            if alone:
                self._waiting.clear()
            self._waiting.append(letter)
            self._changed.notify()

    def close(self) -> None:
        """Finish what is being worked on, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                taken, self._waiting = self._waiting, []
            self._work(taken)
