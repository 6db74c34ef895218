"""What the arm's joints and its tool may do: plain arrays, checked when they are made.

limits = Limits.of(parameters); low, high = limits.soft()
"""

from dataclasses import dataclass

import numpy as np

from rehearse.errors import ConfigError
from rehearse.ros_nodes.parameters import GuardParameters


@dataclass(frozen=True)
class Limits:
    """Of J joints: low, high, velocity and acceleration (J,), rad, rad/s, rad/s^2; ``margin`` within low and high.

    The tool keeps to the box between workspace_low and workspace_high (3,), metres.
    """

    joints: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    margin: float
    velocity: np.ndarray
    acceleration: np.ndarray
    workspace_low: np.ndarray
    workspace_high: np.ndarray

    @classmethod
    def of(cls, given: GuardParameters) -> "Limits":
        """Raises ConfigError for a list of the wrong length, a limit that is not positive, or a range that is empty."""
        count = len(given.joints)
        if count == 0 or len(set(given.joints)) != count:
            raise ConfigError(f"parameter joints is {list(given.joints)}; name each of the arm's joints once")
        arrays = {}
        for name in ("position_low_rad", "position_high_rad", "velocity_radps", "acceleration_radps2"):
            arrays[name] = np.array(getattr(given, name), float)
            if len(arrays[name]) != count or not np.isfinite(arrays[name]).all():
                raise ConfigError(f"parameter {name} needs {count} finite numbers, one for each of joints")
        low, high, velocity, acceleration = arrays.values()
        if (low + 2 * given.margin_rad >= high).any():
            raise ConfigError("parameters position_low_rad, position_high_rad, margin_rad leave a joint no room")
        if (velocity <= 0).any() or (acceleration <= 0).any():
            raise ConfigError("parameters velocity_radps and acceleration_radps2 must be above 0")
        box = np.array(given.workspace_low_m, float), np.array(given.workspace_high_m, float)
        if any(len(side) != 3 for side in box) or not (box[0] < box[1]).all():
            raise ConfigError(
                "parameters workspace_low_m and workspace_high_m need 3 numbers each, low below high; inf is no limit"
            )
        return cls(given.joints, low, high, given.margin_rad, velocity, acceleration, *box)

    def soft(self) -> tuple[np.ndarray, np.ndarray]:
        """The position limits less the margin."""
        return self.low + self.margin, self.high - self.margin
