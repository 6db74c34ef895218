"""The reaching scene as a MuJoCo model: an arm, a table, a ball on a stick that shows where to reach.

    model = build(ROBOTS["so101"]).compile(); stand_ball(model, place_m, radius_m=0.03)

The stick and its foot say how high the ball is and where it stands, which one camera could not tell of a ball alone.
Nothing of it collides. Frame: z up, x to the robot's right, y away from it, metres.
"""

import mujoco
import numpy as np

from rehearse.sim.arm_scene import LIGHT, LOOKS
from rehearse.sim.robots import ROBOTS, Robot

TIMESTEP_S = 0.005
USUAL = ROBOTS["arm7"]

_WORLD = """
<mujoco model="reach">
  <option timestep="{timestep}" integrator="implicitfast"/>
  {looks}
  <worldbody>
    {light}
    <camera name="camera" pos="-.2 .92 .76" xyaxes="-1 0 0 0 -.47 .88" fovy="44"/>
    <camera name="film" pos=".62 .82 .74" xyaxes="-.77 .64 0 -.26 -.32 .91" fovy="43"/>
    <geom name="table" type="box" size=".62 .6 .02" pos="-.2 -.02 -.02" material="table" contype="0" conaffinity="0"/>
    <body name="foot"><geom type="cylinder" size=".035 .002" rgba=".10 .35 .22 1" contype="0" conaffinity="0"/></body>
    <body name="ball">
      <geom name="ball" type="sphere" size=".02" rgba=".10 .72 .36 1" contype="0" conaffinity="0"/>
      <!-- Longer than the ball is high: the table hides the rest. -->
      <geom type="cylinder" fromto="0 0 0 0 0 -.5" size=".008" rgba=".10 .35 .22 1" contype="0" conaffinity="0"/>
    </body>
  </worldbody>
</mujoco>
"""


def build(robot: Robot) -> mujoco.MjSpec:
    """The whole scene as an MjSpec, cameras as near as the robot is small; the ball is not placed yet."""
    spec = mujoco.MjSpec.from_string(_WORLD.format(looks=LOOKS, light=LIGHT, timestep=TIMESTEP_S))
    if (size := scale(robot)) != 1:
        for camera in spec.cameras:
            camera.pos = _middle_m(robot) + size * (camera.pos - _middle_m(USUAL))
    return robot.stand(spec)


def scale(robot: Robot) -> float:
    """The size of its workspace beside the usual robot's."""
    size = lambda of: np.linalg.norm(np.subtract(of.workspace_high_m, of.workspace_low_m))  # noqa: E731
    return float(size(robot) / size(USUAL))


def _middle_m(robot: Robot) -> np.ndarray:
    """The middle of its workspace, on the table."""
    return np.add(robot.workspace_low_m, robot.workspace_high_m) / 2 * [1, 1, 0]


def stand_ball(model: mujoco.MjModel, place_m: np.ndarray, radius_m: float) -> None:
    """Stand the ball with its middle at ``place_m`` (3,)."""
    model.body_pos[model.body("ball").id] = place_m
    model.body_pos[model.body("foot").id] = [*place_m[:2], 0.002]
    model.geom_size[model.geom("ball").id, 0] = radius_m
