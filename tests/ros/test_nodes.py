"""sim_node and planner_node in lockstep, as processes over real DDS."""

import signal
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs a ROS 2: make test-ros brings one")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState

from rehearse.ros_nodes.cartesian import from_twist, to_twist
from rehearse.ros_nodes.messages import to_image
from rehearse.ros_nodes.reading import from_image
from rehearse.sim.dog_on_jacket.env import PROPRIO_NAMES, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.motion import arm_motion
from tests.ros.live import Nodes, Probe, distinct, nanoseconds, values

pytestmark = pytest.mark.ros
MOTION = arm_motion()


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
    nodes.start("sim_node", lockstep=True, layout=3)
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
    expected += [env.step(from_twist(pull(speed), MOTION))[0] for speed in (-0.1, -0.1, -0.1, -0.05)]
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
    nodes.start("sim_node", lockstep=True)
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

    nodes.start("sim_node", lockstep=True, layout=3)
    for layout, possible in ((5, True), (-1, False)):
        wish = Parameter("layout", value=layout).to_parameter_msg()
        probe.call("/sim/set_parameters", SetParameters, SetParameters.Request(parameters=[wish]))
        reply = probe.call("/sim/reset")
        assert reply.success == possible, reply.message
    probe.until(lambda: info and values(info[-1])["layout"] == "5", "the new layout")


def test_an_episode_from_end_to_end_and_again(nodes: Nodes, probe: Probe, info: list, checkpoint: Path) -> None:
    """The planner drives the simulated robot until the episode is over; from the same start, the same again."""
    commands = probe.listen("/cartesian_command", TwistStamped)
    status = probe.listen("/planner/status", DiagnosticArray)
    sim = nodes.start("sim_node", lockstep=True, layout=1)
    planner = nodes.start("planner_node", lockstep=True, checkpoint=checkpoint, futures=24, begin_at_once=False)
    assert probe.call("/planner/start").success
    finished = lambda: info and values(info[-1])["finished"] == "true"  # noqa: E731
    probe.until(finished, "the end of the episode")
    steps = round(float(values(info[-1])["time_s"]) / 0.2)
    assert steps >= 1
    probe.until(lambda: status and int(values(status[-1])["decisions"]) >= steps, "the status")
    said = values(status[-1])
    assert int(said["futures"]) >= 24
    assert float(said["milliseconds"]) > 0
    assert np.isfinite(float(said["cost"]))
    assert status[-1].status[0].level == DiagnosticStatus.OK
    probe.until(lambda: commands, "a command, repeated")

    def episode() -> list[np.ndarray]:
        """The commands of another one; it begins with the first image after the reset."""
        assert probe.call("/planner/stop").success
        assert probe.call("/sim/reset").success
        probe.until(lambda: not finished(), "the new episode")
        began = nanoseconds(info[-1])
        assert probe.call("/planner/start").success
        probe.until(finished, "its end")
        given = lambda: [command for command in distinct(commands) if nanoseconds(command) >= began]  # noqa: E731
        probe.until(lambda: len(given()) >= steps, "its commands")
        return [from_twist(command, MOTION) for command in given()[:steps]]  # one more, if it still saw the end

    first = episode()
    assert len(first) >= steps
    np.testing.assert_array_equal(episode(), first)
    assert nodes.end(sim, signal.SIGINT) == 0, nodes.output("sim_node")
    assert nodes.end(planner, signal.SIGTERM) == 0, nodes.output("planner_node")
    assert "Traceback" not in nodes.output("sim_node") + nodes.output("planner_node")


def test_a_stopped_planner_holds_its_tongue(nodes: Nodes, probe: Probe, images: list, checkpoint: Path) -> None:
    commands = probe.listen("/cartesian_command", TwistStamped)
    status = probe.listen("/planner/status", DiagnosticArray)
    nodes.start("planner_node", lockstep=True, checkpoint=checkpoint, futures=24, begin_at_once=False)
    nodes.start("sim_node", lockstep=True)
    probe.until(lambda: len(images) > 5 and status, "observations that nobody answers")
    assert not commands
    assert len(distinct(images)) == 1, "nobody moved the world"
    assert status[-1].status[0].message == "stopped"
    assert probe.call("/planner/start").success
    probe.until(lambda: commands and len(distinct(images)) > 1, "a command, and the world to move")
    assert probe.call("/planner/stop").success
    probe.until(lambda: not from_twist(commands[-1], MOTION)[:3].any(), "the command to stand still")
    repeats = len(images)
    probe.until(lambda: len(images) > repeats + 2, "whatever was still on its way")
    told, repeats = len(commands), len(images)
    probe.until(lambda: len(images) > repeats + 5, "observations that nobody answers")
    assert len(commands) == told
    assert status[-1].status[0].message == "stopped"


def observation(probe: Probe, image: Image, felt: int) -> tuple[Image, JointState]:
    """Both halves with one stamp."""
    proprio = JointState(position=[0.0] * felt)
    image.header.stamp = proprio.header.stamp = probe.node.get_clock().now().to_msg()
    return image, proprio


def test_a_repeated_observation_gets_the_same_answer(nodes: Nodes, probe: Probe, checkpoint: Path) -> None:
    """Else an episode hangs when a command is lost, as at the start, while nodes are still finding each other."""
    commands = probe.listen("/cartesian_command", TwistStamped)
    status = probe.listen("/planner/status", DiagnosticArray)
    nodes.start("planner_node", lockstep=True, checkpoint=checkpoint, futures=24)
    publishers = probe.talk("/camera/image_raw", Image), probe.talk("/proprio", JointState)
    image, proprio = observation(probe, to_image(np.zeros((64, 64, 3), np.uint8), Time()), felt=10)

    def answered() -> bool:
        publishers[1].publish(proprio)
        publishers[0].publish(image)
        return len(commands) > 3

    probe.until(answered, "answers")
    assert all(command == commands[0] for command in commands)
    assert commands[0].header.stamp == image.header.stamp
    probe.until(lambda: status and values(status[-1])["decisions"] == "1", "the status")


@pytest.mark.parametrize(
    ("image", "felt", "complaint"),
    [
        (Image(height=1, width=1, encoding="bgr8", step=3, data=b"abc"), 10, "rgb8"),
        (to_image(np.zeros((8, 8, 3), np.uint8), Time()), 10, "(1, 8, 8, 3)"),
        (to_image(np.zeros((64, 64, 3), np.uint8), Time()), 7, "proprio has 7 values"),
    ],
    ids=["encoding", "size", "proprio"],
)
def test_an_observation_that_does_not_fit_stops_the_planner(
    nodes: Nodes, probe: Probe, checkpoint: Path, image: Image, felt: int, complaint: str
) -> None:
    status = probe.listen("/planner/status", DiagnosticArray)
    commands = probe.listen("/cartesian_command", TwistStamped)
    nodes.start("planner_node", lockstep=True, checkpoint=checkpoint, futures=24)
    publishers = probe.talk("/camera/image_raw", Image), probe.talk("/proprio", JointState)
    sent = observation(probe, image, felt)

    def faulty() -> bool:
        for publisher, message in zip(publishers, sent, strict=True):
            publisher.publish(message)
        return bool(status) and status[-1].status[0].level == DiagnosticStatus.ERROR

    probe.until(faulty, "an error in the status")
    assert complaint in status[-1].status[0].message
    assert values(status[-1])["code"] == "wrong_shape"
    assert all(not from_twist(command, MOTION)[:3].any() for command in commands)


@pytest.mark.parametrize(
    ("executable", "parameters", "said"),
    [
        ("planner_node", {"checkpoint": "/no/such/model"}, "there is no checkpoint at /no/such/model"),
        ("planner_node", {"futures": "many"}, "parameter futures must be a int"),
        ("sim_node", {"level": "hard"}, "unknown level 'hard'"),
        ("sim_node", {"realtime_factor": 0.0}, "parameter realtime_factor must be between 0.01 and 20.0"),
        ("guard_node", {"horizon_s": 60.0}, "parameter horizon_s must be between 0.05 and 5.0"),
        ("guard_node", {"velocity_radps": [1.0, 2.0]}, "parameter velocity_radps needs 7 finite numbers"),
        ("guard_node", {"velocity_radps": "fast"}, "parameter velocity_radps must be a list of float"),
        ("recorder_node", {"mode": "sometimes"}, "parameter mode must be one of always, ring, not 'sometimes'"),
        ("guard_node", {"urdf_file": "/no/such/arm.urdf"}, "parameter urdf_file: there is no /no/such/arm.urdf"),
    ],
)
def test_what_cannot_run_says_so_in_one_line(nodes: Nodes, executable: str, parameters: dict, said: str) -> None:
    assert nodes.start(executable, **parameters).wait(timeout=90) == 2
    [line] = nodes.output(executable).splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_velocity_survives_the_journey() -> None:
    action = np.array([0.5, -1.0, 0.25, 1.0])
    np.testing.assert_allclose(from_twist(to_twist(action, TwistStamped().header.stamp, MOTION), MOTION), action)
    assert to_twist(action, TwistStamped().header.stamp, MOTION).twist.linear.y == -0.4
