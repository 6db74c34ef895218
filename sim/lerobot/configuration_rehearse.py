"""How LeRobot is told of the planner: ``--policy.type=rehearse --policy.task=push --policy.futures=512``."""

from dataclasses import dataclass

from lerobot.configs import PreTrainedConfig
from lerobot.optim import OptimizerConfig

from rehearse.errors import ConfigError


@PreTrainedConfig.register_subclass("rehearse")
@dataclass
class RehearseConfig(PreTrainedConfig):
    """The planner of ``task`` on the model of ``checkpoint``, the shipped one unless given."""

    task: str = "push"
    checkpoint: str | None = None
    futures: int = 512
    seed: int = 0

    @property
    def observation_delta_indices(self) -> None:
        """It keeps its own history."""
        return None

    @property
    def action_delta_indices(self) -> None:
        """It plans anew at every step."""
        return None

    @property
    def reward_delta_indices(self) -> None:
        """It is not trained by rewards."""
        return None

    def get_optimizer_preset(self) -> OptimizerConfig:
        """A planner has nothing to be trained; its world model is, by ``rehearse train``."""
        raise ConfigError("lerobot-train cannot train a planner; rehearse train trains its world model")

    def get_scheduler_preset(self) -> None:
        """None."""
        return None

    def validate_features(self) -> None:
        """What it senses is checked when it senses it."""
