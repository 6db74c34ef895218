"""Draft, then verify: what sifts thousands is quick and wrong at times; what looks again at the best few is neither.

    MPC(small_model, ..., verifier=Verifier(large_model, best=8))             # another model, or the true physics
    MPC(model, ..., MPCConfig(draft_horizon=4, ...), verifier=Verifier(model))    # the same, but further ahead

The best drafts are imagined once more by the verifier's dynamics over the whole horizon and priced by the same
objective; the cheapest of these is the plan. (Sampling with a draft and verifying with what it stands for is known
from language models, arXiv 2211.17192; here nothing is resampled, only ranked anew.)
"""

from dataclasses import dataclass

from rehearse.errors import ConfigError
from rehearse.planner.protocols import Dynamics


@dataclass(frozen=True)
class Verifier:
    """dynamics: what looks again; it observes the same history. best: at how many of the drafts."""

    dynamics: Dynamics
    best: int = 8

    def __post_init__(self) -> None:
        if self.best < 1:
            raise ConfigError(f"verifier: best must be at least 1, not {self.best}")
