"""The stand-in against LeRobot's own SO-101: interface, names, numbers; and what arm_node does with either."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="make test-lerobot makes an environment that has it")
pytest.importorskip("scservo_sdk", reason="pip install 'lerobot[feetech]'")

from lerobot.motors import MotorCalibration
from lerobot.robots import Robot
from lerobot.robots.so_follower import SO101Follower

from rehearse.errors import ConfigError
from rehearse.ros_nodes.arm import Arm
from rehearse.ros_nodes.guard.trajectory import Command
from rehearse.ros_nodes.parameters import ArmParameters
from rehearse.ros_nodes.which_robot import which_robot
from rehearse.sim.follower import Follower
from rehearse.sim.robots import ROBOTS

SO101 = ROBOTS["so101"]
CAMERA = "cameras: {front: {type: opencv, index_or_path: 0, width: 64, height: 64, fps: 30}}\n"


def lerobots(folder: Path, use_degrees: bool = True, more: str = "") -> SO101Follower:
    """LeRobot's own class, made as arm_node makes it."""
    path = folder / "robot.yaml"
    said = f"port: /dev/nowhere\nid: x\ncalibration_dir: {folder}\nuse_degrees: {str(use_degrees).lower()}\n"
    path.write_text(f"type: so101_follower\n{said}{more}")
    return which_robot(path, limp=True)


def on_the_bench(robot: SO101Follower, like: Follower) -> dict[int, int]:
    """Calibrate it like the stand-in, and put registers where its servos would be: id -> ticks."""
    calibration = {
        name: MotorCalibration(motor.id, 0, 0, like.calibration[name].range_min, like.calibration[name].range_max)
        for name, motor in robot.bus.motors.items()
    }
    robot.bus.calibration, ticks = calibration, {motor.id: 2048 for motor in robot.bus.motors.values()}
    robot.bus.port_handler.is_open = True
    robot.bus._sync_write = lambda address, length, values, **_: ticks.update(values)
    robot.bus._sync_read = lambda address, length, ids, **_: ({i: ticks[i] for i in ids}, 0)
    return ticks


def test_it_has_lerobots_whole_interface() -> None:
    for name in Robot.__abstractmethods__:
        theirs, ours = getattr(SO101Follower, name), getattr(Follower, name)
        if callable(theirs):
            assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters), name
        else:
            assert isinstance(ours, property), name


def test_names_and_shapes_are_lerobots(tmp_path: Path) -> None:
    theirs, ours = lerobots(tmp_path, more=CAMERA), Follower(image_px=64)
    assert ours.observation_features == theirs.observation_features
    assert ours.action_features == theirs.action_features
    assert (ours.config.use_degrees, theirs.config.disable_torque_on_disconnect) == (theirs.config.use_degrees, True)


@pytest.mark.parametrize("use_degrees", [True, False])
def test_numbers_are_lerobots(tmp_path: Path, use_degrees: bool) -> None:
    """The same goals become the same ticks, and the same ticks the same positions."""
    theirs, ours = lerobots(tmp_path, use_degrees), Follower(use_degrees=use_degrees, clock=lambda: 0.0)
    ticks = on_the_bench(theirs, ours)
    ours.connect()
    rng = np.random.default_rng(0)
    for _ in range(50):
        numbers = rng.uniform(-80, 80, len(ours.motors))
        numbers[-1] = rng.uniform(0, 100)  # the gripper
        goal = {f"{name}.pos": float(number) for name, number in zip(ours.motors, numbers, strict=True)}
        theirs.send_action(goal)
        ours.send_action(goal)
        ours.data.qpos[ours._qpos] = ours.data.ctrl
        told = [2 * np.pi / 4095 * (ticks[m.id] - ours.calibration[n].middle) for n, m in theirs.bus.motors.items()]
        np.testing.assert_allclose(ours.data.ctrl - ours._zero_rad, told, atol=1e-9)
        assert ours.get_observation() == pytest.approx(theirs.get_observation(), abs=1e-9)


def test_arm_node_leads_lerobots_own_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    robot = lerobots(tmp_path)
    ticks = on_the_bench(robot, Follower())
    monkeypatch.setattr(robot, "connect", lambda **_: None)  # there are no registers to write to
    monkeypatch.setattr(SO101Follower, "is_calibrated", True)
    now_s = 0.0
    arm = Arm(robot, ArmParameters(joints=SO101.joints), clock=lambda: now_s)
    felt: Any = arm.connect()
    target = felt.q_rad + np.array([0.3, -0.2, 0.1, 0.0, 0.5])
    arm.accept(Command(SO101.joints, np.array([1.0]), target[None], np.zeros((1, 5))))
    for _ in range(60):
        now_s += 0.02
        felt = arm.tick()
    np.testing.assert_allclose(felt.q_rad, target, atol=0.002)
    assert ticks[robot.bus.motors["shoulder_pan"].id] == pytest.approx(2048 + 0.3 / 2 / np.pi * 4095, abs=1.5)


def test_in_a_dry_run_lerobots_servos_are_limp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    robot, called = lerobots(tmp_path), []
    ticks = on_the_bench(robot, Follower())
    before = dict(ticks)
    monkeypatch.setattr(robot, "connect", lambda **_: called.append("connect"))
    monkeypatch.setattr(SO101Follower, "is_calibrated", True)
    monkeypatch.setattr(robot.bus, "disable_torque", lambda: called.append("limp"))
    arm = Arm(robot, ArmParameters(joints=SO101.joints, dry_run=True))
    arm.connect()
    assert called == ["connect", "limp"]
    assert arm.tick() is not None
    assert ticks == before


def test_a_robot_that_lerobot_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    for said, complaint in (("type: so102", "it knows .*so101_follower"), ("type: so101_follower\nprot: x", "prot")):
        path.write_text(said)
        with pytest.raises(ConfigError, match=complaint):
            which_robot(path, limp=False)
