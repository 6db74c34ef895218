"""An arm behind LeRobot's interface, led by the clock of a test: units, limits of patience, dry runs, lost buses."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from rehearse.errors import ConfigError, DataError
from rehearse.ros_nodes.arm import Arm, Units
from rehearse.ros_nodes.guard.trajectory import Command
from rehearse.ros_nodes.parameters import ArmParameters
from rehearse.sim.follower import Follower
from rehearse.sim.robots import ROBOTS

PERIOD_S = 0.02
SO101 = ROBOTS["so101"]


class Bench:
    """A stand-in, the arm that leads it, a clock, and a plug that can be pulled from sending or from sensing.

    ``blocks``: how long the next call takes, by its name.
    """

    def __init__(self, robot: dict[str, Any] | None = None, **settings: Any) -> None:
        self.now_s, self.sent = 0.0, []
        self.pulled: set[str] = set()
        self.blocks: dict[str, float] = {}
        self.robot = Follower(clock=lambda: self.now_s, **(robot or {}))
        for call in ("send_action", "get_observation"):
            setattr(self.robot, call, self._watched(call, getattr(self.robot, call)))
        self.arm = Arm(self.robot, ArmParameters(joints=SO101.joints, **settings), clock=lambda: self.now_s)
        self.felt = self.arm.connect()

    def _watched(self, call: str, done: Any) -> Any:
        def watched(*given: Any) -> Any:
            self.now_s += self.blocks.pop(call, 0.0)
            if call in self.pulled:
                raise OSError(f"{call}:\n no such device")
            self.sent += given
            return done(*given)

        return watched

    def run(self, seconds: float) -> list:
        """Periods; what came of each."""
        felt = []
        for _ in range(round(seconds / PERIOD_S)):
            self.now_s += PERIOD_S
            felt.append(self.arm.tick())
        return felt

    def go(self, step_rad: np.ndarray, seconds: float = 0.5) -> np.ndarray:
        """Where the arm is told to go from where it is told to be."""
        target = self.felt.q_rad + step_rad
        rest = np.zeros((1, 5))
        self.arm.accept(Command(SO101.joints, np.array([seconds]), target[None], rest))
        return target


TURN = 0.3 * np.eye(5)[0]


def test_it_goes_where_it_is_told_and_stays() -> None:
    bench = Bench()
    np.testing.assert_allclose(bench.felt.q_rad, SO101.home_rad, atol=0.002)
    target = bench.go(TURN)
    felt = bench.run(2.0)
    np.testing.assert_allclose(felt[-1].q_rad[0], target[0], atol=0.02)
    assert np.abs(felt[-1].q_rad - felt[-20].q_rad).max() < 0.002, "at rest"
    assert felt[-1].sent["shoulder_pan.pos"] == pytest.approx(np.degrees(target[0]))


def test_the_gripper_stays_as_it_was() -> None:
    bench = Bench()
    bench.go(TURN)
    bench.run(0.5)
    assert {action["gripper.pos"] for action in bench.sent} == {bench.felt.observation["gripper.pos"]}


@pytest.mark.parametrize(
    ("settings", "robot"),
    [
        ({}, {}),
        (
            {"rad_per_unit": (*(high / 100 for high in SO101.position_high_rad[:4]), np.pi / 100)},
            {"use_degrees": False},
        ),
    ],
)
def test_units_are_the_robots_own(settings: dict, robot: dict) -> None:
    """Degrees, or -100 … 100 of a range: the model's joints are where the numbers say."""
    bench = Bench(robot, **settings)
    bench.robot.data.qpos[bench.robot._qpos[:5]] = q_rad = np.array([0.4, -0.3, 0.2, 0.5, -1.0])
    sensed = bench.arm.units.to_rad(bench.robot.get_observation())
    np.testing.assert_allclose(sensed, q_rad, atol=0.002)  # a tick is 0.0015 rad
    bench.robot.send_action(bench.arm.units.to_action(q_rad))
    np.testing.assert_allclose(bench.robot.data.ctrl[:5], q_rad, atol=0.002)


def test_zero_and_direction_of_a_joint_may_be_others() -> None:
    units = Units(("a", "b"), np.array([-0.5, 0.1]), np.array([1.0, 0.0]))
    q_rad = np.array([0.25, 2.0])
    assert units.to_action(q_rad) == pytest.approx({"a.pos": 1.5, "b.pos": 20.0})
    np.testing.assert_allclose(units.to_rad({**units.to_action(q_rad), "front": None}), q_rad)
    for sensed, said in (({"a.pos": 1.0}, "does not sense b"), ({"a.pos": 1.0, "b.pos": float("nan")}, "senses")):
        with pytest.raises(DataError, match=said):
            units.to_rad(sensed)


@pytest.mark.parametrize(
    ("robot", "settings", "said"),
    [
        ({"use_degrees": False}, {}, "does not use degrees"),
        ({"arm": "arm7"}, {}, "has no joint shoulder_pan"),
        ({}, {"zero_rad": (0.0, 0.0)}, "zero_rad needs 5 numbers"),
        ({}, {"rad_per_unit": (0.0,)}, "rad_per_unit: no number may be 0"),
        ({}, {"acceleration_radps2": (0.0,)}, "must be above 0"),
        ({"arm": "arm8"}, {}, "unknown arm"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_moves(robot: dict, settings: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Bench(robot, **settings)


class Wheels(Follower):
    """It takes speeds, too."""

    @property
    def action_features(self) -> dict[str, type]:
        return {**super().action_features, "x.vel": float}


class Uncalibrated(Follower):
    """It does not know where it is."""

    is_calibrated = False


class Absent(Follower):
    """Its port is not there."""

    def connect(self, calibrate: bool = True) -> None:
        raise OSError("could not open port\n /dev/ttyACM0")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Wheels, "takes x.vel"),
        (Uncalibrated, "run lerobot-calibrate"),
        (Absent, "cannot reach rehearse_follower: OSError: could not open port /dev/ttyACM0"),
    ],
)
def test_a_robot_that_cannot_be_led_is_refused_in_one_line(kind: type, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Arm(kind(), ArmParameters()).connect()


def test_a_dry_run_sends_nothing_and_tells_what_it_would() -> None:
    bench = Bench(dry_run=True)
    target = bench.go(TURN)
    felt = bench.run(1.0)
    assert not bench.sent
    assert np.abs(felt[-1].q_rad - bench.felt.q_rad).max() < 0.01, "it has not moved"
    assert felt[-1].sent["shoulder_pan.pos"] == pytest.approx(np.degrees(target[0]))


def test_a_hiccup_is_no_fault() -> None:
    bench = Bench()
    target = bench.go(TURN)
    bench.run(0.2)
    bench.pulled = {"get_observation"}
    assert bench.run(0.08) == [None] * 4
    bench.pulled = set()
    assert bench.run(1.0)[-1].q_rad[0] == pytest.approx(target[0], abs=0.02)
    assert (bench.arm.fault, bench.arm.hiccups) == ("", 4)


def test_an_arm_that_can_no_longer_be_felt_is_braked_and_given_up() -> None:
    """Sensing fails, sending goes on: straight on to rest with the deceleration that was set, then not a word more."""
    bench = Bench()
    bench.go(TURN)
    bench.run(0.2)
    bench.pulled, before = {"get_observation"}, len(bench.sent)
    bench.run(2.0)
    assert bench.arm.fault == "rehearse_follower is lost: OSError: get_observation: no such device"
    sent = np.radians([action["shoulder_pan.pos"] for action in bench.sent[before:]])
    assert 6 < len(sent) < 16, "for the time of patience and of braking"
    slowing = np.diff(sent, 2)[6:] / PERIOD_S**2
    assert (np.abs(slowing) < 12.1).all()
    assert abs(sent[-1] - sent[-2]) / PERIOD_S < 12 * PERIOD_S, "it has come to rest"
    assert sent[-1] < bench.felt.q_rad[0] + TURN[0] - 0.02, "before its goal"
    bench.pulled, before = set(), len(bench.sent)
    with pytest.raises(DataError, match="the bus was lost"):
        bench.go(TURN)
    assert bench.run(1.0) == [None] * 50, "a bus that comes back is no arm that came back"
    assert len(bench.sent) == before


@pytest.mark.parametrize("call", ["send_action", "get_observation"])
@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
def test_a_call_that_blocks_for_too_long_is_a_lost_bus_and_no_goal_leaps(call: str, fails: bool) -> None:
    bench = Bench()
    bench.go(1.0 * np.eye(5)[0], seconds=0.75)  # up to 2 rad/s
    bench.run(0.36)
    bench.blocks = {call: 0.5}
    bench.pulled = {call} if fails else set()
    before = len(bench.sent)
    bench.run(PERIOD_S)
    why = (
        f"OSError: {call}: no such device"
        if fails
        else "its bus and cameras took 0.50 s to answer, bus_timeout_s is 0.1"
    )
    assert bench.arm.fault == f"rehearse_follower is lost: {why}"
    bench.pulled = set()
    assert bench.run(2.0) == [None] * 100
    sent = np.radians([action["shoulder_pan.pos"] for action in bench.sent[before - 2 :]])
    assert 3 < len(sent) < 16, "braked, and then not a word more"
    assert np.abs(np.diff(sent)).max() < 2 * 2.0 * PERIOD_S + 1e-6
    assert abs(sent[-1] - sent[-2]) < 12 * PERIOD_S**2, "it has come to rest"


def test_a_call_that_blocks_for_a_little_while_delays_the_way_and_shortens_nothing() -> None:
    bench = Bench()
    target = bench.go(1.0 * np.eye(5)[0], seconds=0.75)
    bench.run(0.36)
    bench.blocks = {"get_observation": 0.09}
    bench.run(1.5)
    assert bench.arm.fault == ""
    sent = np.radians([action["shoulder_pan.pos"] for action in bench.sent])
    assert np.abs(np.diff(sent)).max() < 2 * 2.0 * PERIOD_S + 1e-6
    assert sent[-1] == pytest.approx(target[0])


def test_an_arm_that_cannot_even_be_braked_is_left_alone() -> None:
    bench = Bench()
    bench.go(TURN)
    bench.run(0.2)
    bench.pulled, before = {"send_action", "get_observation"}, len(bench.sent)
    bench.run(0.5)
    assert bench.arm.fault == "rehearse_follower is lost: OSError: send_action: no such device"
    assert bench.arm.rests()
    bench.pulled = set()
    assert bench.run(1.0) == [None] * 50
    assert len(bench.sent) == before, "a bus that comes back is no arm that came back"


def test_at_the_end_torque_is_as_was_asked() -> None:
    for limp in (True, False):
        bench = Bench({"disable_torque_on_disconnect": limp})
        assert bench.arm.close() == ""
        assert bench.robot.torque is not limp
        assert "could not be left in order: ConnectionError" in bench.arm.close()


@pytest.mark.gl
def test_the_stand_ins_camera_has_a_rate_of_its_own() -> None:
    bench = Bench({"image_px": 16})
    bench.go(2 * TURN)
    pictures = [felt.observation["front"] for felt in bench.run(1.0)]
    changes = sum(now is not before for before, now in pairwise(pictures))
    assert 8 <= changes <= 10
    assert (pictures[0] != pictures[-1]).any(), "the arm has moved"
