"""Stop an evaluation as soon as it is decided, without being wrong more often for having looked all the time.

    trial = Trial(("planner-64", "planner-8"), first_layout=0)     # or Trial(("planner-64",), 0, floor=0.7)
    while not trial.saw(episode): ...
    trial.decision()                                               # decided, in words, n, evidence

Evidence is an e-process: the wealth of somebody who bets against "the rate is not higher" and can lose no more than the
stake. If that is true, the wealth ever grows to 1/alpha with a chance of alpha at most, however often one looks (Ville
1939). The bet is Robbins' mixture (1970): the likelihood of all rates above the boundary, spread evenly, over that of
the boundary; see Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference", 2023. A second gambler
bets against "not lower"; each may err in half of ``ALPHA``. Of two methods only layouts count on which they differ:
where they are equally good, half of those go either way (McNemar's argument).

Layouts are judged in their order, whatever order they finish in: those that are quick to end would lean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln
from scipy.stats import beta

from rehearse.errors import ConfigError
from rehearse.sim.episode import Episode

ALPHA = 0.05  # chance that a decision is wrong, at most


def log_evidence(successes: ArrayLike, failures: ArrayLike, boundary: float) -> np.ndarray:
    """Natural logarithm of the evidence against a rate of ``boundary`` or less."""
    s, f = np.asarray(successes, float), np.asarray(failures, float)
    higher = betaln(s + 1, f + 1) + beta.logsf(boundary, s + 1, f + 1) - np.log1p(-boundary)
    return higher - s * np.log(boundary) - f * np.log1p(-boundary)


@dataclass
class Trial:
    """Two methods against each other, or one against a ``floor`` of its success; told of episodes in any order."""

    methods: Sequence[str]
    first_layout: int
    floor: float | None = None
    layouts: int = 0  # judged, from the first on
    higher: int = 0  # layouts that speak for the first method
    lower: int = 0
    _waiting: dict[int, dict[str, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.methods) != (2 if self.floor is None else 1):
            raise ConfigError("a decision is between two methods, or between one and --floor; give that many --methods")
        if self.floor is not None and not 0 < self.floor < 1:
            raise ConfigError(f"floor is {self.floor}; it is a share between 0 and 1")

    @property
    def decided(self) -> str | None:
        """ "higher" or "lower" (the first method than the second or the floor); None as long as it could be chance."""
        boundary = 0.5 if self.floor is None else self.floor
        if log_evidence(self.higher, self.lower, boundary) >= np.log(2 / ALPHA):
            return "higher"
        if log_evidence(self.lower, self.higher, 1 - boundary) >= np.log(2 / ALPHA):
            return "lower"
        return None

    def saw(self, episode: Episode) -> bool:
        """Take one more episode in; whether it is decided."""
        self._waiting.setdefault(episode.layout, {})[episode.method] = episode.success
        while not self.decided:
            done = self._waiting.get(self.first_layout + self.layouts, {})
            if len(done) < len(self.methods):
                break
            first, other = done[self.methods[0]], done[self.methods[-1]]
            if self.floor is not None:
                other = not first
            self.higher += first and not other
            self.lower += other and not first
            self.layouts += 1
        return self.decided is not None

    def counts(self, episode: Episode) -> bool:
        """Whether the episode is one of those that the decision rests on."""
        return episode.layout < self.first_layout + self.layouts

    def decision(self) -> dict[str, object]:
        """JSON-able: what was decided, after how many layouts, by what."""
        first, other = self.methods[0], f"{self.floor:.0%}" if self.floor is not None else self.methods[1]
        than = {"higher": "succeeds more often than", "lower": "succeeds less often than"}
        words = f"{first} {than[self.decided]} {other}" if self.decided else f"{first} against {other}: not decided"
        return {
            "decided": self.decided,
            "words": f"{words}, after {self.layouts} layouts ({self.higher} for, {self.lower} against)",
            "layouts": self.layouts,
            "for": self.higher,
            "against": self.lower,
            "floor": self.floor,
            "alpha": ALPHA,
        }
