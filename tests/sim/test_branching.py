"""Attempts that branch: one past, several ways on, the same for the same seed, wherever a killed run goes on."""

from functools import partial

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.sim.branching import branching
from rehearse.sim.collect import CollectConfig, in_processes, noisy_play
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.rounds import Attempts
from rehearse.sim.takes import Take
from rehearse.world_model import shipped_checkpoint

pytestmark = pytest.mark.gl

WAYS = 4
CONFIG = CollectConfig(episodes=2 * WAYS, seed=9, workers=1)
MAKE_AGENT = partial(Attempts, shipped_checkpoint("dog-on-jacket-tiny"))


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    return list(branching(WAYS, CONFIG, MAKE_AGENT, range(CONFIG.episodes)))


def same(one: Take, other: Take) -> bool:
    return all(
        np.array_equal(getattr(one.clip, name), getattr(other.clip, name)) for name in ("frames", "actions", "proprio")
    )


def left_at(attempt: Take, branch: Take) -> int:
    """The first step at which the two acted differently."""
    steps = min(len(attempt.clip.actions), len(branch.clip.actions)) - 1
    return int(np.flatnonzero((attempt.clip.actions[:steps] != branch.clip.actions[:steps]).any(1))[0])


def test_branches_have_the_past_of_their_attempt_and_another_future(takes: list[Take]) -> None:
    assert len(takes) == CONFIG.episodes
    for first in (0, WAYS):
        attempt, *branches = takes[first : first + WAYS]
        for branch in branches:
            at = left_at(attempt, branch)
            np.testing.assert_array_equal(branch.clip.frames[: at + 1], attempt.clip.frames[: at + 1])
            np.testing.assert_array_equal(branch.clip.proprio[: at + 1], attempt.clip.proprio[: at + 1])
            for name in TASK.signals:
                past = slice(at + 1)
                np.testing.assert_array_equal(branch.clip.signals[name][past], attempt.clip.signals[name][past])
            assert not np.array_equal(branch.clip.proprio[at + 1], attempt.clip.proprio[at + 1])
            assert len(branch.clip) <= at + 1 + TASK.mpc.horizon
    assert not same(takes[0], takes[WAYS]), "another attempt is another layout"


def test_the_attempt_is_what_it_is_without_branches(takes: list[Take]) -> None:
    alone = list(in_processes(CONFIG, MAKE_AGENT, range(2)))
    assert same(takes[0], alone[0])
    assert same(takes[WAYS], alone[1])


def test_it_goes_on_in_the_middle_of_an_attempt(takes: list[Take]) -> None:
    first = WAYS - 1
    again = list(branching(WAYS, CONFIG, MAKE_AGENT, range(first, CONFIG.episodes)))
    assert len(again) == CONFIG.episodes - first
    assert all(map(same, again, takes[first:]))


def test_scripts_have_no_plans_to_branch_to() -> None:
    with pytest.raises(ConfigError, match="only a planner's attempts branch"):
        list(branching(WAYS, CONFIG, noisy_play, range(WAYS)))
