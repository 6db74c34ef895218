"""The environment as a robot has it: the world goes on by itself, and a controller outside moves the joints.

    live = LiveWorld(env); live.reset(layout=3)
    if live.tick(q_rad): observation, info, finished = live.observe()     # every 20 ms; an observation every 0.2 s

The episode's account is kept as in ``DogOnJacketEnv.step``. It begins when the arm is first told to move, so that
nobody need hurry, and when it is over nothing stands still.
"""

from dataclasses import replace

import numpy as np

from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.scene import TIMESTEP_S
from rehearse.sim.dog_on_jacket.world import HOLD_SUBSTEPS, PERIOD_S, Outcome

TICK_S = HOLD_SUBSTEPS * TIMESTEP_S
TICKS = round(PERIOD_S / TICK_S)  # in a control period
MOVES_RAD = 0.01  # less is no motion: an arm that is told to stay where it is felt to be


class LiveWorld:
    """Owns the episode of ``env`` from a reset on; ``time_s`` is the world's own, 0 at the reset."""

    def __init__(self, env: DogOnJacketEnv) -> None:
        self.env = env

    def reset(self, layout: int) -> tuple[dict, dict]:
        """Lay out, and give the first observation and info."""
        start = self.env.reset(options={"layout": layout})
        self._ticks, self._begun, self._finished, self._info = 0, False, False, start[1]
        self._start_rad = self.env.world.q_rad.copy()
        self._outcomes: list[Outcome] = []
        return start

    @property
    def time_s(self) -> float:
        """World time since the reset."""
        return self._ticks * TICK_S

    def tick(self, q_rad: np.ndarray) -> bool:
        """Advance 20 ms with the joints commanded to ``q_rad`` (J,); whether an observation is due."""
        self._begun = self._begun or np.abs(q_rad - self._start_rad).max() > MOVES_RAD
        self._outcomes.append(self.env.world.follow(q_rad))
        self._ticks += 1
        return self._ticks % TICKS == 0

    def observe(self) -> tuple[dict, dict, bool]:
        """Observation, info and whether the episode is over, of which the info then stays."""
        if self._begun and not self._finished:
            _, terminated, truncated, self._info = self.env.account(_over(self._outcomes))
            self._finished = terminated or truncated
        self._outcomes = []
        return self.env.observe(), self._info, self._finished


def _over(outcomes: list[Outcome]) -> Outcome:
    """Of several, one after the other: the last, with the greatest of what is a peak."""
    peaks = ("disturbance", "dog_speed_mps", "dog_turn_radps", "dog_shift_m")
    return replace(outcomes[-1], **{name: max(getattr(outcome, name) for outcome in outcomes) for name in peaks})
