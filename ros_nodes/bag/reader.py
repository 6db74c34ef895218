"""Messages out of a bag, in the order in which they were recorded. Knows no ROS.

    contents = survey(Path("bags/record.mcap"))             # {topic: Topic(kind, count)}
    for heard in read(Path("bags/record.mcap"), {"/proprio"}): heard.message.position, heard.log_s

A bag is an MCAP file, or a folder of them as `ros2 bag record -s mcap` makes it.
"""

import struct
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from rehearse.errors import DataError
from rehearse.ros_nodes.bag.kinds import missing, types
from rehearse.ros_nodes.bag.writer import PARTIAL

MOST_RECORD = 2**30  # bytes; what claims to be longer is damaged


class Topic(NamedTuple):
    """What a bag holds of one topic."""

    kind: str
    count: int


class Heard(NamedTuple):
    """``message`` has the fields of the ROS message; ``log_s`` is when it came, by the recorder's ROS clock."""

    topic: str
    message: Any
    log_s: float


class RawHeard(NamedTuple):
    """A message as it came over the wire."""

    topic: str
    kind: str
    data: bytes
    log_ns: int


def survey(path: Path, truncated: bool = False) -> dict[str, Topic]:
    """What is in it; DataError where it is no bag, or damaged. ``truncated``: one that breaks off will do."""
    found: dict[str, Topic] = {}
    for heard in read_raw(path, truncated=truncated):
        found[heard.topic] = Topic(heard.kind, found[heard.topic].count + 1 if heard.topic in found else 1)
    return found


def read(
    path: Path,
    topics: Collection[str],
    truncated: bool = False,
    on_message: Callable[[], None] = lambda: None,
) -> Iterator[Heard]:
    """The messages of these topics, decoded; ``on_message``: one more of any topic was read."""
    decode = types().deserialize_cdr
    from rosbags.serde import SerdeError
    from rosbags.typesys import TypesysError

    for heard in read_raw(path, truncated=truncated):
        on_message()
        if heard.topic in topics:
            try:
                message = decode(heard.data, heard.kind)
            except (SerdeError, TypesysError) as error:
                raise DataError(f"{path}: a message on {heard.topic} is damaged ({error})") from error
            yield Heard(heard.topic, message, heard.log_ns * 1e-9)


def read_raw(path: Path, truncated: bool = False) -> Iterator[RawHeard]:
    """All messages as they are."""
    for file in files_of(path):
        yield from _of_file(file, truncated)


def files_of(path: Path) -> list[Path]:
    """The MCAP files of a bag."""
    if not path.exists():
        raise DataError(f"{path}: there is no such bag")
    if not path.is_dir():
        return [path]
    if found := sorted(path.glob("*.mcap")):
        return found
    partial = ", ".join(file.name for file in path.glob(f"*.mcap{PARTIAL}"))
    hint = (
        f"only {partial}, of a killed recorder: name the file" if partial else "give an MCAP file or a folder of them"
    )
    raise DataError(f"{path}: no .mcap file in this folder; {hint}")


def _of_file(path: Path, truncated: bool) -> Iterator[RawHeard]:
    try:
        from mcap.exceptions import EndOfFile
        from mcap.records import Channel, Message, Schema
        from mcap.stream_reader import StreamReader
    except ImportError as error:
        raise missing(error) from error
    schemas: dict[int, str] = {}
    channels: dict[int, tuple[str, str]] = {}
    count = 0
    with path.open("rb") as file, _damage(path):
        try:
            for record in StreamReader(_Whole(file), validate_crcs=True, record_size_limit=MOST_RECORD).records:
                if isinstance(record, Schema):
                    schemas[record.id] = record.name
                elif isinstance(record, Channel):
                    channels[record.id] = record.topic, schemas.get(record.schema_id, "")
                elif isinstance(record, Message):
                    count += 1
                    yield RawHeard(*channels[record.channel_id], record.data, record.log_time)
        except EndOfFile as error:
            if not truncated:
                raise DataError(
                    f"{path}: the bag breaks off after {count} messages, as when a recorder is killed; "
                    "take what is there with --truncated"
                ) from error


class _Whole:
    """A file that gives all of what is asked for or nothing, for mcap takes a record that is cut short as it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, count: int) -> bytes:
        data = self._file.read(count)
        return data if len(data) == count else b""


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Whatever a reader stumbles over in a damaged file becomes one sentence."""
    from mcap.exceptions import InvalidMagic, McapError
    from zstandard import ZstdError

    try:
        yield
    except DataError:
        raise
    except InvalidMagic as error:
        raise DataError(f"{path}: not an MCAP file; convert other bags with `ros2 bag convert`") from error
    except (McapError, ZstdError, ValueError, KeyError, RuntimeError, struct.error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the bag is damaged ({error}); copy it again") from error
