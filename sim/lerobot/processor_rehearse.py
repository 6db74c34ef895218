"""What LeRobot does to a policy's observations and actions: nothing here, for the planner takes them as they are."""

from typing import Any

from lerobot.processor import PolicyProcessorPipeline
from lerobot.processor.converters import (
    batch_to_transition,
    policy_action_to_transition,
    transition_to_batch,
    transition_to_policy_action,
)

from rehearse.sim.lerobot.configuration_rehearse import RehearseConfig


def make_rehearse_pre_post_processors(
    config: RehearseConfig, dataset_stats: dict[str, Any] | None = None
) -> tuple[PolicyProcessorPipeline, PolicyProcessorPipeline]:
    """Two pipelines without a step."""
    before = PolicyProcessorPipeline(steps=[], to_transition=batch_to_transition, to_output=transition_to_batch)
    after = PolicyProcessorPipeline(
        steps=[], to_transition=policy_action_to_transition, to_output=transition_to_policy_action
    )
    return before, after
