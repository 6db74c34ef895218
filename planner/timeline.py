"""From spline knots to what the robot is asked to do, and back from the last plan to where the next search begins.

    timeline = Timeline(config)
    mean, std, low, high = timeline.start(previous, time_s, device)     # (Q,A), (A,), (A,), (A,)
    actions = timeline.actions(knots, prefix, steps)                    # (n,Q,A), (C,A) -> (n,C+steps,A)

Knots stand at knot_offsets_s (Q,) after a plan's first action, actions at step_offsets_s (H,).
"""

import numpy as np
import torch
from torch import Tensor

from rehearse.errors import DataError
from rehearse.planner import spline
from rehearse.planner.config import MPCConfig
from rehearse.planner.proposals import tempos

Spline = tuple[np.ndarray, np.ndarray]  # times_s (Q,), knots (Q,A)


class Timeline:
    """Holds configuration only, and copies of it on the devices where it was asked for."""

    def __init__(self, config: MPCConfig) -> None:
        self.config, self.size = config, len(config.action_low)
        self.step_offsets_s = np.arange(config.horizon) * config.period_s
        self.knot_offsets_s = spline.knot_times(0.0, config.horizon, config.period_s, config.knots, config.spline)
        self._basis = spline.basis(self.knot_offsets_s, self.step_offsets_s, config.spline)
        self._on_device: dict[torch.device, tuple[Tensor, Tensor, Tensor]] = {}

    def constants(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Spline basis (H,Q) and bounds (A,), copied to the device once."""
        if device not in self._on_device:
            numbers = self._basis, self.config.action_low, self.config.action_high
            self._on_device[device] = tuple(torch.tensor(x, dtype=torch.float32, device=device) for x in numbers)
        return self._on_device[device]

    def start(self, previous: Spline | None, time_s: float, device: torch.device) -> tuple[Tensor, ...]:
        """Mean (Q,A), std and bounds (A,) of the search: around the previous plan by time, if it still runs."""
        config = self.config
        low, high = np.asarray(config.action_low), np.asarray(config.action_high)
        std = (high - low) / 4 if config.initial_std is None else np.asarray(config.initial_std)
        mean = (high + low) / 2 if config.initial_mean is None else np.asarray(config.initial_mean)
        mean = np.broadcast_to(mean, (len(self.knot_offsets_s), self.size))
        if previous is not None:
            times_s, knots = previous
            # A clock set back is a new episode; a plan that has run out says nothing about now.
            if times_s[0] <= time_s < times_s[0] + config.horizon * config.period_s:
                mean = spline.warm_start(times_s, knots, time_s + self.knot_offsets_s, config.spline)
        return tuple(torch.tensor(x, dtype=torch.float32, device=device) for x in (mean, std, low, high))

    def tempos(self, device: torch.device) -> Tensor:
        """(M,Q,Q): what plays knots (Q,A) at the configured tempos."""
        return tempos(self.knot_offsets_s, self.config.tempos, self.config.spline).to(device)

    def actions(self, knots: Tensor, prefix: Tensor, steps: int) -> Tensor:
        """knots (n,Q,A) -> actions (n,C+steps,A): the prefix (C,A), then the spline's first steps within the bounds."""
        basis, low, high = self.constants(knots.device)
        return torch.cat([prefix.expand(len(knots), -1, -1), (basis[:steps] @ knots).clamp(low, high)], 1)

    def prefix(self, committed: np.ndarray | Tensor | None, device: torch.device) -> Tensor:
        """Actions (C,A) that are on their way already, none if there are none; DataError if they are no such thing."""
        if committed is None:
            return torch.empty((0, self.size), device=device)
        prefix = torch.as_tensor(np.asarray(committed), dtype=torch.float32, device=device)
        if prefix.ndim != 2 or prefix.shape[1] != self.size or not prefix.isfinite().all():
            raise DataError(
                f"committed actions are {tuple(prefix.shape)}; expected finite numbers of shape (C, {self.size})"
            )
        return prefix

    def rest(self, device: torch.device) -> Tensor:
        """Knots (1,Q,A) of standing still."""
        rest = torch.tensor(self.config.rest, dtype=torch.float32, device=device)
        return rest.expand(1, len(self.knot_offsets_s), -1)
