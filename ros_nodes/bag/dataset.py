"""A bag as a LeRobotDataset v3.0 that a model of the task trains on. Knows no ROS.

contents = survey(bag); counts = convert(bag, Path("data/robot"), contents, Topics())
counts["episodes"], counts["frames"]
"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from rehearse import __version__
from rehearse.errors import DataError
from rehearse.ros_nodes.bag.episodes import Episodes
from rehearse.ros_nodes.bag.reader import Topic, read
from rehearse.ros_nodes.bag.topics import Topics
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.world_model.data import LeRobotWriter


def convert(
    bag: Path,
    out: Path,
    contents: Mapping[str, Topic],
    topics: Topics,
    arm: str = "arm7",
    truncated: bool = False,
    on_message: Callable[[], None] = lambda: None,
) -> Counter[str]:
    """Write the episodes of ``bag``, which holds ``contents``, to ``out``: whole or not at all.

    Returns what became of the observations. DataError says what the bag lacks or where it is damaged.
    """
    topics.check(contents)
    informed = topics.full("info") in contents
    episodes = Episodes(TASK, TASK.motion(arm), topics, informed)
    provenance = {"task": TASK.name, "code_version": __version__, "behaviour": "recorded", "bag": bag.name, "arm": arm}
    first = next(read(bag, {topics.full("proprio")}, truncated))
    names = {"observation.state": list(first.message.name), "action": list(TASK.actions)}
    robot = TASK.robot.format(arm=arm)
    with LeRobotWriter(out, round(1 / TASK.period_s), robot, provenance=provenance, names=names) as writer:
        for heard in read(bag, topics.all(), truncated, on_message):
            for clip in episodes.hear(heard):
                writer.add(clip)
        for clip in episodes.end():
            writer.add(clip)
        if not episodes.counts["episodes"]:
            told = ", ".join(f"{name}: {count}" for name, count in episodes.counts.items()) or "no observation"
            raise DataError(f"{bag}: no two observations {TASK.period_s} s apart with the arm known ({told})")
        counts = +episodes.counts  # without zeros
        writer.provenance["observations"] = dict(counts)
    return counts
