"""The planner's two ways of commanding. Both answer the same questions of the node, on the executor's thread.

In a dry run there is no publisher, so that nothing can be sent.

``TwistAnswers``, for lockstep: each observation is answered once by a cartesian_command that carries its stamp.
``JointTrajectories``, for a robot that does not wait: joint trajectories to guard/command, by way of a Pilot.
"""

import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from rehearse.errors import DataError
from rehearse.ros_nodes import messages
from rehearse.ros_nodes.cartesian import from_twist, to_twist
from rehearse.ros_nodes.codes import Code, Fault, Said
from rehearse.ros_nodes.guard.camera import CameraWatch
from rehearse.ros_nodes.homing import Homing
from rehearse.ros_nodes.parameters import PlannerParameters
from rehearse.ros_nodes.pilot import Pilot
from rehearse.ros_nodes.planning import Decision
from rehearse.ros_nodes.reading import from_joint_trajectory, seconds
from rehearse.ros_nodes.senses import CAMERA, PROPRIO, Senses
from rehearse.sim.task import Task

STILL_S, SETTLES_S = 0.4, 0.3  # of the wall; the node looks ten times a second


class Led(NamedTuple):
    """``action`` (A,) led to this observation, None begins a history; ``committed`` are on their way from it on."""

    action: np.ndarray | None
    committed: tuple[np.ndarray, ...] = ()


class Out:
    """Where commands go, while the node is active; nowhere in a dry run."""

    def __init__(self, node: LifecycleNode, kind: type, topic: str, dry_run: bool) -> None:
        self._node = node
        self._publisher: LifecyclePublisher | None = (
            None if dry_run else node.create_lifecycle_publisher(kind, topic, 1)
        )

    def publish(self, message: TwistStamped | JointTrajectory) -> None:
        """Send it."""
        if self._publisher is not None:
            self._publisher.publish(message)

    def heard(self) -> bool:
        """Whether somebody listens, or nobody needs to."""
        return self._publisher is None or self._publisher.get_subscription_count() > 0

    def close(self) -> None:
        """Leave the topic."""
        if self._publisher is not None:
            self._node.destroy_lifecycle_publisher(self._publisher)


class TwistAnswers:
    """One command for one observation; the arm does what it is told for 0.2 s and then waits."""

    def __init__(self, node: LifecycleNode, settings: PlannerParameters, task: Task) -> None:
        self.motion, self._still = task.motion(), np.array(task.hold)
        self._out = Out(node, TwistStamped, "cartesian_command", settings.dry_run)
        self.begin()

    def close(self) -> None:
        """Leave the topic."""
        self._out.close()

    def begin(self) -> None:
        """A new episode."""
        self._latest: Time | None = None
        self._answer: TwistStamped | None = None
        self._action = self._still  # what the robot has been told, and so does until it is told otherwise

    def led(self, stamp: Time, pictures: Mapping[str, np.ndarray]) -> Led:
        """What led to the observation of this stamp."""
        first, self._latest, self._answer = self._latest is None, stamp, None
        return Led(None if first else self._action)

    def repeat(self) -> None:
        """The observation came again: its answer may have been lost; the stamp tells the two apart."""
        if self._answer is not None:
            self._out.publish(self._answer)

    def send(self, decision: Decision) -> None:
        """Answer."""
        self._send(decision.action, decision.key)

    def hold(self) -> None:
        """Tell the arm to stand still."""
        if self._latest is not None:
            self._send(self._still, self._latest)

    def rests(self) -> bool:
        """Whether the arm stands still: in lockstep it does, unless it is told otherwise."""
        return True

    def homing(self) -> None:
        """There is no way home."""
        raise DataError("in lockstep the arm cannot be brought home; start planner_node and sim_node without it")

    def over(self) -> bool:
        """Whether the episode is; in lockstep the robot says so."""
        return False

    def check(self, senses: Senses) -> None:
        """In lockstep nothing can be late."""

    def complaint(self) -> Said | None:
        """What keeps the commands from being carried out."""
        return None if self._out.heard() else Said(Code.NO_LISTENER, "nobody listens to cartesian_command")

    def _send(self, action: np.ndarray, stamp: Time) -> None:
        self._answer = to_twist(action, stamp, self.motion)
        self._action = from_twist(self._answer, self.motion)
        self._out.publish(self._answer)


class JointTrajectories:
    """A trajectory for every decision, reckoned from what the guard let the arm be told."""

    def __init__(self, node: LifecycleNode, settings: PlannerParameters, task: Task) -> None:
        self._node, self._settings, self._episode_steps = node, settings, task.episode_steps
        self.motion = task.motion()
        self._pilot = Pilot(self.motion, settings.braking_radps2)
        self._out = Out(node, JointTrajectory, "guard/command", settings.dry_run)
        self._in = (
            node.create_subscription(JointState, "joint_states", self._on_joints, qos_profile_sensor_data),
            node.create_subscription(JointTrajectory, "joint_trajectory", self._on_told, 10),
        )
        self.begin()

    def close(self) -> None:
        """Leave the topics."""
        self._out.close()
        for subscription in self._in:
            self._node.destroy_subscription(subscription)

    def begin(self) -> None:
        """A new episode: the arm may have been put elsewhere."""
        self._pilot.forget()
        self._watches: dict[str, CameraWatch] = {}
        self._latest_s: float | None = None
        self._awake_s, self._settled_s = time.monotonic(), -np.inf
        self._steps, self._late, self._damaged = 0, "", ""

    def led(self, stamp: Time, pictures: Mapping[str, np.ndarray]) -> Led | None:
        """What led to the observation of this stamp and {topic: picture}; Fault where the senses are not to be trusted.

        None, and the observation is of no use, while it is not known yet where the arm is, or what time it is.
        """
        if self._damaged:
            raise Fault(Code.JOINT_STATES, self._damaged)
        if self._dazed() or not self._pilot.ready or not self._now_s():
            return None
        stamp_s, period_s = seconds(stamp), self.motion.period_s
        self._check_age(CAMERA, self._now_s() - stamp_s)
        for topic, picture in pictures.items():
            watch = self._watches.setdefault(topic, CameraWatch(self._settings.frozen_rad))
            if complaint := watch.saw(picture.tobytes(), self._pilot.measured):
                raise Fault(Code.CAMERA_FROZEN, f"{topic} is {complaint}")
        last_s, self._latest_s = self._latest_s, stamp_s
        self._steps += 1
        committed = (self._pilot.between(stamp_s, stamp_s + period_s),)
        # The model knows observations one period apart; after a gap it begins anew with what it sees.
        if last_s is None or not 0.5 * period_s < stamp_s - last_s < 1.5 * period_s:
            return Led(None, committed)
        return Led(self._pilot.between(last_s, stamp_s), committed)

    def repeat(self) -> None:
        """Nothing waits for an answer."""

    def send(self, decision: Decision) -> None:
        """The plan as a trajectory, from the end of the period that it was made for on."""
        if self._dazed():
            self._late = "late: this process stood still, and has not heard yet what it missed"
            return
        begins_s = seconds(decision.key) + self.motion.period_s
        trajectory = self._pilot.command(decision.plan.actions, begins_s, self._now_s())
        if trajectory is None:
            self._late = f"late: decided {self._now_s() - begins_s:.2f} s after the plan was to begin"
            return
        self._late = ""
        self._publish(trajectory)

    def hold(self) -> None:
        """Tell the arm to brake."""
        if (trajectory := self._pilot.halt(self._now_s())) is not None:
            self._publish(trajectory)

    def rests(self) -> bool:
        """Whether nothing that the arm has been told is left to do."""
        return self._pilot.rests(self._now_s())

    def homing(self) -> Homing:
        """A way home, to be gone by ``go_home``."""
        return Homing(self._pilot, self.motion.home_rad)

    def go_home(self, homing: Homing) -> bool:
        """Send its next piece; whether the arm is there."""
        if self._damaged:
            raise DataError(self._damaged)
        if homing.arrived(self._now_s()):
            return True
        if (piece := homing.next(self._now_s())) is not None:
            self._publish(piece)
        return False

    def over(self) -> bool:
        """Whether the episode's time is up."""
        return self._steps >= self._episode_steps

    def check(self, senses: Senses) -> None:
        """Fault where a camera has fallen silent, or there is no observation any more for another reason."""
        if self._dazed() or self._latest_s is None:
            return
        now_s, most_s = self._now_s(), self._settings.image_timeout_s
        for topic, age_s in senses.ages_s(now_s).items():
            if topic in senses.cameras:
                self._check_age(topic, age_s)
        if now_s - self._latest_s > most_s:
            raise Fault(
                Code.UNPAIRED,
                f"no observation for {now_s - self._latest_s:.2f} s: {PROPRIO}, {', '.join(senses.cameras)} come no "
                "more with equal stamps",
            )

    def complaint(self) -> Said | None:
        """What keeps the commands from being carried out."""
        if not self._out.heard():
            return Said(Code.NO_LISTENER, "no guard listens to guard/command")
        if self._damaged:
            return Said(Code.JOINT_STATES, self._damaged)
        if not self._pilot.ready:
            return Said(Code.WAITING, "waiting for joint_states")
        return Said(Code.LATE, self._late) if self._late else None

    def _dazed(self) -> bool:
        """Whether this process stood still a moment ago, and is still hearing what it missed, oldest first: what the
        arm was told then would pass for what it is told now, and a picture of then for a fresh one.
        """
        before_s, self._awake_s = self._awake_s, time.monotonic()
        if self._awake_s - before_s > STILL_S:
            self._settled_s, self._latest_s = self._awake_s + SETTLES_S, None
        return self._awake_s < self._settled_s

    def _check_age(self, topic: str, age_s: float) -> None:
        if not -self._settings.image_timeout_s <= age_s <= self._settings.image_timeout_s:
            raise Fault(Code.CAMERA_STALE, f"{topic} is stale: its picture is {age_s:.2f} s old")

    def _on_joints(self, message: JointState) -> None:
        if self._dazed():
            self._pilot.forget()
        try:
            self._pilot.sense(tuple(message.name), np.array(message.position), self._now_s())
            self._damaged = ""
        except DataError as error:
            self._damaged = str(error)

    def _on_told(self, message: JointTrajectory) -> None:
        if not self._dazed():
            self._pilot.hear(from_joint_trajectory(message), self._now_s())

    def _now_s(self) -> float:
        return self._node.get_clock().now().nanoseconds * 1e-9

    def _publish(self, trajectory: object) -> None:
        self._out.publish(messages.to_joint_trajectory(self.motion.joints, trajectory, with_start=True))
