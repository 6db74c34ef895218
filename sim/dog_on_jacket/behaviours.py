"""Hand-written behaviours: the scripted rows of every evaluation, and the noisy play that training data comes from.

    behaviour = StraightPull(direction_rad=0.2, speed=0.25, rise=0.0)
    behaviour.reset(world, rng); action = behaviour.act(world)

Behaviours read the world's true state (where the jacket is), which the planner never sees: they are strong baselines.
Actions are (4,) in [-1, 1]: velocity x, y, z and grip. Speeds are shares of the greatest, 0.4 m/s.
"""

from dataclasses import dataclass

import numpy as np

from rehearse.sim.dog_on_jacket.scene import DROP_ZONE_M
from rehearse.sim.dog_on_jacket.world import WORKSPACE_HIGH_M, WORKSPACE_LOW_M, World

RISE_STEPS = 4


def heading_to_zone(world: World) -> float:
    """Bearing (rad) from the jacket's middle to the drop zone."""
    gap = np.array(DROP_ZONE_M) - world.jacket_position()[:2]
    return float(np.arctan2(gap[1], gap[0]))


def pull(heading_rad: float, speed: float, rise: float) -> np.ndarray:
    """The action that pulls along a heading with the grip closed."""
    return np.array([np.cos(heading_rad) * speed, np.sin(heading_rad) * speed, rise, 1.0])


@dataclass
class StraightPull:
    """One constant velocity: ``direction_rad`` off the line to the drop zone as it lay at the start.

    ``rise`` is the upward speed of the first 0.8 s. With ``follow`` the line is drawn anew at every step, so the
    jacket is steered into the zone: a closed loop on the true state, still at one speed.
    """

    direction_rad: float
    speed: float
    rise: float
    follow: bool = False

    def reset(self, world: World, rng: np.random.Generator) -> None:
        """Aim."""
        self._heading, self._step = heading_to_zone(world), 0

    def act(self, world: World) -> np.ndarray:
        """The constant pull, or the steered one."""
        if self.follow:
            self._heading = heading_to_zone(world)
        self._step += 1
        rise = self.rise if self._step <= RISE_STEPS else 0.0
        return pull(self._heading + self.direction_rad, self.speed, rise)


class NoisyPlay:
    """What training data is made of: motion to everywhere and at every speed, as various as a planner's ideas.

    ``roam``: from one random place of the workspace to the next, so that the model has seen the jacket hang wherever a
    plan may take it. ``pull``: towards the drop zone, with changing speed and heading. ``fetch``: the same with a
    steadier heading at the middling speeds that often arrive, so that the end of the task is seen too. ``uniform``:
    noise. Of all, one in five begins gently, and one in ten lets go and reaches again. Speeds are log-uniform, so that
    the gentle range is as well covered as the rough one. ``mix`` holds the kinds' shares.
    """

    speeds = {"roam": (0.15, 1.0), "pull": (0.08, 1.0), "fetch": (0.2, 0.6), "uniform": (0.08, 1.0)}
    heading_std_rad = {"roam": 0.0, "pull": 0.6, "fetch": 0.15, "uniform": 0.6}

    def __init__(self, mix: dict[str, float] | None = None) -> None:
        self.mix = mix or {"roam": 0.4, "pull": 0.25, "fetch": 0.3, "uniform": 0.05}

    def reset(self, world: World, rng: np.random.Generator) -> None:
        """Draw this episode's character."""
        self.rng, self._step, self._next_change = rng, 0, 0
        self.kind = str(rng.choice(list(self.mix), p=list(self.mix.values())))
        self.careful_start = rng.random() < 0.2
        self.lets_go = rng.random() < 0.1
        self.steady = rng.random() < 0.3
        self.noise = rng.choice([0.02, 0.06, 0.15])
        self._grip, self._speed = 1.0, self._draw_speed()

    def act(self, world: World) -> np.ndarray:
        """The next noisy action."""
        rng = self.rng
        if self.kind == "uniform":
            return rng.uniform(-1, 1, 4)
        if self._step >= self._next_change:
            self._next_change = self._step + int(rng.integers(2, 9))
            self._change()
        if self.kind == "roam":
            gap = self._place_m - world.target_m
            velocity = gap / max(1e-6, float(np.linalg.norm(gap))) * self._speed
        else:
            velocity = pull(heading_to_zone(world) + self._offset, self._speed, self._rise)[:3]
        velocity = velocity + rng.normal(0, self.noise, 3)
        if self.careful_start and self._step < 8:
            velocity *= min(1.0, 0.2 / max(1e-6, float(np.linalg.norm(velocity))))
        self._step += 1
        return np.clip([*velocity, self._grip], -1, 1)

    def _change(self) -> None:
        """Draw what holds for the next few steps."""
        rng = self.rng
        if not self.steady:
            self._speed = self._draw_speed()
        self._place_m = rng.uniform(WORKSPACE_LOW_M, WORKSPACE_HIGH_M)
        if rng.random() < 0.7:  # a jacket is mostly dragged, not lifted
            self._place_m[2] = WORKSPACE_LOW_M[2]
        self._offset = rng.normal(0, self.heading_std_rad[self.kind])
        self._rise = rng.normal(0, 0.15) * (rng.random() < 0.5)
        self._grip = -1.0 if self.lets_go and rng.random() < 0.25 else 1.0

    def _draw_speed(self) -> float:
        low, high = self.speeds[self.kind]
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))
