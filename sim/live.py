"""A task's environment as a robot has it: the world goes on by itself, and a controller outside moves the joints.

    live = TASK.live(env); live.reset(layout=3)
    if live.tick(q_rad): observation, info, finished = live.observe()     # every 20 ms; an observation every period

The episode's account is kept as in the environment's ``step``. It begins when the arm is first told to move, so that
nobody need hurry, and when it is over nothing stands still.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from rehearse.sim.robots import Robot
from rehearse.sim.task import TaskEnv

TICK_S = 0.02
MOVES_RAD = 0.01  # less is no motion: an arm that is told to stay where it is felt to be


class LiveArm(Protocol):
    """The world of such an environment, with an arm of J joints."""

    model: Any
    q_rad: np.ndarray  # (J,), where the joints are told to be

    def follow(self, q_rad: np.ndarray) -> Any:
        """Advance 20 ms under joint targets (J,) that a controller outside gives; what came of it."""

    def arm_state(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (J,) of the joints, rad and rad/s."""


class LiveWorld:
    """Owns the episode of ``env`` from a reset on; ``time_s`` is the world's own, 0 at the reset.

    ``account``: what the environment makes of a period's ticks, of each of which it is told what came of it: reward,
    terminated, truncated and info. ``camera``: the first one's name in the model.
    """

    def __init__(
        self,
        env: TaskEnv,
        robot: Robot,
        period_s: float,
        account: Callable[[Sequence[Any]], tuple[float, bool, bool, dict]],
        camera: str,
    ) -> None:
        self.env, self.robot, self._account = env, robot, account
        self.ticks_a_period = round(period_s / TICK_S)
        self.fovy_deg = float(self.arm.model.camera(camera).fovy[0])

    @property
    def arm(self) -> LiveArm:
        """The world itself."""
        return self.env.world

    def reset(self, layout: int) -> tuple[dict, dict]:
        """Lay out, and give the first observation and info."""
        start = self.env.reset(options={"layout": layout})
        self._ticks, self._begun, self._finished, self._info = 0, False, False, start[1]
        self._start_rad = self.arm.q_rad.copy()
        self._outcomes: list[Any] = []
        return start

    @property
    def time_s(self) -> float:
        """World time since the reset."""
        return self._ticks * TICK_S

    def tick(self, q_rad: np.ndarray) -> bool:
        """Advance 20 ms with the joints commanded to ``q_rad`` (J,); whether an observation is due."""
        self._begun = self._begun or np.abs(q_rad - self._start_rad).max() > MOVES_RAD
        self._outcomes.append(self.arm.follow(q_rad))
        self._ticks += 1
        return self._ticks % self.ticks_a_period == 0

    def observe(self) -> tuple[dict, dict, bool]:
        """Observation, info and whether the episode is over, of which the info then stays."""
        if self._begun and not self._finished:
            _, terminated, truncated, self._info = self._account(self._outcomes)
            self._finished = terminated or truncated
        self._outcomes = []
        return self.env.observe(), self._info, self._finished
