"""Inverse kinematics over the workspace."""

import mujoco
import numpy as np
import pytest

from rehearse.sim.kinematics import HOME_RAD, ArmKinematics
from rehearse.sim.scene import ARM_BASE_M, ASSETS
from rehearse.sim.world import WORKSPACE_HIGH_M, WORKSPACE_LOW_M

REACH_M = 0.65  # the far corner of the workspace lies beyond it


@pytest.fixture(scope="module")
def kinematics() -> ArmKinematics:
    return ArmKinematics()


@pytest.fixture(scope="module")
def arm() -> mujoco.MjModel:
    spec = mujoco.MjSpec.from_file(str(ASSETS / "arm.xml"))
    spec.body("base").pos = list(ARM_BASE_M)
    return spec.compile()


def grip(model: mujoco.MjModel, q_rad: np.ndarray) -> tuple[np.ndarray, float]:
    """Gripper position and the angle (degrees) between the hand and straight down, by MuJoCo alone."""
    data = mujoco.MjData(model)
    data.qpos[:7] = q_rad
    mujoco.mj_kinematics(model, data)
    axis = data.site("grip").xmat.reshape(3, 3)[:, 2]
    return data.site("grip").xpos.copy(), float(np.degrees(np.arccos(np.clip(-axis[2], -1, 1))))


def test_reaches_the_workspace_with_the_hand_down(kinematics: ArmKinematics, arm: mujoco.MjModel) -> None:
    points = np.random.default_rng(0).uniform(WORKSPACE_LOW_M, WORKSPACE_HIGH_M, (40, 3))
    points = points[np.linalg.norm(points[:, :2] - ARM_BASE_M[:2], axis=1) < REACH_M]
    assert len(points) > 20
    reached = [grip(arm, kinematics.solve(HOME_RAD, point, iterations=60)) for point in points]
    missed_m = np.array([np.linalg.norm(p - point) for (p, _), point in zip(reached, points, strict=True)])
    tilt_deg = np.array([tilt for _, tilt in reached])
    assert missed_m.max() < 0.002, points[missed_m.argmax()]
    assert tilt_deg.max() < 15, points[tilt_deg.argmax()]


def test_tracks_a_fast_line(kinematics: ArmKinematics, arm: mujoco.MjModel) -> None:
    """At the greatest speed, 8 cm a step, the few iterations of a control step keep up."""
    q_rad = kinematics.solve(HOME_RAD, np.array([0.10, 0.0, 0.03]), iterations=60)
    for x in np.arange(0.10, -0.36, -0.08):
        target = np.array([x, 0.0, 0.03])
        q_rad = kinematics.solve(q_rad, target)
        assert np.linalg.norm(grip(arm, q_rad)[0] - target) < 0.01


def test_forward_agrees_with_mujoco(kinematics: ArmKinematics, arm: mujoco.MjModel) -> None:
    for offset in np.random.default_rng(1).uniform(-0.5, 0.5, (5, 7)):
        np.testing.assert_allclose(kinematics.forward(HOME_RAD + offset), grip(arm, HOME_RAD + offset)[0])


def test_limits_hold_for_points_out_of_reach(kinematics: ArmKinematics, arm: mujoco.MjModel) -> None:
    low, high = arm.jnt_range[:7].T
    for point in np.random.default_rng(2).uniform(-3, 3, (20, 3)):
        q_rad = kinematics.solve(HOME_RAD, point, iterations=30)
        assert (q_rad > low).all()
        assert (q_rad < high).all()
        assert np.isfinite(q_rad).all()
    beyond = kinematics.within_limits(np.full(7, 9.0))
    assert (beyond < high).all()


def test_solve_does_not_remember(kinematics: ArmKinematics) -> None:
    target = np.array([0.0, 0.1, 0.1])
    first = kinematics.solve(HOME_RAD, target)
    kinematics.solve(HOME_RAD + 0.5, -target)
    np.testing.assert_array_equal(kinematics.solve(HOME_RAD, target), first)
