"""Strange scenes, to see whether a model notices; never for training. They change pictures, never physics.

    oddity = draw("object", np.random.default_rng(0)); stand(renderer.scene, oddity.thing)

``object``: a large thing in one strong colour stands on the rug, beside jacket and dog. ``camera``: the camera has been
knocked far out of its place. ``blackout``: it gives black frames. Each lasts for a whole episode.
"""

import colorsys
from dataclasses import dataclass

import mujoco
import numpy as np

from rehearse.sim.cameras import FRONT, Pose

ODDITIES = ("object", "camera", "blackout")
SHAPES = (mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_SPHERE)
ALONG_M, ASIDE_M, HALF_SIZE_M = (-0.05, 0.4), (0.34, 0.44), (0.09, 0.13)  # on either side, where no arm has its base
AZIMUTH_DEG, ELEVATION_DEG, ROLL_DEG = (35, 70), (-15, 15), (15, 45)


@dataclass(frozen=True)
class Thing:
    """An object on the rug: its shape, half its size, its middle (x, y), and its colour."""

    shape: mujoco.mjtGeom
    half_m: float
    xy_m: tuple[float, float]
    rgb: tuple[float, float, float]


@dataclass(frozen=True)
class Oddity:
    """What is strange about one episode; nothing, unless said."""

    thing: Thing | None = None
    pose: Pose = FRONT
    black: bool = False


def draw(kind: str | None, rng: np.random.Generator) -> Oddity:
    """One oddity of a kind, or none."""
    sign = lambda: rng.choice((-1, 1))  # noqa: E731
    if kind == "object":
        place = rng.uniform(*ALONG_M), sign() * rng.uniform(*ASIDE_M)
        colour = colorsys.hsv_to_rgb(rng.random(), 1.0, 0.9)
        return Oddity(thing=Thing(SHAPES[rng.integers(len(SHAPES))], rng.uniform(*HALF_SIZE_M), place, colour))
    if kind == "camera":
        turned, raised = sign() * rng.uniform(*AZIMUTH_DEG), rng.uniform(*ELEVATION_DEG)
        return Oddity(pose=Pose(turned, raised, roll=sign() * rng.uniform(*ROLL_DEG)))
    return Oddity(black=kind == "blackout")


def stand(scene: mujoco.MjvScene, thing: Thing) -> None:
    """Add ``thing`` to what is drawn."""
    geom, size, position = scene.geoms[scene.ngeom], np.full(3, thing.half_m), np.array([*thing.xy_m, thing.half_m])
    mujoco.mjv_initGeom(geom, thing.shape, size, position, np.eye(3).ravel(), np.array([*thing.rgb, 1.0], np.float32))
    scene.ngeom += 1
