"""stable-worldmodel's World.evaluate runs our planner, where that is installed; docs/worlds.md says how."""

import numpy as np
import pytest
import torch

_library = torch.library.Library("torchvision", "FRAGMENT")
try:
    import torchvision  # noqa: F401
except ImportError:
    pass
except (
    RuntimeError
):  # a CPU build of torch beside a CUDA build of torchvision: its operators are missing, and not needed
    for name in ("nms", "qnms"):
        _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

swm = pytest.importorskip("stable_worldmodel", reason="see docs/worlds.md")
import rehearse.sim  # noqa: E402
from rehearse.sim.stable_worldmodel import SwmPolicy  # noqa: E402

pytestmark = pytest.mark.gl


def test_world_evaluate_finishes_with_our_planner() -> None:
    assert rehearse.sim  # registers the environments
    world = swm.World("rehearse/Reach-v0", num_envs=2, image_shape=(64, 64), max_episode_steps=25, split="test")
    policy = SwmPolicy("reach", futures=64)
    world.set_policy(policy)
    told = world.evaluate(episodes=5, seed=3)
    world.close()
    assert told["success_rate"] == 100.0, "reaching is easy"
    assert len(told["episode_successes"]) == 5
    assert sum(policy._episodes) + len(policy._episodes) >= 5, "every episode is begun anew"


def test_the_same_seed_chooses_the_same_actions() -> None:
    world = swm.World("rehearse/Reach-v0", num_envs=1, image_shape=(64, 64), max_episode_steps=25, split="test")
    world.reset(seed=4)
    first, second = (SwmPolicy("reach", seed=1, futures=16).get_action(world.infos) for _ in range(2))
    world.close()
    np.testing.assert_array_equal(first, second)
    assert first.shape == (1, 3)
