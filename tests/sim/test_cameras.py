"""Other cameras and strange scenes: pictures change as they should, physics not at all."""

import numpy as np
import pytest

from rehearse.sim.cameras import CAMERAS
from rehearse.sim.dog_on_jacket import oddities
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv

PULL = np.array([-0.3, 0.1, 0.0, 1.0], np.float32)

pytestmark = pytest.mark.gl


def lived(**settings: object) -> list[tuple[dict, dict]]:
    """Observation and info at the start and after two steps of one layout."""
    env = DogOnJacketEnv(**settings)
    start = env.reset(options={"layout": 4})
    steps = [env.step(PULL) for _ in range(2)]
    env.close()
    return [start, *((step[0], step[4]) for step in steps)]


def share_changed(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the pixels that differ clearly."""
    return float((np.abs(one.astype(int) - other).max(-1) > 25).mean())


@pytest.fixture(scope="module")
def usual() -> list[tuple[dict, dict]]:
    return lived()


def blue_and_green(image: np.ndarray) -> tuple[float, float]:
    """Shares of the picture that the jacket and the drop zone take."""
    red, green, blue = image.astype(int).transpose(2, 0, 1)
    return float(((blue > 1.8 * red) & (blue > green)).mean()), float(((green > 1.3 * red) & (green > blue)).mean())


def test_views_are_what_their_cameras_see(usual) -> None:
    names = tuple(CAMERAS)
    together = lived(views=names)
    for name in names:
        alone = lived(camera=name)
        for (view, info), (observation, same), (front, before) in zip(together, alone, usual, strict=True):
            np.testing.assert_array_equal(view["views"][name], observation["image"])
            np.testing.assert_array_equal(observation["proprio"], front["proprio"])
            assert info == same == before
            if name != "front":
                assert share_changed(observation["image"], front["image"]) > 0.1
    for (view, _), (front, _) in zip(together, usual, strict=True):
        np.testing.assert_array_equal(view["image"], front["image"])


@pytest.mark.parametrize("camera", CAMERAS)
def test_every_camera_sees_jacket_and_drop_zone(camera: str, usual) -> None:
    jacket, zone = blue_and_green(lived(camera=camera)[0][0]["image"])
    assert jacket > 0.5 * blue_and_green(usual[0][0]["image"])[0]
    assert zone > 0.008


def test_views_are_part_of_the_observation_space() -> None:
    env = DogOnJacketEnv(views=("left", "high"), image_size=32)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert list(observation["views"]) == ["left", "high"]
    env.close()
    assert "views" not in DogOnJacketEnv().observation_space.spaces


@pytest.mark.parametrize(("oddity", "least"), [("object", 0.01), ("camera", 0.25), ("blackout", 0.9)])
def test_an_oddity_is_seen_and_not_felt(oddity: str, least: float, usual) -> None:
    for (strange, info), (observation, same) in zip(lived(oddity=oddity), usual, strict=True):
        assert share_changed(strange["image"], observation["image"]) > least
        np.testing.assert_array_equal(strange["proprio"], observation["proprio"])
        assert info == same


def test_a_blackout_is_black_and_an_object_stays_where_it_stands() -> None:
    assert not any(observation["image"].any() for observation, _ in lived(oddity="blackout"))
    env, plain = DogOnJacketEnv(oddity="object"), DogOnJacketEnv()
    for layout in range(6):
        seen = [one.reset(options={"layout": layout})[0]["image"] for one in (env, plain)]
        changed = np.abs(seen[0].astype(int) - seen[1]).max(-1) > 25
        assert 0.005 < changed.mean() < 0.25, layout
        again = env.reset(options={"layout": layout})[0]["image"]
        np.testing.assert_array_equal(again, seen[0])
    env.close()
    plain.close()


def test_layouts_are_strange_in_different_ways() -> None:
    for kind in ("object", "camera"):
        one, same, other = (oddities.draw(kind, np.random.default_rng(seed)) for seed in (0, 0, 1))
        assert one == same
        assert one != other
    assert oddities.draw(None, np.random.default_rng(0)) == oddities.Oddity()
