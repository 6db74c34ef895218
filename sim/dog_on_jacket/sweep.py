"""Does the task need imagination? A sweep over every constant pull: directions x speeds x heights, and steered ones.

    rows = sweep(SweepConfig(episodes=40))        # best first

If one script did well on all layouts, a habit would be enough. Straight pulls aim once, at the drop zone plus an
offset; steered pulls ("follow") re-aim at every step from the true state, which no planner is given. Runs on the
validation split, so that the best script is chosen without looking at the layouts that it is later judged on.
"""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from rehearse.errors import ConfigError
from rehearse.sim.dog_on_jacket.behaviours import StraightPull
from rehearse.sim.dog_on_jacket.env import EPISODE_STEPS
from rehearse.sim.dog_on_jacket.factors import LEVELS, sample_factors
from rehearse.sim.dog_on_jacket.world import PERIOD_S, World
from rehearse.sim.episode import wilson
from rehearse.sim.layouts import LAYOUTS_PER_SEED, layout_seed
from rehearse.sim.workers import in_workers

DIRECTIONS_RAD = (-0.4, -0.2, 0.0, 0.2, 0.4)
SPEEDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 1.0)
RISES = (0.0, 0.2)
SCRIPTS = (
    *(StraightPull(*choice) for choice in itertools.product(DIRECTIONS_RAD, SPEEDS, RISES)),
    *(StraightPull(0.0, *choice, follow=True) for choice in itertools.product(SPEEDS, RISES)),
)


@dataclass(frozen=True)
class SweepConfig:
    """Where and how often each script is tried."""

    level: str = "half"
    split: str = "validation"
    episodes: int = 40
    seed: int = 0
    workers: int = os.cpu_count() or 1

    def __post_init__(self) -> None:
        if self.episodes < 1 or self.workers < 1:
            raise ConfigError("episodes and workers must be at least 1")


_world: World | None = None


def _start_worker() -> None:
    global _world
    _world = World()


def _try_all(config: SweepConfig, index: int) -> list[tuple[bool, bool, float]]:
    """Every script on layout ``index``: (success, woken, time_s)."""
    rng = np.random.default_rng(layout_seed(config.split, config.seed * LAYOUTS_PER_SEED + index))
    factors = sample_factors(LEVELS[config.level], rng)
    return [_try(script, factors) for script in SCRIPTS]


def _try(script: StraightPull, factors: object) -> tuple[bool, bool, float]:
    _world.reset(factors)
    script.reset(_world, np.random.default_rng(0))
    for step in range(1, EPISODE_STEPS + 1):
        outcome = _world.step(script.act(_world))
        if outcome.success or outcome.woken or step == EPISODE_STEPS:
            return outcome.success, outcome.woken, step * PERIOD_S
    raise AssertionError("an episode has at least one step")


def sweep(config: SweepConfig, on_layout: Callable[[], None] = lambda: None) -> list[dict]:
    """One row per script, best first, with Wilson intervals."""
    layouts = []
    indices = range(config.episodes)
    for outcome in in_workers(partial(_try_all, config), indices, config.workers, _start_worker, in_order=True):
        layouts.append(outcome)
        on_layout()
    table = np.array(layouts, dtype=float)  # (layouts, scripts, 3)
    rows = []
    for i, script in enumerate(SCRIPTS):
        successes = int(table[:, i, 0].sum())
        low, high = wilson(successes, config.episodes)
        rows.append(
            {
                "direction_rad": script.direction_rad,
                "speed": script.speed,
                "rise": script.rise,
                "follow": script.follow,
                "n": config.episodes,
                "success": successes / config.episodes,
                "success_low": low,
                "success_high": high,
                "woken": float(table[:, i, 1].mean()),
                "time_s": float(table[:, i, 2].mean()),
            }
        )
    return sorted(rows, key=lambda row: -row["success"])
