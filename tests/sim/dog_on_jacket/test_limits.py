"""What stands between planner and arm: plans are imagined as the arm would carry them out."""

import numpy as np
import torch

from rehearse.sim.dog_on_jacket.task import arm_limits
from rehearse.sim.dog_on_jacket.world import STEP_M, WORKSPACE_HIGH_M, World, within_workspace
from rehearse.world_model import History

ACTIONS = np.array([[-0.2, -1.0, -0.5, 1.0], [0.3, -1.0, -1.0, 1.0], [0.1, -0.8, 1.0, -1.0], [0.0, 1.0, 0.2, 1.0]])


def test_limits_foresee_where_the_workspace_ends(world: World, layout) -> None:
    world.reset(layout(3))
    history = History(np.zeros((1, 8, 8, 3), np.uint8), world.proprioception()[None], None)
    plan = arm_limits(history, torch.from_numpy(np.tile(ACTIONS, (2, 2, 1))).float())[0].numpy()
    edge_was_met = False
    for wanted, planned in zip(np.tile(ACTIONS, (2, 1)), plan, strict=True):
        carried_out = within_workspace(wanted, world.target_m)
        np.testing.assert_allclose(planned, carried_out, atol=1e-4)
        edge_was_met |= not np.allclose(carried_out, wanted)
        before = world.target_m.copy()
        world.step(wanted)
        np.testing.assert_allclose(world.target_m, before + planned[:3] * STEP_M, atol=1e-5)
    assert edge_was_met


def test_what_the_arm_can_do_is_left_as_it_is() -> None:
    action = np.array([0.3, -0.2, 0.1, 1.0])
    np.testing.assert_allclose(within_workspace(action, np.array([0.0, 0.0, 0.1])), action)


def test_from_outside_of_the_workspace_the_arm_comes_back_as_fast_as_it_can() -> None:
    proprio = np.zeros((1, 10), np.float32)
    proprio[0, :3] = np.add(WORKSPACE_HIGH_M, (3 * STEP_M[0], -0.01, -0.01))
    history = History(np.zeros((1, 64, 64, 3), np.uint8), proprio, None)
    plan = arm_limits(history, torch.zeros(1, 5, 4))[0, :, 0].numpy()
    np.testing.assert_allclose(plan, [-1, -1, -1, 0, 0], atol=1e-5)
    np.testing.assert_allclose(within_workspace(np.zeros(4), proprio[0, :3])[:3], [-1, 0, 0], atol=1e-5)
