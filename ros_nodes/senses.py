"""What the planner senses: pictures of every camera, and proprioception. Those of one stamp are an observation.

    senses = Senses(views=("left",), proprio_dim=10)
    senses.cameras                                  # ("camera/image_raw", "camera/left/image_raw")
    senses.take("proprio", message)
    if senses.stamp() is not None: observation = senses.observation(senses.pictures(), senses.felt())

Knows messages by their fields alone, and no node.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from rehearse.errors import DataError
from rehearse.ros_nodes.reading import from_image, seconds

CAMERA, PROPRIO = "camera/image_raw", "proprio"


def camera_topic(view: str) -> str:
    """Of a further camera. What ROS does not allow in a name becomes _."""
    name = re.sub(r"\W", "_", view, flags=re.ASCII)
    return f"camera/{'_' * name[:1].isdigit()}{name}/image_raw"


class Senses:
    """The newest message of each. ``views``: further cameras, as the model names them."""

    def __init__(self, views: Sequence[str], proprio_dim: int) -> None:
        self._views = {view: camera_topic(view) for view in views}
        self._proprio_dim = proprio_dim
        self.cameras = (CAMERA, *self._views.values())
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._newest: dict[str, Any] = {}

    def take(self, topic: str, message: Any) -> None:
        """One came."""
        self._newest[topic] = message

    def stamp(self) -> Any:
        """That of the observation, once it is whole; else None."""
        if len(self._newest) < len(self.cameras) + 1:
            return None
        first, *others = (message.header.stamp for message in self._newest.values())
        return first if all(stamp == first for stamp in others) else None

    def ages_s(self, now_s: float) -> dict[str, float]:
        """How old the newest message of each is."""
        return {topic: now_s - seconds(message.header.stamp) for topic, message in self._newest.items()}

    def pictures(self) -> dict[str, np.ndarray]:
        """{topic: (h,w,3) uint8}; DataError names a topic whose picture cannot be read."""
        found = {}
        for topic in self.cameras:
            try:
                found[topic] = from_image(self._newest[topic])
            except DataError as error:
                raise DataError(f"{topic}: {error}") from error
        return found

    def felt(self) -> np.ndarray:
        """Proprioception (P,); DataError where it has another number of values."""
        position = self._newest[PROPRIO].position
        if len(position) != self._proprio_dim:
            raise DataError(f"{PROPRIO} has {len(position)} values; this model was trained on {self._proprio_dim}")
        return np.array(position, np.float32)

    def observation(self, pictures: dict[str, np.ndarray], felt: np.ndarray) -> dict[str, Any]:
        """As the environment gives it."""
        views = {view: pictures[topic] for view, topic in self._views.items()}
        return {"image": pictures[CAMERA], "proprio": felt, **({"views": views} if views else {})}

    def grey(self, size_px: int) -> dict[str, Any]:
        """An observation of nothing."""
        nothing = {topic: np.full((size_px, size_px, 3), 128, np.uint8) for topic in self.cameras}
        return self.observation(nothing, np.zeros(self._proprio_dim, np.float32))
