"""What the planner senses, without ROS: messages are whatever has their fields."""

from types import SimpleNamespace as Message

import numpy as np
import pytest

from rehearse.errors import DataError
from rehearse.ros_nodes.senses import CAMERA, PROPRIO, Senses, camera_topic

LEFT = "camera/left/image_raw"


def at(stamp_s: int, **fields: object) -> Message:
    """A message of this stamp."""
    return Message(header=Message(stamp=Message(sec=stamp_s, nanosec=0)), **fields)


def picture(stamp_s: int, level: int, size: int = 4) -> Message:
    """All of one grey."""
    step = 3 * size
    data = bytes([level]) * (size * step)
    return at(stamp_s, height=size, width=size, step=step, encoding="rgb8", data=data)


def two_eyed() -> Senses:
    return Senses(views=("left",), proprio_dim=2)


def test_an_observation_is_whole_when_all_carry_one_stamp() -> None:
    senses = two_eyed()
    senses.take(CAMERA, picture(1, 10))
    senses.take(PROPRIO, at(1, position=[0.5, 1.5]))
    assert senses.stamp() is None  # without the other camera
    senses.take(LEFT, picture(2, 20))
    assert senses.stamp() is None  # of another moment
    senses.take(LEFT, picture(1, 20))
    assert senses.stamp().sec == 1
    seen = senses.observation(senses.pictures(), senses.felt())
    assert (seen["image"].max(), seen["views"]["left"].max()) == (10, 20)
    assert seen["proprio"].tolist() == [0.5, 1.5]
    senses.forget()
    assert senses.stamp() is None


def test_a_model_with_one_camera_gets_no_views() -> None:
    senses = Senses(views=(), proprio_dim=2)
    assert senses.cameras == (CAMERA,)
    assert set(senses.grey(8)) == {"image", "proprio"}
    assert two_eyed().grey(8)["views"]["left"].shape == (8, 8, 3)


def test_each_has_an_age() -> None:
    senses = two_eyed()
    senses.take(CAMERA, picture(5, 0))
    senses.take(LEFT, picture(2, 0))
    assert senses.ages_s(6.0) == {CAMERA: 1.0, LEFT: 4.0}


def test_what_is_damaged_is_named() -> None:
    senses = two_eyed()
    senses.take(CAMERA, picture(1, 0))
    broken = picture(1, 0)
    broken.data = broken.data[:5]
    senses.take(LEFT, broken)
    senses.take(PROPRIO, at(1, position=[0.0] * 100_000))
    with pytest.raises(DataError, match=r"^camera/left/image_raw: image is 4 x 4 .* 5 bytes"):
        senses.pictures()
    with pytest.raises(DataError, match=r"^proprio has 100000 values; this model was trained on 2$"):
        senses.felt()


@pytest.mark.parametrize(
    ("view", "topic"),
    [
        ("left", LEFT),
        ("observation.images.top", "camera/observation_images_top/image_raw"),
        ("2nd eye", "camera/_2nd_eye/image_raw"),
    ],
)
def test_topics_have_names_that_ros_allows(view: str, topic: str) -> None:
    assert camera_topic(view) == topic


def test_grey_is_what_the_benchmark_plans_about() -> None:
    grey = two_eyed().grey(16)
    assert grey["image"].dtype == np.uint8
    assert grey["proprio"].tolist() == [0.0, 0.0]
