"""The planner as a LeRobot policy: a batch of observations -> a batch of actions, each environment with a history.

Observations are those of environment_rehearse.py: ``observation.image`` (B,3,s,s) in [0, 1], ``observation.state``
(B,P) and, where the task has a goal, ``observation.goal`` (B,s,s,3) and ``observation.goal_state`` (B,G).
"""

import numpy as np
import torch
from lerobot.policies.pretrained import PreTrainedPolicy
from torch import Tensor

from rehearse.errors import ConfigError, DataError
from rehearse.sim.lerobot.configuration_rehearse import RehearseConfig
from rehearse.sim.policy import PlannerPolicy, planner_policy

SENSES = {
    "observation.image": "image",
    "observation.state": "proprio",
    "observation.goal": "goal",
    "observation.goal_state": "goal_state",
}


class RehearsePolicy(PreTrainedPolicy):
    """One planner for each environment of the batch."""

    config_class = RehearseConfig
    name = "rehearse"

    def __init__(self, config: RehearseConfig, **_: object) -> None:
        super().__init__(config)
        self._planners: list[PlannerPolicy] = [self._planner(0)]
        self._task = self._planners[0].task
        self._rollout, self._steps = -1, 0
        # LeRobot asks a policy where it lives.
        self.register_buffer("place", torch.zeros(1), persistent=False)

    def _planner(self, index: int) -> PlannerPolicy:
        config = self.config
        return planner_policy(config.task, config.checkpoint, config.seed + index, config.futures)

    def reset(self) -> None:
        """A new rollout begins in every environment."""
        self._rollout, self._steps = self._rollout + 1, 0
        for planner in self._planners:
            planner.reset(self._rollout)

    def select_action(self, batch: dict[str, Tensor], **_: object) -> Tensor:
        """Imagine and choose: (B,A) in [-1, 1]. When an episode's time is up, the action that does nothing."""
        count = len(batch["observation.state"])
        while len(self._planners) < count:
            self._planners.append(self._planner(len(self._planners)))
            self._planners[-1].reset(self._rollout)
        self._steps += 1
        if self._steps > self._task.episode_steps:
            return torch.tensor(self._task.hold).expand(count, -1)
        actions = [planner(_sensed(batch, i)) for i, planner in enumerate(self._planners[:count])]
        return torch.from_numpy(np.stack(actions)).float()

    def predict_action_chunk(self, batch: dict[str, Tensor], **_: object) -> Tensor:
        """A chunk of one, (B,1,A)."""
        return self.select_action(batch)[:, None]

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict | None]:
        """Not to be trained here."""
        raise ConfigError("lerobot-train cannot train a planner; rehearse train trains its world model")

    def get_optim_params(self) -> dict:
        """Nothing."""
        return {}


def _sensed(batch: dict[str, Tensor], index: int) -> dict[str, np.ndarray]:
    """What one environment of the batch sensed, as it was before LeRobot prepared it."""
    if missing := [name for name in ("observation.image", "observation.state") if name not in batch]:
        raise DataError(f"the batch has no {missing[0]!r}; use --env.type=rehearse, or the same names")
    told = {name: batch[key][index].cpu() for key, name in SENSES.items() if key in batch}
    told["image"] = (told["image"].permute(1, 2, 0) * 255).round()
    pictures = {name: told[name].to(torch.uint8).numpy() for name in ("image", "goal") if name in told}
    return {name: value.float().numpy() for name, value in told.items()} | pictures
