"""The simulated robot as a node: a task's world behind the topics that a real arm and camera would have.

    ros2 run rehearse sim_node --ros-args -p layout:=3                    # the dog on the jacket
    ros2 run rehearse sim_node --ros-args -p task:=reach -p layout:=3

Out: camera/image_raw and camera/camera_info, of further cameras camera/<name>/image_raw and so on, joint_states,
proprio (named, stamped numbers), ~/info (diagnostics: how the episode goes); of a task with goals goal/image_raw, the
picture of this layout's, latched. Service ~/reset. An observation's messages carry one stamp. In, one of two ways:

As a robot (the default): joint_trajectory (JointTrajectory), carried out as by a joint_trajectory_controller, and its
action ~/follow_joint_trajectory where control_msgs is installed. The world goes on by itself, joint_states come every
20 ms, observations every 0.2 s; with publish_clock, /clock too.

In lockstep: cartesian_command (TwistStamped: the gripper's velocity, m/s, world frame; the hand stays closed) advances
the world by 0.2 s. A command that carries a stamp must carry that of the observation it answers, else it is ignored;
stamp 0 means "now". An observation is repeated until there is a newer one, so nothing waits for a message that was
lost, an episode never depends on timing, and a repeated command does no harm.
"""

import time

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from rehearse.errors import DataError, RehearseError
from rehearse.ros_nodes import messages
from rehearse.ros_nodes.cartesian import from_twist
from rehearse.ros_nodes.controller import Controller
from rehearse.ros_nodes.follow_action import FollowAction, follow_action
from rehearse.ros_nodes.guard.trajectory import Command
from rehearse.ros_nodes.parameters import SimParameters, declare
from rehearse.ros_nodes.reading import from_joint_trajectory
from rehearse.sim.cameras import focal_px
from rehearse.sim.live import TICK_S
from rehearse.sim.task import Task
from rehearse.sim.tasks import arm_task

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
NOW = Time()
DEAF_S = 0.2  # of a new world
MOST_TICKS = 5  # that are made up for at once when the wall's clock ran ahead


class SimNode(Node):
    """Owns the world; everything happens on the executor's thread."""

    def __init__(self) -> None:
        super().__init__("sim")
        self._settings = declare(self, SimParameters)
        views = tuple(name.strip() for name in self._settings.views.split(",") if name.strip())
        self._task = task = arm_task(self._settings.task)
        self._level = task.checked_level(self._settings.level or None)
        self._env = task.make_env(self._level, self._settings.split, views=views)
        self._live, self._motion = task.live(self._env), task.motion()
        self._joint_names = self._live.robot.joints
        folders = {"": "camera", **{name: f"camera/{name}" for name in views}}
        self._cameras = {
            name: [
                self.create_publisher(kind, f"{folder}/{topic}", qos_profile_sensor_data)
                for kind, topic in ((CameraInfo, "camera_info"), (Image, "image_raw"))
            ]
            for name, folder in folders.items()
        }
        self._joints = self.create_publisher(JointState, "joint_states", 10)
        self._proprio = self.create_publisher(JointState, "proprio", 10)
        self._info = self.create_publisher(DiagnosticArray, "~/info", LATCHED)
        self._goal = self.create_publisher(Image, "goal/image_raw", LATCHED) if task.goal else None
        clock = self._settings.publish_clock and not self._settings.lockstep
        self._clock_out = self.create_publisher(ClockMessage, "/clock", 1) if clock else None
        self._follow: FollowAction | None = None
        if self._settings.lockstep:
            self.create_subscription(TwistStamped, "cartesian_command", self._on_twist, 1)
        else:
            self._follow = follow_action(self, self._joint_names, self._accept, self._brake)
            self.create_subscription(JointTrajectory, "joint_trajectory", self._on_trajectory, 1)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self._reset()
        period_s = task.period_s if self._settings.lockstep else TICK_S / self._settings.realtime_factor
        # The wall's clock: with use_sim_time nobody would drive the one who drives the world.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(period_s, self._publish if self._settings.lockstep else self._tick, clock=steady)
        self.get_logger().info(f"layout {self._env.layout} is laid out")

    def close(self) -> None:
        """Free the renderer."""
        self._env.close()

    def _on_reset(self, _: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        try:
            self._reset()
            reply.success, reply.message = True, f"layout {self._env.layout}, level {self._level}"
        except RehearseError as error:  # a layout that there is not; the world stays as it was
            reply.success, reply.message = False, str(error)
        return reply

    def _reset(self) -> None:
        observation, info = self._live.reset(self.get_parameter("layout").value)
        self._controller = Controller(self._joint_names, self._live.arm.q_rad)
        self._started_s = time.monotonic()
        if self._follow is not None:
            self._follow.override("a reset")
        self._observe(observation, info, finished=False)
        if self._goal is not None:
            self._goal.publish(messages.to_image(observation["goal"], self._stamp))

    # -- as a robot ----------------------------------------------------------------------------------------------

    def _on_trajectory(self, message: JointTrajectory) -> None:
        if self._live.time_s < DEAF_S:
            return  # it was on its way to the world before the reset
        try:
            self._accept(from_joint_trajectory(message), self._live.time_s)
        except DataError as error:
            self.get_logger().error(f"ignored a trajectory: it {error}", throttle_duration_sec=1.0)
            return
        if self._follow is not None:
            self._follow.override("joint_trajectory")

    def _accept(self, command: Command, now_s: float) -> None:
        self._controller.accept(command, now_s)

    def _brake(self, now_s: float) -> None:
        self._controller.brake(now_s, np.array(self._live.robot.acceleration_radps2))

    def _tick(self) -> None:
        """Bring the world to where the wall's clock is."""
        due_s = (time.monotonic() - self._started_s) * self._settings.realtime_factor
        for _ in range(MOST_TICKS):
            if self._live.time_s + TICK_S > due_s:
                return
            desired = self._controller.state(self._live.time_s + TICK_S)
            if self._live.tick(desired[0]):
                self._observe(*self._live.observe())
            else:
                self._joints.publish(self._felt(self._now()))
            if self._follow is not None:
                self._follow.step(self._live.time_s, desired, self._live.arm.arm_state())
        # Too slow for the asked pace: what is lost is lost, else the world would race to make up for it.
        self._started_s = time.monotonic() - self._live.time_s / self._settings.realtime_factor

    def _now(self) -> Time:
        """The stamp of this moment, sent as /clock where that is asked for."""
        if self._clock_out is None:
            return self.get_clock().now().to_msg()
        stamp = messages.to_time(self._live.time_s)
        self._clock_out.publish(ClockMessage(clock=stamp))
        return stamp

    # -- in lockstep ---------------------------------------------------------------------------------------------

    def _on_twist(self, command: TwistStamped) -> None:
        """Carry out a command that is for now, for one period."""
        if command.header.stamp not in (self._stamp, NOW) or self._finished:
            return
        try:
            action = from_twist(command, self._motion)
        except DataError as error:
            self.get_logger().error(f"ignored a command: {error}", throttle_duration_sec=1.0)
            return
        observation, _, terminated, truncated, info = self._env.step(action)
        self._observe(observation, info, terminated or truncated)

    # -- what is sensed ------------------------------------------------------------------------------------------

    def _observe(self, observation: dict, info: dict, finished: bool) -> None:
        """Make the messages of what is sensed now, and send them."""
        self._finished, self._stamp = finished, self._now()
        level = DiagnosticStatus.WARN if self._task.harmed(info) else DiagnosticStatus.OK
        values, words = {**info, "finished": finished}, in_words(self._task, info, finished)
        focal = focal_px(self._live.fovy_deg, len(observation["image"]))
        self._sensed = {
            self._joints: self._felt(self._stamp),
            self._proprio: messages.to_named(self._task.proprio, observation["proprio"], self._stamp),
            self._info: messages.to_diagnostics("sim", level, words, values, self._stamp),
        }
        for name, image in {"": observation["image"], **observation.get("views", {})}.items():
            about, pictures = self._cameras[name]
            frame = messages.camera_frame(name or "front")
            self._sensed[about] = messages.to_camera_info(image.shape[:2], focal, self._stamp, frame)
            self._sensed[pictures] = messages.to_image(image, self._stamp, frame)
        self._publish()

    def _felt(self, stamp: Time) -> JointState:
        """The joints as they are."""
        q_rad, qd_radps = self._live.arm.arm_state()
        return messages.to_named(self._joint_names, q_rad, stamp, qd_radps)

    def _publish(self) -> None:
        for publisher, message in self._sensed.items():
            publisher.publish(message)


def in_words(task: Task, info: dict, finished: bool) -> str:
    """How the episode goes."""
    if info[task.success]:
        return task.tale.done
    if task.harmed(info):
        return task.tale.harmed
    return task.tale.neither if finished else "running"
