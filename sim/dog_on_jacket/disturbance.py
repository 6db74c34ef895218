"""How much a tug disturbs the sleeping dog: the formula and the threshold of waking, fixed here and nowhere else.

Every 0.1 s the dog's torso is sampled: acceleration a = |v(t) - v(t - 0.1 s)| / 0.1 s (m/s^2, the finest scale that is
not contact noise), rotation w = |angular velocity| (rad/s), speed s = |v| (m/s), displacement x = |p - p0| (m). Arousal
is a leaky integral

    arousal += 0.1 s * (drive / sleep_depth - LEAK * arousal)
    drive = A * max(0, a - a0) + W * max(0, w - w0) + S * max(0, s - s0) + X * max(0, x - x0)

and the dog wakes when arousal reaches 1. ``sleep_depth`` is 1 for a dog of middling sleep, 2 for one that sleeps twice
as soundly. The weights lean on rotation and speed: on training layouts the acceleration of a contact is nearly chaotic
(rank correlation over layouts 0.6 between pulls at 0.14 and 0.16 m/s), while these follow from the pull (0.8 to 0.9).
They were chosen on training layouts; docs/dog_on_jacket.md tells how.
"""

from dataclasses import dataclass

import numpy as np

SAMPLE_PERIOD_S = 0.1
WAKE_THRESHOLD = 1.0


@dataclass(frozen=True)
class DisturbanceWeights:
    """Weights (per second of drive) and the quiet limits below which nothing counts."""

    acceleration: float = 5.0
    acceleration_quiet_mps2: float = 0.15
    rotation: float = 32.0
    rotation_quiet_radps: float = 0.10
    speed: float = 80.0
    speed_quiet_mps: float = 0.03
    displacement: float = 20.0
    displacement_quiet_m: float = 0.10
    leak_per_s: float = 0.5


@dataclass
class Arousal:
    """Arousal of N dogs. Arrays (N,) and (N, 3); ``sample`` advances by 0.1 s and returns the new arousal (N,)."""

    level: np.ndarray
    velocity: np.ndarray
    origin: np.ndarray
    sleep_depth: np.ndarray
    weights: DisturbanceWeights = DisturbanceWeights()

    def sample(self, position_m: np.ndarray, velocity_mps: np.ndarray, rotation_radps: np.ndarray) -> np.ndarray:
        """Torso position, linear and angular velocity (N, 3) -> arousal (N,) after this sample."""
        w, norm = self.weights, np.linalg.norm
        acceleration = norm(velocity_mps - self.velocity, axis=-1) / SAMPLE_PERIOD_S
        drive = w.acceleration * np.maximum(0, acceleration - w.acceleration_quiet_mps2)
        drive += w.rotation * np.maximum(0, norm(rotation_radps, axis=-1) - w.rotation_quiet_radps)
        drive += w.speed * np.maximum(0, norm(velocity_mps, axis=-1) - w.speed_quiet_mps)
        drive += w.displacement * np.maximum(0, norm(position_m - self.origin, axis=-1) - w.displacement_quiet_m)
        self.level = self.level + SAMPLE_PERIOD_S * (drive / self.sleep_depth - w.leak_per_s * self.level)
        self.velocity = velocity_mps.copy()
        return self.level

    def repeat(self, count: int) -> "Arousal":
        """The same dog ``count`` times, to be imagined ``count`` ways."""
        tile = lambda array: np.repeat(array, count, axis=0)  # noqa: E731
        return Arousal(tile(self.level), tile(self.velocity), tile(self.origin), tile(self.sleep_depth), self.weights)
