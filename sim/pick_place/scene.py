"""The scene of picking and placing as a MuJoCo model: a table, a shelf on it, a block.

    spec = build()      # the arm is added by rehearse.sim.grip_world

Frame: z up, x to the robot's right, y away from it, metres. Of the colours, green is the goal's alone.
"""

import mujoco

from rehearse.sim.arm_scene import LIGHT, LOOKS

TIMESTEP_S = 0.005
SHELF_HALF_M, SHELF_AT_M = (0.085, 0.11, 0.025), (-0.44, 0.02)
SHELF_TOP_M = 2 * SHELF_HALF_M[2]
GHOST_RGBA = (0.13, 0.7, 0.42, 0.55)

_WORLD = """
<mujoco model="pick_place">
  <option timestep="{timestep}" integrator="implicitfast" cone="elliptic" impratio="10"/>
  {looks}
  <worldbody>
    {light}
    <camera name="camera" pos="-.19 .66 .60" xyaxes="-1 0 0 0 -.68 .73" fovy="46"/>
    <camera name="film" pos=".42 .68 .56" xyaxes="-.77 .64 0 -.33 -.40 .85" fovy="43"/>
    <geom name="table" type="box" size=".62 .6 .02" pos="-.2 -.02 -.02" material="table" contype="2" conaffinity="1"
          friction=".01 .005 .0001"/>
    <geom name="shelf" type="box" size="{shelf[0]} {shelf[1]} {shelf[2]}" pos="{at[0]} {at[1]} {shelf[2]}"
          rgba=".52 .44 .36 1" contype="2" conaffinity="1" friction=".01 .005 .0001"/>
    <body name="block" pos="0 0 .02">
      <freejoint name="block"/>
      <geom name="block" type="box" size=".02 .02 .02" mass=".1" rgba=".9 .2 .2 1" contype="3" conaffinity="7"
            condim="4"/>
    </body>
  </worldbody>
</mujoco>
"""


def build() -> mujoco.MjSpec:
    """The scene without its arm, as an MjSpec."""
    known = {"looks": LOOKS, "light": LIGHT, "timestep": TIMESTEP_S, "shelf": SHELF_HALF_M, "at": SHELF_AT_M}
    return mujoco.MjSpec.from_string(_WORLD.format(**known))
