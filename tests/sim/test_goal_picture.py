"""Pictures that are goals, and those that are none."""

from collections.abc import Callable

import numpy as np
import pytest

from rehearse.errors import DataError
from rehearse.sim.goal_picture import checked_picture
from rehearse.sim.tasks import get_task
from rehearse.world_model import WorldModel, load, shipped_checkpoint

pytestmark = pytest.mark.gl


@pytest.fixture(scope="module")
def model() -> WorldModel:
    return load(shipped_checkpoint("reach-tiny"))


@pytest.fixture(scope="module")
def goals() -> list[np.ndarray]:
    env = get_task("reach").make_env(split="validation")
    pictures = [env.reset(options={"layout": layout})[0]["goal"] for layout in range(10)]
    env.close()
    return pictures


def test_a_picture_of_a_goal_is_one(model: WorldModel, goals: list[np.ndarray]) -> None:
    for picture in goals:
        assert checked_picture(model, picture) is picture


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (np.zeros_like, "the model does not know what the goal's picture shows"),
        (lambda picture: np.full_like(picture, 128), "does not know"),
        (lambda picture: picture[..., ::-1].copy(), "does not know"),
        (lambda picture: np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8), "does not know"),
        (lambda picture: picture[:32], "32 x 64; this model sees 64 x 64"),
    ],
    ids=["black", "grey", "bgr", "noise", "half"],
)
def test_what_shows_nothing_that_is_known_is_none(
    model: WorldModel, goals: list[np.ndarray], damage: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    for picture in goals:
        with pytest.raises(DataError, match=said):
            checked_picture(model, damage(picture))
