"""The simulated robot as a node: the dog-on-jacket world behind the topics that a real arm and camera would have.

    ros2 run rehearse sim_node --ros-args -p layout:=3

Out: camera/image_raw, joint_states, proprio (named, stamped numbers), ~/info (diagnostics: how the episode goes).
In: cartesian_command (TwistStamped: the gripper's velocity, m/s, world frame; the hand stays closed). Service ~/reset.
JointTrajectory commands come with the guard that checks them. An observation's messages carry one stamp, and are
repeated with that stamp until there is a newer one, so nothing waits for a message that was lost.

In lockstep (step_on_command) each command advances the world by 0.2 s. A command that carries a stamp must carry that
of the observation it answers, else it is ignored; stamp 0 means "now". So an episode never depends on timing, and a
repeated command does no harm.
"""

import time

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger

from rehearse.errors import DataError, RehearseError
from rehearse.ros_nodes import messages
from rehearse.ros_nodes.parameters import SimParameters, declare
from rehearse.sim.dog_on_jacket.env import PROPRIO_NAMES, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.world import PERIOD_S

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
NOW = Time()


class SimNode(Node):
    """Owns the world; everything happens on the executor's thread."""

    def __init__(self) -> None:
        super().__init__("sim")
        self._settings = declare(self, SimParameters)
        self._env = DogOnJacketEnv(level=self._settings.level, split=self._settings.split)
        self._images = self.create_publisher(Image, "camera/image_raw", qos_profile_sensor_data)
        self._joints = self.create_publisher(JointState, "joint_states", 10)
        self._proprio = self.create_publisher(JointState, "proprio", 10)
        self._info = self.create_publisher(DiagnosticArray, "~/info", LATCHED)
        self.create_subscription(TwistStamped, "cartesian_command", self._on_command, 1)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self._reset()
        # The wall's clock: with use_sim_time nobody would drive the one who drives the world.
        period_s = PERIOD_S / self._settings.realtime_factor
        self.create_timer(period_s, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"layout {self._env.layout} is laid out")

    def close(self) -> None:
        """Free the renderer."""
        self._env.close()

    def _on_reset(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        try:
            self._reset()
            reply.success, reply.message = True, f"layout {self._env.layout}, level {self._env.level}"
        except RehearseError as error:  # a layout that there is not; the world stays as it was
            reply.success, reply.message = False, str(error)
        return reply

    def _reset(self) -> None:
        start = self._env.reset(options={"layout": self.get_parameter("layout").value})
        self._command: TwistStamped | None = None
        self._arrived_s = 0.0
        self._observe(*start)

    def _on_command(self, command: TwistStamped) -> None:
        stamp = command.header.stamp
        if self._settings.step_on_command:
            if stamp in (self._stamp, NOW):
                self._step(command)
        elif stamp == NOW or self._command is None or stamp != self._command.header.stamp:
            self._command, self._arrived_s = command, time.monotonic()  # a repeated one is no newer for it

    def _tick(self) -> None:
        if self._settings.step_on_command or self._command is None or self._finished:
            self._publish()
        elif time.monotonic() - self._arrived_s > self._settings.command_timeout_s:
            self._step(TwistStamped())
        else:
            self._step(self._command)

    def _step(self, command: TwistStamped) -> None:
        """Carry out a command for one period."""
        if self._finished:
            return
        try:
            action = messages.from_twist(command)
        except DataError as error:
            self.get_logger().error(f"ignored a command: {error}", throttle_duration_sec=1.0)
            return
        observation, _, terminated, truncated, info = self._env.step(action)
        self._observe(observation, info, terminated or truncated)

    def _observe(self, observation: dict, info: dict, finished: bool = False) -> None:
        """Make the messages of what is sensed now, and send them."""
        self._finished, self._stamp = finished, self.get_clock().now().to_msg()
        names = self._env.world.arm.joints
        joints = [self._env.world.data.joint(f"arm/{name}") for name in names]
        angles, speeds = [joint.qpos[0] for joint in joints], [joint.qvel[0] for joint in joints]
        level = DiagnosticStatus.WARN if info["woken"] else DiagnosticStatus.OK
        values = {**info, "finished": finished}
        self._now = {
            self._joints: messages.to_named(names, angles, self._stamp, speeds),
            self._proprio: messages.to_named(PROPRIO_NAMES, observation["proprio"], self._stamp),
            self._info: messages.to_diagnostics("sim", level, in_words(info, finished), values, self._stamp),
            self._images: messages.to_image(observation["image"], self._stamp),
        }
        self._publish()

    def _publish(self) -> None:
        for publisher, message in self._now.items():
            publisher.publish(message)


def in_words(info: dict, finished: bool) -> str:
    """How the episode goes."""
    if info["success"]:
        return "the jacket is there, the dog asleep"
    if info["woken"]:
        return "the dog woke"
    return "not there when the time was up" if finished else "running"
