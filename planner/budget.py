"""The time of a decision: how much may be imagined next, so that the plan is there at its deadline.

    budget = Budget(deadline_s=0.1, clock=time.perf_counter)
    budget.begin()
    for n in budget.fit([1024, 1024]):      # smaller ones if there was no time for so many the last time
        for size in budget.slices(n):       # sizes that add up to n; ends early when the next would likely be late
            ...imagine so many...
    budget.finish()                         # after everything else that the decision costs

How much fits is learnt by trying, decision after decision, on this machine under its load: a small slice costs more
than its share of a large one, and what others do on the same cores is not to be foreseen.
"""

from collections import deque
from collections.abc import Callable, Iterator

REMEMBERED = 32
CAREFUL = 0.9  # slices and finishing are expected to take as long as nine of ten did
SLICES = 10  # to a decision, at least: what is interrupted in the middle of a slice is late by a slice
SMALLEST, FIRST = 16, 64
EARLY, GROWTH = 0.75, 1.5  # a decision that was made in less than this share of its time may imagine so much more


class Budget:
    """Without a deadline, a population is one slice and nothing ends early. The first slice is always imagined."""

    def __init__(self, deadline_s: float | None, clock: Callable[[], float]) -> None:
        self.deadline_s, self._clock = deadline_s, clock
        self._taken: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)  # futures, seconds
        self._finishing: deque[float] = deque([0.0], maxlen=REMEMBERED)
        self._size, self._affordable, self._asked = FIRST, None, 0

    def begin(self) -> None:
        """The decision begins now."""
        self._began = self._mark = self._clock()
        self._imagined, self.spent = 0, False

    def elapsed_s(self) -> float:
        """Seconds since the decision began."""
        return self._clock() - self._began

    def fit(self, populations: list[int]) -> list[int]:
        """The populations, all made smaller alike where the deadline has not allowed so many futures.

        A search that is cut off within its first population has not searched; one that knows its limits plans for them.
        """
        self._asked = sum(populations)
        if self._affordable is None or self._affordable >= self._asked:
            return populations
        return [max(SMALLEST, int(self._affordable * n / self._asked)) for n in populations]

    def slices(self, n: int) -> Iterator[int]:
        """Sizes that add up to n futures, fewer where time runs out, after which ``spent`` is true."""
        if self.deadline_s is None:
            yield n
            return
        while n > 0:
            size = min(n, self._size)
            expected_s = self._slice_s(size) + _careful(self._finishing)
            if self._imagined and self.elapsed_s() + expected_s > self.deadline_s:
                self.spent = True
                return
            began = self._clock()
            yield size
            self._mark = self._clock()
            self._learn(size, self._mark - began)
            self._imagined += size
            n -= size

    def finish(self) -> float:
        """The decision is made; seconds that it took."""
        self._finishing.append(self._clock() - self._mark)
        elapsed_s = self.elapsed_s()
        if self.spent:
            self._affordable = self._imagined
        elif self._affordable is not None and elapsed_s < EARLY * self.deadline_s:
            self._affordable = min(round(GROWTH * self._affordable), self._asked)
        return elapsed_s

    def _learn(self, size: int, seconds: float) -> None:
        """A slice is to take a tenth of the deadline: twice as large a one next if it took less than half of that."""
        self._taken.append((size, seconds))
        wanted_s = self.deadline_s / SLICES
        if seconds < wanted_s / 2 and size == self._size:
            self._size *= 2
        elif seconds > wanted_s * 2:
            self._size = max(SMALLEST, self._size // 2)

    def _slice_s(self, size: int) -> float:
        """Seconds that a slice of this size may well take; in proportion where none of about this size was seen.

        Much larger ones do not count: a small slice costs more than its share, but not as much as a large one.
        """
        alike = [seconds * max(1.0, size / seen) for seen, seconds in self._taken if seen <= 2 * size]
        return _careful(alike or [seconds * size / seen for seen, seconds in self._taken])


def _careful(seconds: deque[float] | list[float]) -> float:
    """As long as nine of ten took."""
    return sorted(seconds)[min(len(seconds) - 1, int(CAREFUL * len(seconds)))] if seconds else 0.0
