"""Inverse kinematics of every arm over the workspace."""

import itertools

import mujoco
import numpy as np
import pytest

from rehearse.sim.arms import ARMS
from rehearse.sim.dog_on_jacket.world import WORKSPACE_HIGH_M, WORKSPACE_LOW_M
from rehearse.sim.kinematics import ArmKinematics
from rehearse.sim.robots import Robot

REACH_M = {"arm7": 0.65}  # the far corners of the workspace lie beyond it; the others reach them all


@pytest.fixture(scope="module", params=ARMS)
def arm(request: pytest.FixtureRequest) -> Robot:
    return ARMS[request.param]


@pytest.fixture(scope="module")
def kinematics(arm: Robot) -> ArmKinematics:
    return ArmKinematics(arm)


@pytest.fixture(scope="module")
def model(arm: Robot) -> mujoco.MjModel:
    spec = arm.spec()
    spec.body("base").pos = list(arm.base_m)
    return spec.compile()


def grip(model: mujoco.MjModel, q_rad: np.ndarray) -> tuple[np.ndarray, float]:
    """Gripper position and the angle (degrees) between the hand and straight down, by MuJoCo alone."""
    data = mujoco.MjData(model)
    data.qpos[: len(q_rad)] = q_rad
    mujoco.mj_kinematics(model, data)
    axis = data.site("grip").xmat.reshape(3, 3)[:, 2]
    return data.site("grip").xpos.copy(), float(np.degrees(np.arccos(np.clip(-axis[2], -1, 1))))


def test_reaches_the_workspace_with_the_hand_down(arm: Robot, kinematics: ArmKinematics, model: mujoco.MjModel) -> None:
    inside = np.random.default_rng(0).uniform(WORKSPACE_LOW_M, WORKSPACE_HIGH_M, (40, 3))
    corners = list(itertools.product(*zip(WORKSPACE_LOW_M, WORKSPACE_HIGH_M, strict=True)))
    points = np.concatenate([inside, corners])
    near = np.linalg.norm(points[:, :2] - arm.base_m[:2], axis=1) < REACH_M.get(arm.name, np.inf)
    assert near.sum() > 20
    points = points[near]
    reached = [grip(model, kinematics.solve(kinematics.home_rad, point, iterations=60)) for point in points]
    missed_m = np.array([np.linalg.norm(p - point) for (p, _), point in zip(reached, points, strict=True)])
    tilt_deg = np.array([tilt for _, tilt in reached])
    assert missed_m.max() < 0.002, points[missed_m.argmax()]
    assert tilt_deg.max() < 15, points[tilt_deg.argmax()]


def test_tracks_a_fast_line(kinematics: ArmKinematics, model: mujoco.MjModel) -> None:
    """At the greatest speed, 8 cm a step, the few iterations of a control step keep up."""
    q_rad = kinematics.solve(kinematics.home_rad, np.array([0.10, 0.0, 0.03]), iterations=60)
    for x in np.arange(0.10, -0.36, -0.08):
        target = np.array([x, 0.0, 0.03])
        q_rad = kinematics.solve(q_rad, target)
        assert np.linalg.norm(grip(model, q_rad)[0] - target) < 0.01


def test_forward_agrees_with_mujoco(kinematics: ArmKinematics, model: mujoco.MjModel) -> None:
    for offset in np.random.default_rng(1).uniform(-0.5, 0.5, (5, len(kinematics.home_rad))):
        np.testing.assert_allclose(
            kinematics.forward(kinematics.home_rad + offset), grip(model, kinematics.home_rad + offset)[0]
        )


def test_limits_hold_for_points_out_of_reach(kinematics: ArmKinematics, model: mujoco.MjModel) -> None:
    low, high = model.jnt_range[: len(kinematics.home_rad)].T
    for point in np.random.default_rng(2).uniform(-3, 3, (20, 3)):
        q_rad = kinematics.solve(kinematics.home_rad, point, iterations=30)
        assert (q_rad > low).all()
        assert (q_rad < high).all()
        assert np.isfinite(q_rad).all()
    beyond = kinematics.within_limits(np.full(len(low), 9.0))
    assert (beyond < high).all()


def test_solve_does_not_remember(kinematics: ArmKinematics) -> None:
    target = np.array([0.0, 0.1, 0.1])
    first = kinematics.solve(kinematics.home_rad, target)
    kinematics.solve(kinematics.home_rad + 0.5, -target)
    np.testing.assert_array_equal(kinematics.solve(kinematics.home_rad, target), first)


def test_hands_begin_turned_alike(kinematics: ArmKinematics, model: mujoco.MjModel) -> None:
    """So that force at the wrist means the same on every arm."""
    _, tilt_deg = grip(model, kinematics.home_rad)
    assert tilt_deg < 2
    data = mujoco.MjData(model)
    data.qpos[: len(kinematics.home_rad)] = kinematics.home_rad
    mujoco.mj_kinematics(model, data)
    along = data.site("wrist").xmat.reshape(3, 3)[:, 0]
    yaw_rad = np.arctan2(along[1], along[0])
    assert abs(yaw_rad - (1.4 - np.pi)) < 0.02
