"""A real arm as a node: any robot with LeRobot's interface, behind the topics that sim_node has.

    ros2 run rehearse arm_node --ros-args --params-file config/arm.yaml -p robot_file:=my_so101.yaml

In: joint_trajectory, from guard_node and nobody else, carried out as by a joint_trajectory_controller.
Out: joint_states every period (positions; LeRobot's arms do not tell speeds), camera/image_raw and camera/camera_info;
~/action (JointState: what the robot is sent, by its own names and in its own units); /diagnostics.

With dry_run nothing is ever sent, and ~/action shows what would be. When the robot is lost, the arm is braked as far as
the bus still carries that, joint_states end, so that the guard holds, and /diagnostics says why until the node is
started anew. At the end (SIGINT, SIGTERM) the arm is braked, and then does as on_shutdown says.

All that is no message is in rehearse.ros_nodes.arm. Everything happens on the executor's thread: a bus takes no two.
"""

import time
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory

from rehearse.errors import ConfigError, DataError
from rehearse.ros_nodes import messages
from rehearse.ros_nodes.arm import Arm, Felt
from rehearse.ros_nodes.parameters import ArmParameters, declare
from rehearse.ros_nodes.reading import from_joint_trajectory
from rehearse.ros_nodes.which_robot import which_robot

ENDS = ("hold", "limp")
LAST_S = 3.0  # at most so long the arm is braked at the end


class ArmNode(Node):
    """One robot."""

    def __init__(self) -> None:
        super().__init__("arm")
        self._settings = declare(self, ArmParameters)
        if self._settings.on_shutdown not in ENDS:
            raise ConfigError(f"parameter on_shutdown is {self._settings.on_shutdown!r}; choose {' or '.join(ENDS)}")
        if not self._settings.robot_file:
            raise ConfigError("parameter robot_file is empty: it says which robot, as config/so101_lerobot.yaml does")
        robot = which_robot(Path(self._settings.robot_file), limp=self._settings.on_shutdown == "limp")
        self._arm = Arm(robot, self._settings)
        self._camera = _camera(robot.observation_features, self._settings.camera)
        self._joints = self.create_publisher(JointState, "joint_states", 10)
        self._actions = self.create_publisher(JointState, "~/action", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        if self._camera:
            self._images = self.create_publisher(Image, "camera/image_raw", qos_profile_sensor_data)
            self._info = self.create_publisher(CameraInfo, "camera/camera_info", qos_profile_sensor_data)
        self._ticks, self._shown_s, self._reported = 0, -np.inf, ""
        self._arm.connect()
        self.create_subscription(JointTrajectory, "joint_trajectory", self._on_trajectory, 1)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(self._settings.period_s, self._tick, clock=steady)
        self.create_timer(1.0, self._report, clock=steady)
        self.get_logger().info(f"{robot.name}: {'dry run, nothing is sent' if self._settings.dry_run else 'connected'}")

    def close(self) -> None:
        """Told to end in mid-motion: brake, then leave the robot as on_shutdown says."""
        self._arm.brake()
        limit_s = time.monotonic() + LAST_S
        while not self._arm.rests() and time.monotonic() < limit_s:
            self._arm.tick()
            time.sleep(self._settings.period_s)
        self._arm.tick()  # its last point
        if said := self._arm.close():
            self.get_logger().error(said)

    def _on_trajectory(self, message: JointTrajectory) -> None:
        try:
            self._arm.accept(from_joint_trajectory(message))
        except DataError as error:
            self.get_logger().error(f"ignored a trajectory: it {error}", throttle_duration_sec=1.0)

    def _tick(self) -> None:
        felt = self._arm.tick()
        if felt is not None:
            self._ticks += 1
            self._publish(felt)
        elif self._arm.fault and not self._reported:
            self._reported = self._arm.fault
            self.get_logger().error(f"{self._arm.fault}; start arm_node anew when that is mended")
            self._report()

    def _publish(self, felt: Felt) -> None:
        stamp = self.get_clock().now().to_msg()
        self._joints.publish(messages.to_named(self._settings.joints, felt.q_rad, stamp))
        self._actions.publish(messages.to_named(tuple(felt.sent), tuple(felt.sent.values()), stamp))
        if self._camera and time.monotonic() - self._shown_s >= self._settings.camera_period_s:
            self._shown_s = time.monotonic()
            pixels = messages.squared(np.asarray(felt.observation[self._camera]), self._settings.camera_px)
            focal_px = messages.focal_px(self._settings.camera_fovy_deg, len(pixels))
            self._info.publish(messages.to_camera_info(pixels.shape[:2], focal_px, stamp))
            self._images.publish(messages.to_image(pixels, stamp))

    def _report(self) -> None:
        said, level = "following", DiagnosticStatus.OK
        if self._arm.fault:
            said, level = self._arm.fault, DiagnosticStatus.ERROR
        elif self._settings.dry_run:
            said, level = "dry run: nothing is sent", DiagnosticStatus.WARN
        values = {"dry_run": self._settings.dry_run, "periods": self._ticks, "hiccups": self._arm.hiccups}
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(messages.to_diagnostics("arm", level, said, values, stamp))


def _camera(features: dict, wanted: str) -> str:
    """The name of the camera to show, or nothing; ConfigError for one that there is not."""
    cameras = [name for name, shape in features.items() if isinstance(shape, tuple) and shape[-1] == 3]
    if wanted and wanted not in cameras:
        raise ConfigError(f"parameter camera: the robot has no {wanted!r}; it has {', '.join(cameras) or 'none'}")
    return wanted or next(iter(cameras), "")
