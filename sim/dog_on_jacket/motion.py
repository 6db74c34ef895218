"""The dog task's actions as motion of an arm's joints: motion = arm_motion("arm6"), see rehearse.sim.arm_motion."""

import numpy as np

from rehearse.sim.arm_motion import ArmMotion
from rehearse.sim.arms import ARMS
from rehearse.sim.dog_on_jacket.world import MAX_SPEED_MPS, PERIOD_S, WORKSPACE_HIGH_M, WORKSPACE_LOW_M

GRIP_CLOSED = 1.0


def arm_motion(arm: str = "arm7") -> ArmMotion:
    """Of one of the arms; its hand stays closed."""
    workspace_m = np.array([WORKSPACE_LOW_M, WORKSPACE_HIGH_M])
    return ArmMotion(ARMS[arm], PERIOD_S, MAX_SPEED_MPS, workspace_m, rest=(GRIP_CLOSED,))
