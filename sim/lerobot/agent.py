"""A policy that LeRobot has trained, as an agent of ours: ``rehearse eval --methods cloning,lerobot:PATH``.

    agent = LeRobotAgent(task, load_policy(Path("runs/act/checkpoints/last/pretrained_model")))

It acts from what it senses, under the names that our datasets give it, on the layouts of the other methods. It needs
the environment of `make test-lerobot`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.configs import PreTrainedConfig
from lerobot.policies.factory import get_policy_class, make_pre_post_processors
from lerobot.policies.pretrained import PreTrainedPolicy
from torch import Tensor

from rehearse.errors import CheckpointError
from rehearse.sim.task import Task

# What a policy may look at: LeRobot's name -> ours.
SENSES = {
    "observation.images.front": "image",
    "observation.image": "image",
    "observation.state": "proprio",
    "observation.goal_state": "goal_state",
}


@dataclass(frozen=True)
class Trained:
    """A policy, and what LeRobot does to its observations before and to its actions after."""

    policy: PreTrainedPolicy
    before: Callable[[dict[str, Tensor]], dict[str, Tensor]]
    after: Callable[[Tensor], Tensor]


def load_policy(path: Path) -> Trained:
    """What ``lerobot-train`` wrote to ``.../pretrained_model``; CheckpointError for what is none."""
    if not (path / "config.json").is_file():
        raise CheckpointError(
            f"{path} is no policy of LeRobot's: there is no config.json; name a .../checkpoints/last/pretrained_model"
        )
    try:
        config = PreTrainedConfig.from_pretrained(path, local_files_only=True)
        config.device = "cpu"
        policy = get_policy_class(config.type).from_pretrained(path, config=config, local_files_only=True)
        on_cpu = {"device_processor": {"device": "cpu"}}
        before, after = make_pre_post_processors(config, str(path), preprocessor_overrides=on_cpu)
    except Exception as error:  # whatever a damaged file or a foreign policy may raise
        raise CheckpointError(f"{path} cannot be read as a policy of LeRobot's: {error}") from error
    return Trained(policy, before, after)


class LeRobotAgent:
    """One policy in one environment."""

    last_plan = None

    def __init__(self, task: Task, trained: Trained) -> None:
        config = trained.policy.config
        sizes = {"observation.state": len(task.proprio), "observation.goal_state": len(task.goal)}
        for name, feature in config.input_features.items():
            if name not in SENSES:
                raise CheckpointError(f"this policy looks at {name}; {task.name} has {', '.join(SENSES)}")
            if name in sizes and feature.shape != (sizes[name],):
                raise CheckpointError(f"this policy's {name} is {feature.shape}; {task.name} has {sizes[name]} numbers")
        if (found := config.output_features["action"].shape) != (len(task.actions),):
            raise CheckpointError(f"this policy's action is {found}; {task.name} has {len(task.actions)} numbers")
        self._trained, self._instruction = trained, task.instruction

    def reset(self, env: Any, observation: dict, rng: np.random.Generator) -> None:
        """Begin an episode with its first observation."""
        self._trained.policy.reset()
        self._observation, self._rng = observation, rng

    @torch.inference_mode()
    def act(self, env: Any) -> np.ndarray:
        """What the policy does."""
        trained = self._trained
        batch = {name: self._sensed(name) for name in trained.policy.config.input_features}
        with torch.random.fork_rng(devices=[]):  # some policies draw
            torch.manual_seed(int(self._rng.integers(2**31)))
            action = trained.after(trained.policy.select_action(trained.before(batch | {"task": [self._instruction]})))
        return action[0].double().numpy()

    def saw(self, action: np.ndarray, observation: dict) -> None:
        """Look."""
        self._observation = observation

    def _sensed(self, name: str) -> Tensor:
        """As LeRobot's own environments give it: pictures (1,3,h,w) in [0, 1], numbers (1,n)."""
        found = torch.from_numpy(self._observation[SENSES[name]])
        return found.permute(2, 0, 1)[None].float() / 255 if found.dtype == torch.uint8 else found.float()[None]
