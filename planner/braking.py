"""A plan that ends at rest: what is meant to be carried out, then a ramp down to standing still.

    come_to_rest(actions, after=2, rest=(0, 0, 0, 1), steps=3)      # (H,A) -> (2 + 3, A)

A robot that is sent only this comes to rest by itself when nothing more is sent, whatever has become of the planner.
Where actions are velocities, a ramp of B steps asks for 1/B of the present speed as deceleration per step.
"""

from collections.abc import Sequence

import numpy as np

from rehearse.errors import ConfigError


def come_to_rest(actions: np.ndarray, after: int, rest: Sequence[float], steps: int) -> np.ndarray:
    """The first ``after`` of actions (H,A), all if there are fewer, then ``steps`` even steps down to ``rest`` (A,)."""
    if after < 1 or steps < 1:
        raise ConfigError(f"braking: after and steps must be at least 1, not {after} and {steps}")
    kept = actions[:after]
    share = np.linspace(0, 1, steps + 1, dtype=actions.dtype)[1:, None]
    tail = kept[-1] + share * (np.asarray(rest, actions.dtype) - kept[-1])
    return np.concatenate([kept, tail])
