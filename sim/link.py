"""Between robot and world: actions that arrive late, pictures that do not arrive, or are the one before once more.

    link = Link(layout=3, hold=(0.0, 0.0), delay_steps=2, dropped=0.1, frozen=0.3)
    action = link.sent(action); image = link.seen(step, draw)

Which pictures are lost follows from layout and step alone, so that a stored moment goes on as it did.
"""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np


class Link:
    """One episode's. ``dropped``, ``frozen``: each picture's chance; the first one of an episode always arrives."""

    def __init__(
        self, layout: int, hold: Sequence[float], delay_steps: int = 0, dropped: float = 0.0, frozen: float = 0.0
    ) -> None:
        self.layout, self.dropped, self.frozen = layout, dropped, frozen
        self._on_their_way = deque([np.array(hold, float)] * delay_steps)
        self._shown: np.ndarray | None = None

    def sent(self, action: np.ndarray) -> np.ndarray:
        """Send ``action`` (A,) and get the one that arrives now; until the first does, the world is held still."""
        self._on_their_way.append(np.array(action, float))
        return self._on_their_way.popleft()

    def seen(self, step: int, draw: Callable[[], np.ndarray]) -> np.ndarray:
        """The picture (s, s, 3) that arrives after ``step`` steps; ``draw`` makes the true one."""
        if not self.dropped and not self.frozen:
            return draw()
        freezes, drops = np.random.default_rng((17, self.layout, step)).random(2)
        if step == 0 or self._shown is None or freezes >= self.frozen:
            self._shown = draw()
        return np.zeros_like(self._shown) if step and drops < self.dropped else self._shown.copy()

    def state(self) -> dict[str, np.ndarray]:
        """What is on its way (n, A), and the picture that a frozen one would be, empty where there is none."""
        way = np.array(self._on_their_way, float)
        return {"on_their_way": way, "shown": np.empty(0, np.uint8) if self._shown is None else self._shown.copy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go back to a ``state``."""
        self._on_their_way = deque(np.array(state["on_their_way"]))
        self._shown = np.array(state["shown"]) if state["shown"].size else None
