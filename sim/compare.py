"""Two evaluations of the same method on the same layouts: what changed, and is it more than chance?

    change = compare(before, after, "planner-512", "success")      # episodes as `rehearse eval --json` writes them
    change.difference, change.low, change.high, change.p_value

Episodes are paired by layout, which removes what makes a layout easy or hard from the comparison. The interval of the
difference is a bootstrap over the pairs (Efron 1979), the p-value the exact McNemar test: of the pairs that changed,
as many should have changed either way (McNemar 1947). Both by scipy. With few pairs the bootstrap is too sure of itself
(if all three of three are lost, its interval is a point); the exact test is not, and ``clearly_lower`` asks both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, bootstrap

from rehearse.errors import DataError

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Change:
    """A rate over the same n layouts before and after. ``low``, ``high``: 95 % interval of the difference.

    ``gained`` and ``lost`` count the layouts where it became true and where it no longer is; ``changed`` names all.
    """

    method: str
    quantity: str
    n: int
    before: float
    after: float
    low: float
    high: float
    gained: int
    lost: int
    p_value: float
    changed: tuple[int, ...]

    @property
    def difference(self) -> float:
        """After less before."""
        return self.after - self.before

    def clearly_lower(self, delta: float) -> bool:
        """Whether it fell by more than ``delta``: the whole interval lies below, and it is not chance."""
        return self.high < -delta and self.p_value < SIGNIFICANT

    def clearly_higher(self, delta: float) -> bool:
        """Whether it rose by more than ``delta``, likewise."""
        return self.low > delta and self.p_value < SIGNIFICANT


def compare(before: Sequence[dict], after: Sequence[dict], method: str, quantity: str) -> Change:
    """The change of a rate of ``method`` from one list of episodes to another; only layouts in both count."""
    old, new = (_by_layout(name, episodes, method) for name, episodes in (("baseline", before), ("result", after)))
    layouts = sorted(old.keys() & new.keys())
    if not layouts:
        raise DataError(f"{method}: baseline and result share no layout; evaluate both with one --seed")
    was = np.array([old[layout][quantity] for layout in layouts], bool)
    now = np.array([new[layout][quantity] for layout in layouts], bool)
    gained, lost = int((now & ~was).sum()), int((was & ~now).sum())
    change = now.astype(float) - was
    low = high = float(change.mean())
    if change.std() > 0:  # the bootstrap of a constant is that constant
        low, high = bootstrap((change,), np.mean, method="percentile", rng=0).confidence_interval
    return Change(
        method=method,
        quantity=quantity,
        n=len(layouts),
        before=float(was.mean()),
        after=float(now.mean()),
        low=float(low),
        high=float(high),
        gained=gained,
        lost=lost,
        p_value=float(binomtest(gained, gained + lost).pvalue) if gained or lost else 1.0,
        changed=tuple(layout for layout, differs in zip(layouts, now != was) if differs),
    )


def _by_layout(name: str, episodes: Sequence[dict], method: str) -> dict[int, dict]:
    found = {episode["layout"]: episode for episode in episodes if episode["method"] == method}
    if not found:
        methods = ", ".join(sorted({episode["method"] for episode in episodes})) or "none"
        raise DataError(f"the {name} has no episodes of {method}; it has {methods}")
    return found
