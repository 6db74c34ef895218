"""The time of a decision, on a clock that the test moves."""

from collections import deque

import pytest

from rehearse.planner.budget import FIRST, SMALLEST, Budget


class Clock:
    """Time that stands still until it is told to move."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


def decision(budget, clock, n, pace_s, finishing_s=0.0, hiccups=()):
    """One decision of n futures at pace_s each, later slices delayed by the hiccups; sizes and seconds taken."""
    hiccups = deque(hiccups)
    budget.begin()
    sizes = []
    for size in budget.slices(n):
        sizes.append(size)
        clock.now_s += size * pace_s + (hiccups.popleft() if hiccups else 0.0)
    clock.now_s += finishing_s
    return sizes, budget.finish()


def test_without_a_deadline_a_population_is_one_slice():
    clock = Clock()
    budget = Budget(None, clock)
    assert decision(budget, clock, 4096, 1.0) == ([4096], 4096.0)
    assert not budget.spent


def test_all_is_imagined_when_there_is_time():
    clock = Clock()
    budget = Budget(10.0, clock)
    sizes, _ = decision(budget, clock, 300, 0.001)
    assert sum(sizes) == 300
    assert sizes[0] == FIRST
    assert not budget.spent


@pytest.mark.parametrize("pace_s", [1e-5, 1e-4, 1e-3])
def test_the_deadline_is_kept_once_the_pace_is_known_and_little_time_is_wasted(pace_s):
    clock, deadline_s, finishing_s = Clock(), 0.1, 0.01
    budget = Budget(deadline_s, clock)
    for _ in range(3):
        sizes, taken_s = decision(budget, clock, 10**6, pace_s, finishing_s)
    assert budget.spent
    assert taken_s <= deadline_s + 1e-9
    assert taken_s >= deadline_s - 2 * max(SMALLEST * pace_s, deadline_s / 10)
    assert len(sizes) >= (deadline_s - finishing_s) / max(SMALLEST * pace_s, deadline_s / 10) - 2


def test_after_a_hiccup_it_is_more_careful_than_before():
    clock = Clock()
    budget = Budget(0.1, clock)
    decision(budget, clock, 10**6, 1e-4)
    before = sum(decision(budget, clock, 10**6, 1e-4)[0])
    decision(budget, clock, 10**6, 1e-4, hiccups=[0.03])
    sizes, taken_s = decision(budget, clock, 10**6, 1e-4, hiccups=[0.0, 0.0, 0.03])
    assert sum(sizes) < before
    assert taken_s <= 0.1


def test_something_is_always_imagined():
    clock = Clock()
    budget = Budget(1e-6, clock)
    for _ in range(3):
        sizes, _ = decision(budget, clock, 1000, 1.0)
        assert len(sizes) == 1
        assert budget.spent
    assert sizes == [SMALLEST]


def test_populations_are_made_to_fit_what_was_affordable_and_grow_again_with_time():
    clock = Clock()
    budget = Budget(0.1, clock)
    budget.begin()
    assert budget.fit([2000, 1000]) == [2000, 1000]  # nothing is known yet
    decision(budget, clock, 3000, 1e-4)
    cut = budget.fit([2000, 1000])
    assert sum(cut) <= 1000  # a tenth of a millisecond each
    assert cut[0] == pytest.approx(2 * cut[1], abs=1)
    assert budget.fit([200, 100]) == [200, 100]
    for _ in range(9):  # the others have left: ten times as fast
        budget.begin()
        sizes = budget.fit([2000, 1000])
        for n in sizes:
            for size in budget.slices(n):
                clock.now_s += size * 1e-5
        assert budget.finish() <= 0.1
    assert sizes == [2000, 1000]
    assert min(budget.fit([1, 10**9])) == SMALLEST


def test_without_a_deadline_populations_stay_as_they_are():
    assert Budget(None, Clock()).fit([5]) == [5]
