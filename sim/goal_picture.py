"""Whether a picture can be a goal: of the size that a model sees, and of something that it knows.

checked_picture(model, picture)      # (h,w,3) uint8; DataError says what is wrong, and what to send instead
"""

import numpy as np

from rehearse.errors import DataError
from rehearse.sim.planner_agent import LearnedDynamics
from rehearse.world_model import History, WorldModel

# reach-tiny, 100 validation layouts: at most 0.004 of pictures of goals; 0.019 and more of noise, of one colour, of
# half a picture, of red and blue exchanged.
MOST_ERROR = 0.01


def checked_picture(model: WorldModel, picture: np.ndarray, most_error: float = MOST_ERROR) -> np.ndarray:
    """The picture (h,w,3) itself.

    ``most_error``: squared, of values in [0, 1], that the picture may be off by as the model would draw it.
    """
    height, width, _ = picture.shape
    size = model.config.image_size
    if (height, width) != (size, size):
        raise DataError(
            f"the goal's picture is {height} x {width}; this model sees {size} x {size}: send it as the camera's are"
        )
    history = History(picture[None])
    error = LearnedDynamics(model).blindness(history, model.observe(history))
    if not error <= most_error:
        raise DataError(
            f"the model does not know what the goal's picture shows: drawn by it, it would be off by {error:.3f}, more "
            f"than {most_error:g}; send what the robot's own camera shows when the goal is reached"
        )
    return picture
