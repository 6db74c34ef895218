"""The time of a decision: how much may be imagined next, so that the plan is there at its deadline.

    budget = Budget(deadline_s=0.1, clock=time.perf_counter)
    budget.begin()
    for slice in budget.slices(n):      # sizes that add up to n; ends early when the next would likely be late
        ...imagine so many...
    budget.finish()                     # after everything else that the decision costs

How long a slice takes, and the finishing, is learnt from the slowest of the last ones, on this machine under its load.
"""

from collections import deque
from collections.abc import Callable, Iterator

REMEMBERED = 32
SLICES = 10  # to a decision, at least: what is interrupted in the middle of a slice is late by a slice
SMALLEST, FIRST = 16, 64


class Budget:
    """Without a deadline, a population is one slice and nothing ends early. The first slice is always imagined."""

    def __init__(self, deadline_s: float | None, clock: Callable[[], float]) -> None:
        self.deadline_s, self._clock = deadline_s, clock
        self._taken: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)  # futures, seconds
        self._finishing: deque[float] = deque([0.0], maxlen=REMEMBERED)

    def begin(self) -> None:
        """The decision begins now."""
        self._began = self._mark = self._clock()
        self._fresh, self.spent = True, False

    def elapsed_s(self) -> float:
        """Seconds since the decision began."""
        return self._clock() - self._began

    def slices(self, n: int) -> Iterator[int]:
        """Sizes that add up to n futures, fewer where time runs out, after which ``spent`` is true."""
        if self.deadline_s is None:
            yield n
            return
        while n > 0:
            size = min(n, self._size())
            if not self._fresh and self.elapsed_s() + self._slowest(size) + max(self._finishing) > self.deadline_s:
                self.spent = True
                return
            began = self._clock()
            yield size
            self._mark = self._clock()
            self._taken.append((size, self._mark - began))
            self._fresh = False
            n -= size

    def finish(self) -> float:
        """The decision is made; seconds that it took."""
        self._finishing.append(self._clock() - self._mark)
        return self.elapsed_s()

    def _size(self) -> int:
        """So many futures as take a tenth of the deadline at the usual pace."""
        if not self._taken:
            return FIRST
        paces = sorted(seconds / size for size, seconds in self._taken)
        usual_s = max(paces[len(paces) // 2], 1e-9)
        return max(SMALLEST, min(int(self.deadline_s / SLICES / usual_s), 1 << 20) // SMALLEST * SMALLEST)

    def _slowest(self, size: int) -> float:
        """Seconds that a slice of this size took at worst; in proportion where none of about this size was seen.

        Much larger ones do not count: a small slice costs more than its share, but not as much as a large one.
        """
        alike = [seconds * max(1.0, size / seen) for seen, seconds in self._taken if seen <= 2 * size]
        return max(alike) if alike else max(seconds * size / seen for seen, seconds in self._taken)
