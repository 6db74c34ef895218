"""Where the robot's camera stands: the scene's front camera, carried round the place on the rug that it looks at.

    renderer.update_scene(data, "front"); move(renderer.scene, CAMERAS["left"])

A move changes the picture alone, never the model, and keeps the distance to that place. Degrees.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Pose:
    """Degrees from the front camera: ``azimuth`` to its left, ``elevation`` up, ``roll`` clockwise."""

    azimuth: float = 0.0
    elevation: float = 0.0
    roll: float = 0.0


FRONT = Pose()
CAMERAS = {"front": FRONT, "left": Pose(azimuth=20), "right": Pose(azimuth=-20), "high": Pose(elevation=20)}


def move(scene: mujoco.MjvScene, pose: Pose) -> None:
    """Draw ``scene`` from ``pose`` instead of from where its camera stands; nothing else in it moves."""
    for eye in scene.camera:
        position, forward, up = (np.array(value, float) for value in (eye.pos, eye.forward, eye.up))
        middle = position - forward * position[2] / forward[2]
        raised = Rotation.from_rotvec(-np.radians(pose.elevation) * np.cross(forward, up))
        carried = Rotation.from_rotvec(-np.radians(pose.azimuth) * UP) * raised
        rolled = Rotation.from_rotvec(-np.radians(pose.roll) * forward)
        eye.pos[:] = middle + carried.apply(position - middle)
        eye.forward[:] = carried.apply(forward)
        eye.up[:] = carried.apply(rolled.apply(up))


def focal_px(fovy_deg: float, height_px: int) -> float:
    """Focal length in pixels of a pinhole camera that sees ``fovy_deg`` from top to bottom."""
    return height_px / 2 / float(np.tan(np.radians(fovy_deg) / 2))
