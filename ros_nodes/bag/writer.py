"""One bag: an MCAP file that bears its name when it is whole. Knows no ROS.

    with BagWriter(Path("bags/run.mcap")) as bag:          # run.mcap.partial until the end
        bag.write(Raw("/proprio", "sensor_msgs/msg/JointState", data, log_ns, sent_ns))
        bag.flush()                                         # what is written by now survives a kill

The messages stay as they came over the wire (CDR); `ros2 bag play`, Foxglove and rosbags read the file.
"""

import os
from pathlib import Path
from typing import NamedTuple

from rehearse.errors import DataError
from rehearse.ros_nodes.bag.kinds import missing, types

PARTIAL = ".partial"


class Raw(NamedTuple):
    """A serialised message. ``log_ns``: when it came, by the recorder's ROS clock; ``sent_ns``: by the sender's wall.

    ``heard_s`` is when it came by the recorder's steady clock, which never jumps.
    """

    topic: str
    kind: str
    data: bytes
    log_ns: int
    sent_ns: int
    heard_s: float = 0.0


class BagWriter:
    """DataError where the name is taken, OSError where the disk refuses; a bag without a message is removed."""

    def __init__(self, path: Path, compression: str = "zstd") -> None:
        try:
            from mcap.writer import CompressionType, Writer
        except ImportError as error:
            raise missing(error) from error
        self.path, self.partial = path, path.with_name(path.name + PARTIAL)
        if path.exists():
            raise DataError(f"{path}: already exists; choose another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.partial.open("xb")
        self._writer = Writer(self._file, compression=CompressionType[compression.upper()])
        self._writer.start(profile="ros2", library="rehearse")
        self._kinds: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self.messages = 0

    @property
    def bytes(self) -> int:
        """On the disk, or on the way there."""
        return self._file.tell()

    def write(self, raw: Raw) -> None:
        """Append one message."""
        if raw.topic not in self._channels:
            self._channels[raw.topic] = self._channel(raw)
        self._writer.add_message(self._channels[raw.topic], raw.log_ns, raw.data, raw.sent_ns, self.messages)
        self.messages += 1

    def flush(self) -> None:
        """Hand what was written to the system: it survives the end of this process, however that comes."""
        self._writer.flush()

    def close(self) -> None:
        """Finish the index, see that it is on the disk, give the file its name."""
        if self._file.closed:
            return
        self._writer.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if self.messages:
            os.rename(self.partial, self.path)
        else:
            self.partial.unlink()

    def abandon(self) -> None:
        """Leave the partial file as it is."""
        if not self._file.closed:
            self._file.close()

    def __enter__(self) -> "BagWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.abandon() if kind else self.close()

    def _channel(self, raw: Raw) -> int:
        if raw.kind not in self._kinds:
            text, _ = types().generate_msgdef(raw.kind, ros_version=2)
            self._kinds[raw.kind] = self._writer.register_schema(raw.kind, "ros2msg", text.encode())
        return self._writer.register_channel(raw.topic, "cdr", self._kinds[raw.kind], {"offered_qos_profiles": ""})
