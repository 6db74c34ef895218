"""Robots: simulation, planner, guard and the files for ROS say the same of each; the small one is what it claims."""

import itertools
import runpy
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.ros_nodes.guard import Chain, Limits
from rehearse.ros_nodes.parameters import GuardParameters, PlannerParameters
from rehearse.sim.arms import ARMS
from rehearse.sim.dog_on_jacket.world import MAX_JOINT_SPEED_RADPS
from rehearse.sim.kinematics import MARGIN_RAD, ArmKinematics
from rehearse.sim.robots import ROBOTS, Robot, checked
from rehearse.sim.urdf import urdf
from tests.house.tree import ROOT

ARM7, SO101 = ROBOTS["arm7"], ROBOTS["so101"]


@pytest.fixture(params=ROBOTS)
def robot(request: pytest.FixtureRequest) -> Robot:
    return ROBOTS[request.param]


def test_model_and_dataclass_agree(robot: Robot) -> None:
    assert checked(robot) is robot


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"position_high_rad": (2.9, 1.9, 2.9, 2.8, 2.9, 2.4, 2.9)}, "position_high_rad of joint4 is 2.9 in its model"),
        ({"torque_nm": (90.0,) * 7}, "torque_nm of joint3 is 60 in its model"),
        ({"fingers": ("finger_left",)}, "its actuators drive"),
        ({"joints": ("joint2", "joint1", *ARM7.joints[2:])}, "its actuators drive"),
    ],
)
def test_a_model_that_says_otherwise_is_refused(change: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        checked(replace(ARM7, **change))


def test_a_number_for_each_joint() -> None:
    with pytest.raises(ConfigError, match="robot arm7: velocity_radps and home_rad need 7 numbers"):
        replace(ARM7, velocity_radps=(1.0,))


def test_planner_and_guard_take_their_limits_from_the_same_numbers(robot: Robot) -> None:
    """Also when these change: a narrower joint is narrower for both, and for what the arm's description tells."""
    narrower = replace(robot, position_high_rad=(0.11, *robot.position_high_rad[1:]))
    for one in (robot, narrower):
        guard, planner = Limits.of(GuardParameters(**one.guard_parameters())), ArmKinematics(one)
        beyond = np.full(len(one.joints), 9.0)
        np.testing.assert_allclose(planner.within_limits(beyond), guard.high - MARGIN_RAD)
        np.testing.assert_allclose(planner.within_limits(-beyond), guard.low + MARGIN_RAD)
        assert guard.joints == one.joints
        np.testing.assert_array_equal(guard.velocity, one.velocity_radps)
        np.testing.assert_array_equal(guard.acceleration, one.acceleration_radps2)
    assert 'upper="0.11"' in urdf(narrower)


def test_nodes_without_a_file_guard_the_first_arm() -> None:
    given = GuardParameters()
    assert {name: getattr(given, name) for name in ARM7.guard_parameters()} == ARM7.guard_parameters()


def test_nothing_is_asked_that_the_guard_would_not_let_through() -> None:
    for robot in ARMS.values():
        assert min(robot.velocity_radps) >= MAX_JOINT_SPEED_RADPS
        assert min(robot.acceleration_radps2) >= PlannerParameters().braking_radps2


def test_the_written_files_are_as_the_code_is() -> None:
    for path, text in runpy.run_path(str(ROOT / "docs" / "make_robots.py"))["written"]().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: make docs"


def test_the_description_puts_the_tool_where_the_simulation_has_it(robot: Robot) -> None:
    kinematics = ArmKinematics(robot)
    q_rad = np.random.default_rng(0).uniform(robot.position_low_rad, robot.position_high_rad, (20, len(robot.joints)))
    told = Chain.of(urdf(robot), "tool0", robot.joints).forward(q_rad)
    np.testing.assert_allclose(told, [kinematics.forward(q) for q in q_rad], atol=1e-9)


def test_a_chain_that_urdf_cannot_tell() -> None:
    sliding = replace(ARM7, joints=("joint1", *ARM7.joints[1:-1], "finger_left"))
    with pytest.raises(ConfigError, match="is no hinge"):
        urdf(sliding)


def test_reaches_all_of_its_workspace(robot: Robot) -> None:
    kinematics = ArmKinematics(robot)
    low, high = robot.workspace_low_m, robot.workspace_high_m
    inside = np.random.default_rng(1).uniform(low, high, (60, 3))
    for place in (*inside, *itertools.product(*zip(low, high, strict=True))):
        q_rad = kinematics.solve(kinematics.home_rad, place, iterations=80)
        np.testing.assert_allclose(kinematics.forward(q_rad), place, atol=3e-3)


def test_so101_is_lerobots_arm() -> None:
    names = [*SO101.joints, *SO101.fingers]
    assert names == ["shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper"]
    model = SO101.spec().compile()
    assert model.body_mass.sum() == pytest.approx(0.632, abs=1e-3)
    assert not model.body_gravcomp.any(), "nothing carries the real one's weight"
    assert (model.actuator_forcerange == [-2.94, 2.94]).all(), "an STS3215 at 12 V"
    data = mujoco.MjData(model)  # at zero, where its published description puts the parts
    mujoco.mj_kinematics(model, data)
    for body, place in {"upper_arm": (0.0692, 0.1166), "wrist": (0.2321, 0.2344), "hand": (0.2932, 0.2344)}.items():
        np.testing.assert_allclose(data.body(body).xpos[[0, 2]], place, atol=2e-4)


def test_so101_carries_a_little_and_not_a_lot() -> None:
    """Stretched out, by its servos' torque alone: 0.4 kg stays up, 1 kg sinks."""
    sunk_rad = []
    for load_kg in (0.4, 1.0):
        model = SO101.spec().compile()
        model.body_mass[model.body("jaw").id] += load_kg
        data = mujoco.MjData(model)
        data.qpos[1] = data.ctrl[1] = 1.57  # the upper arm forward; elbow and wrist go on in its line
        data.qpos[2] = data.ctrl[2] = -1.57
        mujoco.mj_step(model, data, nstep=300)
        sunk_rad.append(abs(data.qpos[1] - 1.57))
    assert sunk_rad[0] < 0.02
    assert sunk_rad[1] > 0.1
