"""What an environment demands of an action before it carries it out."""

from collections.abc import Sequence

import numpy as np

from rehearse.errors import DataError


def checked_action(action: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The action (A,) clipped to [-1, 1]; raises DataError for a wrong shape or a value that is not finite."""
    action = np.asarray(action, dtype=float)
    if action.shape != (len(names),):
        raise DataError(f"action has shape {action.shape}; expected ({len(names)},): {', '.join(names)} in [-1, 1]")
    if not np.isfinite(action).all():
        raise DataError(f"action {action.tolist()} is not finite; stand still instead of sending it")
    return np.clip(action, -1, 1)
