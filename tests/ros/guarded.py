"""A guard that is led by the clock of a test, and an arm that does as it is told.

arm = Arm(horizon_s=0.4); arm.command(); arm.run(0.3); assert arm.moving
"""

from collections.abc import Callable

import numpy as np

from rehearse.ros_nodes.guard import Action, Guard, Now, Reason, Trajectory
from rehearse.ros_nodes.guard.trajectory import Command, Reference
from rehearse.ros_nodes.parameters import GuardParameters

HOME = np.array([1.4, 0.35, 0.0, 1.75, 0.0, 1.04, 0.0])
JOINTS = GuardParameters().joints
PERIOD_S = 0.02
PASSED = (Action.PASS, Reason.OK)
BRAKING_S = 0.5 / 12 + 2 * PERIOD_S  # from the speed of `command` with the greatest deceleration


class Arm:
    """A guard, an arm that does as it is told, a deadman's switch that is held; `run` lets time go by."""

    def __init__(self, **settings: object) -> None:
        self.guard = Guard(GuardParameters(**settings))
        self.ros_s, self.steady_s, self.pace = 100.0, 5.0, 1.0
        self.controllers, self.held, self.senses = 1, True, True
        self.late_s = 0.0  # that long ago, by its sender's clock, the switch was held when it says so
        self.truth = Reference(HOME)
        self.names, self.bias = JOINTS, np.zeros(7)
        self.told: list[Trajectory] = []
        self.verdict = self.guard.watch(self.now, 1)[0]
        self.run(0.1)

    @property
    def now(self) -> Now:
        return Now(self.ros_s, self.steady_s)

    def tell(self, told: Trajectory | None) -> None:
        if told is not None:
            self.told.append(told)
            self.truth.begin(told, self.ros_s)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """The guard's periods; the arm is sensed before each."""
        for _ in range(round(seconds / PERIOD_S)):
            if until():
                return
            self.ros_s, self.steady_s = self.ros_s + self.pace * PERIOD_S, self.steady_s + PERIOD_S
            if self.senses:
                q = dict(zip(JOINTS, self.truth.at(self.ros_s)[0] + self.bias, strict=True))
                positions = np.array([q.get(name, 0.0) for name in self.names])
                self.guard.sense(self.names, positions, self.now)
            if self.held is not None:
                self.guard.enable(self.held, self.now, self.late_s)
            self.verdict, told = self.guard.watch(self.now, self.controllers)
            self.tell(told)

    def command(
        self, step_rad: float = 0.1, period_s: float = 0.2, age_s: float = 0.0, **changes: object
    ) -> tuple[Action, Reason]:
        """All joints further by step_rad in each of three periods, ending in motion."""
        q, qd = self.truth.at(self.ros_s)
        times = period_s * np.arange(4)
        path = q + np.outer(np.arange(4), np.full(7, step_rad))
        speeds = np.concatenate([qd[None], np.full((3, 7), step_rad / period_s)])
        given = {"joints": JOINTS, "times_s": times, "q_rad": path, "qd_radps": speeds, **changes}
        verdict, told = self.guard.judge(Command(**given), self.now, self.controllers, age_s)
        self.tell(told)
        return verdict.action, verdict.reason

    @property
    def moving(self) -> bool:
        return bool(np.abs(self.truth.at(self.ros_s)[1]).max() > 1e-9)

    def rests_within(self, seconds: float) -> float:
        """Time until the arm rests."""
        began = self.steady_s
        self.run(seconds, until=lambda: not self.moving)
        assert not self.moving, f"still moving after {seconds} s"
        return self.steady_s - began
