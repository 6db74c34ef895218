"""sim_node and planner_node as processes over real DDS."""

import signal
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState

from rehearse.ros_nodes.messages import from_image, from_twist, to_twist
from rehearse.sim.env import PROPRIO_NAMES, DogOnJacketEnv
from tests.ros.live import Nodes, Probe, distinct, values

pytestmark = pytest.mark.ros


@pytest.fixture
def images(probe: Probe) -> list:
    return probe.listen("/camera/image_raw", Image, qos_profile_sensor_data)


@pytest.fixture
def info(probe: Probe) -> list:
    return probe.listen("/sim/info", DiagnosticArray)


def pull(x_mps: float, stamp: object = None) -> TwistStamped:
    """A pull along x."""
    command = TwistStamped()
    command.twist.linear.x = x_mps
    if stamp is not None:
        command.header.stamp = stamp
    return command


def test_the_simulated_robot_is_the_environment(nodes: Nodes, probe: Probe, images: list, info: list) -> None:
    """Commanded alike, what comes over the topics equals what the environment gives, to the last bit."""
    proprio, joints = probe.listen("/proprio", JointState), probe.listen("/joint_states", JointState)
    nodes.start("sim_node", layout=3)
    commands = probe.talk("/cartesian_command", TwistStamped)
    probe.until(lambda: images and proprio and joints and info, "an observation")
    for count in range(1, 4):
        stamp = images[-1].header.stamp
        commands.publish(pull(-0.1, stamp))
        stepped = lambda count=count: len(distinct(images)) == len(distinct(proprio)) == count + 1  # noqa: E731
        probe.until(stepped, "the next observation")
        commands.publish(pull(-0.4, stamp))  # answers an observation that is no more
    commands.publish(pull(-0.05))  # no stamp: now
    probe.until(lambda: len(distinct(images)) == len(distinct(proprio)) == 5, "the last observation")

    env = DogOnJacketEnv(split="test")
    expected = [env.reset(options={"layout": 3})[0]]
    expected += [env.step(from_twist(pull(speed)))[0] for speed in (-0.1, -0.1, -0.1, -0.05)]
    env.close()
    for message, observation in zip(distinct(images), expected, strict=True):
        np.testing.assert_array_equal(from_image(message), observation["image"])
    for message, observation in zip(distinct(proprio), expected, strict=True):
        np.testing.assert_array_equal(np.array(message.position, np.float32), observation["proprio"])
        assert tuple(message.name) == PROPRIO_NAMES
    assert joints[-1].name == [f"joint{i}" for i in range(1, 8)]
    assert len(joints[-1].position) == len(joints[-1].velocity) == 7
    probe.until(lambda: values(info[-1])["time_s"] == "0.8", "the last info")
    assert values(info[-1]).keys() >= {"success", "woken", "disturbance", "progress", "finished", "layout"}


def test_a_command_that_makes_no_sense_is_ignored(nodes: Nodes, probe: Probe, images: list) -> None:
    nodes.start("sim_node")
    commands = probe.talk("/cartesian_command", TwistStamped)
    probe.until(lambda: images, "an observation")
    elsewhere = pull(-0.1)
    elsewhere.header.frame_id = "camera"
    for command, complaint in ((pull(float("nan")), "not finite"), (elsewhere, "in frame 'camera'")):

        def complained(command: TwistStamped = command, complaint: str = complaint) -> bool:
            commands.publish(command)  # again and again: complaints are throttled
            return complaint in nodes.output("sim_node")

        probe.until(complained, complaint)
    assert len(distinct(images)) == 1
    commands.publish(pull(-0.1))
    probe.until(lambda: len(distinct(images)) == 2, "the world to go on")


def test_a_reset_lays_out_what_the_parameter_says(nodes: Nodes, probe: Probe, info: list) -> None:
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    nodes.start("sim_node", layout=3)
    setter = probe.node.create_client(SetParameters, "/sim/set_parameters")
    probe.until(setter.service_is_ready, "the parameter service")
    for layout, possible in ((5, True), (-1, False)):
        wish = Parameter("layout", value=layout).to_parameter_msg()
        future = setter.call_async(SetParameters.Request(parameters=[wish]))
        probe.until(future.done, "the parameter to be set")
        reply = probe.call("/sim/reset")
        assert reply.success == possible, reply.message
    probe.until(lambda: info and values(info[-1])["layout"] == "5", "the new layout")


def test_out_of_lockstep_a_silent_commander_means_hold(nodes: Nodes, probe: Probe, info: list) -> None:
    proprio = probe.listen("/proprio", JointState)
    nodes.start("sim_node", step_on_command=False, realtime_factor=4.0, command_timeout_s=0.2)
    commands = probe.talk("/cartesian_command", TwistStamped)
    probe.until(lambda: len(info) > 3 and proprio, "some repeats")
    assert values(info[-1])["time_s"] == "0.0", "the world waits for the first command"
    commands.publish(pull(-0.02))
    probe.until(lambda: values(info[-1])["finished"] == "true", "the end of the episode")
    assert values(info[-1])["time_s"] == "4.0"
    moved = abs(proprio[-1].position[0] - proprio[0].position[0])
    assert 0.001 < moved < 0.04, "4 s at 0.02 m/s would have been 0.08 m"


def test_an_episode_from_end_to_end_and_again(
    nodes: Nodes, probe: Probe, images: list, info: list, checkpoint: Path
) -> None:
    """The planner drives the simulated robot until the episode is over; from the same start, the same again."""
    commands = probe.listen("/cartesian_command", TwistStamped)
    status = probe.listen("/planner/status", DiagnosticArray)
    sim = nodes.start("sim_node", layout=1)
    planner = nodes.start("planner_node", checkpoint=checkpoint, futures=24)
    finished = lambda: info and values(info[-1])["finished"] == "true"  # noqa: E731
    probe.until(finished, "the end of the episode")
    steps = round(float(values(info[-1])["time_s"]) / 0.2)
    assert steps >= 1
    probe.until(lambda: len(commands) == steps, "a command for every step")
    probe.until(lambda: len(status) and int(values(status[-1])["decisions"]) >= steps, "the status")
    said = values(status[-1])
    assert int(said["futures"]) >= 24
    assert float(said["milliseconds"]) > 0
    assert np.isfinite(float(said["cost"]))
    assert status[-1].status[0].level == DiagnosticStatus.OK

    first = [from_twist(command) for command in commands]
    assert probe.call("/planner/stop").success
    commands.clear()
    assert probe.call("/sim/reset").success
    probe.until(lambda: values(info[-1])["finished"] == "false", "the new episode")
    assert probe.call("/planner/start").success
    probe.until(finished, "the end of the second episode")
    probe.until(lambda: len(commands) >= steps, "its commands")
    np.testing.assert_array_equal([from_twist(command) for command in commands], first)

    assert nodes.end(sim, signal.SIGINT) == 0, nodes.output("sim_node")
    assert nodes.end(planner, signal.SIGTERM) == 0, nodes.output("planner_node")
    assert "Traceback" not in nodes.output("sim_node") + nodes.output("planner_node")


def test_a_stopped_planner_holds_its_tongue(nodes: Nodes, probe: Probe, images: list, checkpoint: Path) -> None:
    commands = probe.listen("/cartesian_command", TwistStamped)
    status = probe.listen("/planner/status", DiagnosticArray)
    nodes.start("planner_node", checkpoint=checkpoint, futures=24, autostart=False)
    nodes.start("sim_node")
    probe.until(lambda: len(images) > 5 and status, "observations that nobody answers")
    assert not commands
    assert status[-1].status[0].message == "stopped"
    assert probe.call("/planner/start").success
    probe.until(lambda: commands, "a command")
    assert probe.call("/planner/stop").success
    probe.until(lambda: status[-1].status[0].message == "stopped", "the status")
    told, repeats = len(commands), len(images)
    probe.until(lambda: len(images) > repeats + 5, "observations that nobody answers")
    assert len(commands) <= told + 1  # one may have been on its way
    assert not from_twist(commands[-1])[:3].any(), "the last command is to stand still"


def test_an_image_that_does_not_fit_stops_the_planner(nodes: Nodes, probe: Probe, checkpoint: Path) -> None:
    status = probe.listen("/planner/status", DiagnosticArray)
    commands = probe.listen("/cartesian_command", TwistStamped)
    nodes.start("planner_node", checkpoint=checkpoint, futures=24)
    images, proprio = probe.talk("/camera/image_raw", Image), probe.talk("/proprio", JointState)
    stamp = probe.node.get_clock().now().to_msg()
    felt = JointState(position=[0.0] * 10)
    felt.header.stamp = stamp
    image = Image(height=1, width=1, encoding="bgr8", step=3, data=b"abc")
    image.header.stamp = stamp

    def until_it_is_said() -> bool:
        images.publish(image)
        proprio.publish(felt)
        return bool(status) and status[-1].status[0].level == DiagnosticStatus.ERROR

    probe.until(until_it_is_said, "the error in the status")
    assert "rgb8" in status[-1].status[0].message
    assert all(not from_twist(command)[:3].any() for command in commands)


@pytest.mark.parametrize(
    ("executable", "parameters", "said"),
    [
        ("planner_node", {"checkpoint": "/no/such/model"}, "there is no checkpoint at /no/such/model"),
        ("planner_node", {"futures": "many"}, "parameter futures must be a int"),
        ("sim_node", {"level": "hard"}, "unknown level 'hard'"),
        ("sim_node", {"realtime_factor": 0.0}, "parameter realtime_factor is 0.0"),
    ],
)
def test_what_cannot_run_says_so_in_one_line(nodes: Nodes, executable: str, parameters: dict, said: str) -> None:
    assert nodes.start(executable, **parameters).wait(timeout=90) == 2
    [line] = nodes.output(executable).splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_velocity_survives_the_journey() -> None:
    action = np.array([0.5, -1.0, 0.25, 1.0])
    np.testing.assert_allclose(from_twist(to_twist(action, TwistStamped().header.stamp)), action)
    assert to_twist(action, TwistStamped().header.stamp).twist.linear.y == -0.4
