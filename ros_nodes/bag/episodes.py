"""Episodes out of a bag: what was sensed, and what the arm was told meanwhile as actions of the task. Knows no ROS.

    found = Episodes(TASK, TASK.motion(), Topics())
    for heard in read(bag, found.topics.all()):
        for clip in found.hear(heard): writer.add(clip)
    for clip in found.end(): writer.add(clip)

As in the planner node, an observation is an image and proprioception of one stamp, and the action between two of them
is what passed the guard by then: joint_trajectory, reckoned from where joint_states said that the arm was. Signals are
what sim/info says of the same stamp. An episode ends where the info says so, where the robot was reset, and where an
observation is missing: between observations that are not one period apart nobody knows what happened.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rehearse.errors import DataError
from rehearse.ros_nodes.bag.reader import Heard
from rehearse.ros_nodes.bag.topics import Topics
from rehearse.ros_nodes.pilot import Motion, Pilot
from rehearse.ros_nodes.reading import from_image, from_joint_trajectory
from rehearse.sim.task import Task
from rehearse.world_model.data import Clip

MOST_FRAMES = 1000  # of an episode: they are in memory until it is over
WAITING = 50  # so many parts of observations are kept until the other parts of them come
STRAY_RAD = 0.25  # an arm further from where it was told to be does something else than what it was told
LEAP_RADPS = 10.0  # no arm is so fast: it was put elsewhere
APART_S = 30.0  # between a stamp and the recorder's clock: they are of two clocks


@dataclass
class Moment:
    """An observation and the action (A,) that led to it; None where that is not known."""

    stamp_ns: int
    image: np.ndarray
    proprio: np.ndarray
    led: np.ndarray | None
    again: bool  # its stamp lies before that of the observation before


class Episodes:
    """Takes what was heard, in order, and gives episodes as Clips. ``counts`` says what became of the observations."""

    def __init__(self, task: Task, motion: Motion, topics: Topics, informed: bool) -> None:
        self.topics, self._task, self._informed = topics, task, informed
        self._names = topics.all()
        self._pilot, self._period_s = Pilot(motion, braking_radps2=1.0), motion.period_s
        self._images: dict[int, np.ndarray] = {}
        self._proprios: dict[int, np.ndarray] = {}
        self._infos: dict[int, dict[str, str]] = {}
        self._joints: tuple[float, np.ndarray] | None = None
        self._last: Moment | None = None  # complete, but for its info
        self._told_info: dict[str, str] = {}
        self._told_s = 0.0
        self._resets: set[int] = set()
        self._open: list[tuple[Moment, dict[str, str]]] = []
        self._over = False
        self._put_ns: int | None = None  # the stamp with which the arm was first sensed where it had been put
        self._shape: tuple[int, ...] | None = None
        self.counts: Counter[str] = Counter()
        self.names: tuple[str, ...] = ()

    def hear(self, heard: Heard) -> Iterator[Clip]:
        """Episodes that are complete by this message; DataError for what cannot be made sense of."""
        which = self._names[heard.topic]
        try:
            yield from getattr(self, f"_on_{which}")(heard.message, heard.log_s)
        except DataError as error:
            raise DataError(f"{heard.topic}, {heard.log_s:.3f} s: {error}") from error

    def end(self) -> Iterator[Clip]:
        """What is left when the bag is over."""
        yield from self._settle()
        yield from self._close()

    # -- what is heard -------------------------------------------------------------------------------------------

    def _on_joints(self, message: Any, log_s: float) -> Iterator[Clip]:
        self._pilot.sense(tuple(message.name), np.array(message.position), log_s)
        before, self._joints = self._joints, (log_s, self._pilot.measured)
        if before is not None and 0 <= log_s - before[0] < self._period_s:
            moved_s = max(log_s - before[0], 0.1 * self._period_s)
            if np.abs(self._pilot.measured - before[1]).max() / moved_s > LEAP_RADPS:
                self._anew(log_s, _stamp_ns(message))
        return iter(())

    def _on_told(self, message: Any, log_s: float) -> Iterator[Clip]:
        self._pilot.hear(from_joint_trajectory(message), log_s)
        return iter(())

    def _on_info(self, message: Any, log_s: float) -> Iterator[Clip]:
        stamp_ns = _stamp_ns(message)
        said = {pair.key: pair.value for status in message.status for pair in status.values}
        # A world that is laid out anew before anything has moved tells of it by the clock alone.
        if _begins_anew(self._told_info, said) or log_s < self._told_s:
            self._anew(log_s, stamp_ns)
            self._resets.add(stamp_ns)
        self._told_info = self._infos[stamp_ns] = said
        self._told_s = log_s
        if len(self._infos) > WAITING:
            self._infos.pop(next(iter(self._infos)))
        return iter(())

    def _on_image(self, message: Any, log_s: float) -> Iterator[Clip]:
        image = from_image(message)
        self._shape = self._shape or image.shape
        if image.shape != self._shape:
            size = lambda shape: f"{shape[1]} x {shape[0]}"  # noqa: E731
            raise DataError(f"the image changes from {size(self._shape)} to {size(image.shape)}; split the bag there")
        self._images[_stamp_ns(message)] = image
        return self._pair(_stamp_ns(message), log_s)

    def _on_proprio(self, message: Any, log_s: float) -> Iterator[Clip]:
        self.names = self.names or tuple(message.name)
        if tuple(message.name) != self.names or len(message.position) != len(self.names):
            raise DataError("what is felt changes its names; one dataset has one set of numbers")
        self._proprios[_stamp_ns(message)] = np.array(message.position, np.float32)
        return self._pair(_stamp_ns(message), log_s)

    def _anew(self, log_s: float, stamp_ns: int) -> None:
        """The arm was put elsewhere: it is where it was sensed last, and what it was told is of no account.

        Messages of one stamp come in any order: the observation of this one may be here already.
        """
        self._put_ns = stamp_ns
        if self._last is not None and self._last.stamp_ns == stamp_ns and self._last.led is not None:
            self._last.led = None
            self.counts["strays"] += 1
        self._pilot.forget()
        if self._joints is not None:
            self._pilot.sense(self._pilot.motion.joints, self._joints[1], log_s)

    # -- observations --------------------------------------------------------------------------------------------

    def _pair(self, stamp_ns: int, log_s: float) -> Iterator[Clip]:
        """Both halves of an observation may be there; the one before is then settled."""
        for halves in (self._images, self._proprios):
            while len(halves) > WAITING:
                halves.pop(next(iter(halves)))
                self.counts["halves"] += 1
        if stamp_ns not in self._images or stamp_ns not in self._proprios:
            return
        image, proprio, before = self._images.pop(stamp_ns), self._proprios.pop(stamp_ns), self._last
        if before is not None and stamp_ns == before.stamp_ns:
            return  # repeated until it is answered
        if abs(log_s - 1e-9 * stamp_ns) > APART_S:
            raise DataError(
                f"the stamp {1e-9 * stamp_ns:.3f} s is of another clock than the recorder's; "
                "record with use_sim_time where the robot has a clock of its own"
            )
        self.counts["observations"] += 1
        if not self._pilot.ready:
            self.counts["before joint_states"] += 1
            return
        yield from self._settle()
        again = before is not None and stamp_ns < before.stamp_ns
        self._last = Moment(stamp_ns, image, proprio, self._led(before, stamp_ns), again)

    def _led(self, before: Moment | None, stamp_ns: int) -> np.ndarray | None:
        """What the arm was told to do since the observation before; None where that does not tell what it did."""
        astray = np.abs(self._pilot.measured - self._pilot.at(1e-9 * stamp_ns)).max() > STRAY_RAD
        put_ns, self._put_ns = self._put_ns, None
        if before is None:
            return None
        if astray or (put_ns is not None and before.stamp_ns < put_ns <= stamp_ns):
            self.counts["strays"] += 1
            return None
        apart_s = 1e-9 * (stamp_ns - before.stamp_ns)
        if not 0.5 * self._period_s < apart_s < 1.5 * self._period_s:
            self.counts["gaps"] += 1
            return None
        return self._pilot.between(1e-9 * before.stamp_ns, 1e-9 * stamp_ns)

    # -- episodes ------------------------------------------------------------------------------------------------

    def _settle(self) -> Iterator[Clip]:
        """Add the last observation to its episode, now that its info has come if it ever will."""
        moment, self._last = self._last, None
        if moment is None:
            return
        info = self._infos.pop(moment.stamp_ns, {})
        reset = moment.stamp_ns in self._resets
        self._resets.discard(moment.stamp_ns)
        if moment.again and not reset:
            back = f"stamps go backwards, to {1e-9 * moment.stamp_ns:.3f} s, and nothing tells of a reset"
            raise DataError(f"{back}; split the bag there")
        unknown = self._informed and not info
        self.counts["without info"] += unknown
        self._over = self._over and not reset
        if reset or unknown or moment.led is None or len(self._open) >= MOST_FRAMES:
            yield from self._close()
        if self._over or unknown:
            self.counts["after the end"] += self._over
            return
        self._open.append((moment, info))
        if info.get("finished") == "true":
            self._over = True
            yield from self._close()

    def _close(self) -> Iterator[Clip]:
        held, self._open = self._open, []
        begun = next((index for index, (_, info) in enumerate(held) if _time_s(info)), len(held))
        if self._informed and begun:  # the robot stood still and waited
            self.counts["before the start"] += begun - 1
            held = held[begun - 1 :]
        if len(held) < 2:
            self.counts["alone"] += len(held)
            return
        moments, infos = zip(*held, strict=True)
        self.counts["episodes"] += 1
        self.counts["frames"] += len(held)
        yield Clip(
            frames=np.stack([moment.image for moment in moments]),
            actions=np.stack([*(moment.led for moment in moments[1:]), self._task.hold]),
            proprio=np.stack([moment.proprio for moment in moments]),
            signals=self._signals(infos),
            task=self._task.instruction,
        )

    def _signals(self, infos: Sequence[dict[str, str]]) -> dict[str, np.ndarray]:
        """The task's signals as far as the info tells them."""
        found = {}
        for name, kind in self._task.signals.items():
            if not all(name in info for info in infos):
                continue
            try:
                values = [_number(info[name]) for info in infos]
            except ValueError as error:
                raise DataError(f"{self.topics.full('info')}: {name} is no number ({error})") from error
            top = self._task.tops.get(name, np.inf)
            found[name] = np.array(values) > 0 if kind == "event" else np.minimum(values, top)
        return found


def _begins_anew(before: dict[str, str], now: dict[str, str]) -> bool:
    """Whether the robot was reset between two infos: its time went back, or it is somewhere else altogether."""
    return bool(before) and (_time_s(now) < _time_s(before) or now.get("layout") != before.get("layout"))


def _time_s(info: dict[str, str]) -> float:
    """The episode's own."""
    return float(info.get("time_s", 0))


def _number(text: str) -> float:
    return float({"true": 1, "false": 0}.get(text, text))


def _stamp_ns(message: Any) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
