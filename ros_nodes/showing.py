"""What the planner imagined, for people: paths of the gripper, and the next picture beside the real one.

Out: ~/imagined (MarkerArray, frame world): a line for each of the candidates that a plan keeps, the chosen one thick,
from yellow, the cheapest, to dark blue. ~/imagined_next (Image): left what the camera saw, right what had been imagined
of that moment one period before.

    showing = Showing(node); showing.decided(decision, model, motion); showing.close()

Nothing is worked out for a topic to which nobody has subscribed. The work is done in a thread of its own, after the
decision is on its way; what has not been shown when the next decision comes is not shown.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import torch
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from rehearse.planner import Plan
from rehearse.ros_nodes import messages
from rehearse.ros_nodes.planning import Decision
from rehearse.ros_nodes.worker import Worker
from rehearse.sim.arm_motion import ArmMotion
from rehearse.world_model import WorldModel

RAMP = matplotlib.colormaps["cividis"]  # told apart by everybody, also in grey
THIN_M, THICK_M = 0.003, 0.01
SHOWN_S = 1.0  # a path that nothing replaces vanishes


class Job(NamedTuple):
    """A decision, and what of it is to be shown."""

    decision: Decision
    model: WorldModel
    motion: ArmMotion
    paths: bool
    picture: bool


class Foreseen(NamedTuple):
    """The picture (h,w,3) that was imagined of the moment number ``length`` of an episode."""

    episode: int
    length: int
    picture: np.ndarray


class Showing:
    """Takes decisions on the executor's thread, and publishes on it."""

    def __init__(self, node: Node) -> None:
        self._paths = node.create_publisher(MarkerArray, "~/imagined", 1)
        self._pictures = node.create_publisher(Image, "~/imagined_next", 1)
        self._ready: deque[tuple[Any, Any]] = deque()
        self._bell = node.create_guard_condition(self._publish)
        self._foreseen: Foreseen | None = None
        self._worker = Worker("showing", self._draw)

    def decided(self, decision: Decision, model: WorldModel, motion: ArmMotion) -> None:
        """Show it, if somebody looks; returns at once."""
        job = Job(decision, model, motion, *(out.get_subscription_count() > 0 for out in (self._paths, self._pictures)))
        if job.paths or job.picture:
            self._worker.give(job, alone=True)

    def close(self) -> None:
        """Finish what is being drawn, then end the thread."""
        self._worker.close()

    def _draw(self, jobs: list[Job]) -> None:
        [job] = jobs
        if job.paths:
            decision = job.decision
            path_m = partial(job.motion.path_m, decision.observation["proprio"])
            self._ready.append((self._paths, markers(decision.plan, path_m, decision.key)))
        if job.picture and (beside := self._beside(job)) is not None:
            self._ready.append((self._pictures, messages.to_image(beside, job.decision.key)))
        self._bell.trigger()

    def _beside(self, job: Job) -> np.ndarray | None:
        """(h,2w,3): this moment as seen and as foreseen; None if it was not foreseen. And foresee the next one."""
        decision, before = job.decision, self._foreseen
        now = decision.episode, decision.belief.length
        picture = next_picture(job.model, decision.belief, decision.plan.kept[0].actions)
        self._foreseen = Foreseen(decision.episode, decision.belief.length + 1, picture)
        if before is None or (before.episode, before.length) != now:
            return None
        return np.concatenate([decision.observation["image"], before.picture], axis=1)

    def _publish(self) -> None:
        while self._ready:
            publisher, message = self._ready.popleft()
            publisher.publish(message)


@torch.inference_mode()
def next_picture(model: WorldModel, belief: Any, actions: np.ndarray) -> np.ndarray:
    """What the model imagines to see after the first of actions (H,A), (h,w,3) uint8."""
    imagined = model.imagine(belief, torch.as_tensor(actions[None, :1]))
    return model.decode(imagined.latents[0, 0]).cpu().numpy()


def markers(plan: Plan, path_m: Callable[[np.ndarray], np.ndarray], stamp: Time) -> MarkerArray:
    """A line for each candidate that the plan keeps; ``path_m``: actions (H,A) -> where they lead (H+1,3)."""
    costs = np.array([candidate.cost for candidate in plan.kept])
    worse = (costs - costs.min()) / max(np.ptp(costs), 1e-9)
    lines = []
    for number, candidate in enumerate(plan.kept):
        red, green, blue, _ = RAMP(1 - worse[number])
        line = Marker(
            header=Header(stamp=stamp, frame_id=messages.WORLD_FRAME),
            ns="imagined",
            id=number,
            type=Marker.LINE_STRIP,
            action=Marker.ADD,
            lifetime=messages.to_duration(SHOWN_S),
            color=ColorRGBA(r=float(red), g=float(green), b=float(blue), a=1.0),
            points=[Point(x=x, y=y, z=z) for x, y, z in path_m(candidate.actions).tolist()],
        )
        line.scale.x = THIN_M if number else THICK_M
        line.pose.orientation.w = 1.0
        lines.append(line)
    return MarkerArray(markers=lines)
