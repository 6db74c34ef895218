"""From plans to joint trajectories and back, and what a controller makes of them; without ROS."""

import numpy as np
import pytest

from rehearse.errors import DataError
from rehearse.ros_nodes.controller import Controller
from rehearse.ros_nodes.guard.camera import CameraWatch
from rehearse.ros_nodes.guard.trajectory import Command, Trajectory
from rehearse.ros_nodes.pilot import Pilot

JOINTS = ("x", "y")


class Gantry:
    """Two joints that are the gripper's x and y; an action of 1 is 0.1 rad in a period of 0.2 s."""

    joints, period_s = JOINTS, 0.2

    def joint_targets(self, q_rad: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return q_rad + 0.1 * np.cumsum(actions[:, :2], axis=0)

    def action_between(self, before_rad: np.ndarray, after_rad: np.ndarray) -> np.ndarray:
        return np.array([*(after_rad - before_rad) / 0.1, 0.0, 1.0])


PLAN = np.array([[1.0, 0.5, 0, 1], [1.0, 0.5, 0, 1], [9.0, 9.0, 9, 9]])


@pytest.fixture
def pilot() -> Pilot:
    pilot = Pilot(Gantry(), braking_radps2=5.0)
    assert not pilot.ready
    pilot.sense(("y", "finger", "x"), np.array([2.0, 9.0, 1.0]), now_s=10.0)
    return pilot


def as_command(trajectory: Trajectory, joints: tuple[str, ...] = JOINTS) -> Command:
    return Command(joints, trajectory.times_s, trajectory.q_rad, trajectory.qd_radps)


def test_a_plan_becomes_points_at_the_ends_of_its_periods(pilot: Pilot) -> None:
    told = pilot.command(PLAN, begins_s=10.2, now_s=10.05)
    np.testing.assert_allclose(told.times_s[:4], [0, 0.15, 0.35, 0.55])
    np.testing.assert_allclose(told.q_rad[:4], [[1, 2], [1, 2], [1.1, 2.05], [1.2, 2.1]])
    np.testing.assert_allclose(told.qd_radps[3], [0.5, 0.25], err_msg="at the plan's speed, and from there it brakes")
    assert not told.qd_radps[-1].any()
    assert len(told.times_s) == 5


def test_it_goes_on_from_what_passed_the_guard_not_from_what_it_wished(pilot: Pilot) -> None:
    told = pilot.command(PLAN, begins_s=10.2, now_s=10.05)
    slower = Trajectory(told.times_s * 2, told.q_rad, told.qd_radps / 2)
    pilot.hear(as_command(slower), now_s=10.06)
    done = pilot.between(10.2, 10.4)
    assert 0 < done[0] < 0.6, "not 1, as it wished"
    following = pilot.command(PLAN, begins_s=10.6, now_s=10.45)
    np.testing.assert_allclose(following.q_rad[0], slower.at(10.45 - 10.06)[0])
    np.testing.assert_allclose(following.qd_radps[0], slower.at(10.45 - 10.06)[1])
    np.testing.assert_allclose(following.q_rad[1], slower.at(10.6 - 10.06)[0], err_msg="there the plan begins")


def test_points_that_are_near_or_past_are_left_out(pilot: Pilot) -> None:
    late = pilot.command(PLAN, begins_s=10.2, now_s=10.15)
    np.testing.assert_allclose(late.times_s[:3], [0, 0.25, 0.45])
    assert pilot.command(PLAN, begins_s=10.2, now_s=10.55) is None, "too late altogether"


def test_an_arm_moved_by_other_means_is_noticed_once_it_rests(pilot: Pilot) -> None:
    pilot.sense(JOINTS, np.array([1.02, 2.0]), now_s=10.1)
    assert pilot.at(10.1)[0] == 1.0, "it sags a little: no reason to creep after it"
    pilot.sense(JOINTS, np.array([1.5, 2.0]), now_s=10.2)
    assert pilot.at(10.2)[0] == 1.5
    pilot.hear(as_command(pilot.command(PLAN, begins_s=10.4, now_s=10.2)), now_s=10.2)
    pilot.sense(JOINTS, np.array([1.4, 2.0]), now_s=10.45)
    assert pilot.at(10.45)[0] >= 1.5, "in motion it lags, which is no news"


def test_a_clock_set_back_makes_it_look_where_the_arm_is(pilot: Pilot) -> None:
    pilot.hear(as_command(pilot.command(PLAN, begins_s=10.2, now_s=10.0)), now_s=10.0)
    pilot.sense(JOINTS, np.array([1.02, 2.01]), now_s=0.02)
    assert pilot.at(0.02).tolist() == [1.02, 2.01]


@pytest.mark.parametrize(
    ("joints", "q_rad", "said"),
    [(("x",), [1.0], "lack y"), (JOINTS, [1.0], "lack positions"), (JOINTS, [1.0, np.nan], "not finite")],
)
def test_joint_states_that_are_no_use_are_refused(pilot: Pilot, joints: tuple, q_rad: list, said: str) -> None:
    with pytest.raises(DataError, match=said):
        pilot.sense(joints, np.array(q_rad), now_s=11.0)


def test_halting(pilot: Pilot) -> None:
    pilot.hear(as_command(pilot.command(PLAN, begins_s=10.2, now_s=10.0)), now_s=10.0)
    q, qd = pilot.halt(10.3).q_rad[0], pilot.halt(10.3).qd_radps[0]
    np.testing.assert_allclose(q, pilot.at(10.3))
    assert qd.any()
    assert not pilot.halt(10.3).qd_radps[-1].any()
    pilot.forget()
    assert pilot.halt(10.3) is None


def test_a_controller_follows_holds_and_refuses() -> None:
    controller = Controller(JOINTS, np.array([1.0, 2.0]))
    path = Trajectory(np.array([0.5, 1.0]), np.array([[1.2, 2.0], [1.4, 2.2]]), np.array([[0.4, 0.2], [0.0, 0.0]]))
    controller.accept(as_command(path), now_s=3.0)
    np.testing.assert_allclose(controller.at(3.0), [1, 2], err_msg="from where it is")
    np.testing.assert_allclose(controller.at(3.5), [1.2, 2.0])
    np.testing.assert_allclose(controller.at(9.0), [1.4, 2.2])
    for bad, said in (
        (Command(JOINTS, np.array([1.0]), np.array([[0.0, np.inf]]), np.zeros((1, 2))), "not finite"),
        (Command(JOINTS, np.array([1.0]), np.zeros((1, 2)), np.ones((1, 2))), "does not end at rest"),
        (Command(JOINTS, np.array([1.0]), np.zeros((1, 2)), np.zeros((1, 2)), stamp_s=3.0), "has a stamp"),
        (Command(("x",), np.array([1.0]), np.zeros((1, 1)), np.zeros((1, 1))), "missing: y"),
    ):
        with pytest.raises(DataError, match=said):
            controller.accept(bad, now_s=9.0)
    np.testing.assert_allclose(controller.at(9.1), [1.4, 2.2])


def test_a_frozen_camera_is_told_by_motion_not_by_time() -> None:
    watch = CameraWatch(frozen_rad=0.05)
    still = np.zeros(2)
    assert all(watch.saw(b"same", still) == "" for _ in range(100)), "nothing moves: the picture may stay"
    assert watch.saw(b"same", still + 0.04) == ""
    assert "a joint moved 0.060 rad" in watch.saw(b"same", still + 0.06)
    assert watch.saw(b"other", still + 0.06) == ""
    assert watch.saw(b"same", still + 0.1) == "", "counted anew"
