"""The scene of the drawer as a MuJoCo model: a small cabinet on soft feet, its drawer with a knob, a glass on top.

    spec = build()      # the arm is added by rehearse.sim.grip_world

Frame: z up, x to the robot's right, y away from it, metres. The drawer opens along x. The cabinet has rubber feet,
which give way along x under whatever pulls or pushes at the drawer, and swing back; springs carry its weight. Of the
colours, green is the goal's alone.
"""

import mujoco

from rehearse.sim.arm_scene import LIGHT, LOOKS

TIMESTEP_S = 0.005
CABINET_HALF_M = (0.07, 0.09, 0.07)
TRAVEL_M = 0.16  # from shut to the end stop
SWAY_M = 0.03  # of the cabinet on its feet
FRONT_HALF_M, FRONT_AT_M = (0.006, 0.08, 0.045), 0.076  # along x from the cabinet's middle, shut
KNOB_AT_M, KNOB_Z_M = FRONT_AT_M + 0.046, 0.07  # of the knob's middle, likewise, and above the table
KNOB_HALF_HEIGHT_M = 0.02
GHOST_RGBA = (0.13, 0.7, 0.42, 0.55)

_WORLD = """
<mujoco model="drawer">
  <option timestep="{timestep}" integrator="implicitfast" cone="elliptic" impratio="10"/>
  {looks}
  <worldbody>
    {light}
    <camera name="camera" pos="-.28 .62 .55" xyaxes="-1 0 0 0 -.58 .81" fovy="43"/>
    <camera name="film" pos=".30 .64 .50" xyaxes="-.77 .64 0 -.30 -.36 .88" fovy="43"/>
    <geom name="table" type="box" size=".62 .6 .02" pos="-.2 -.02 -.02" material="table" contype="2" conaffinity="1"/>
    <body name="cabinet" gravcomp="1">
      <joint name="sway" type="slide" axis="1 0 0" range="-{sway} {sway}" stiffness="{stiffness}" damping="{damping}"/>
      <geom name="cabinet" type="box" size="{half[0]} {half[1]} {half[2]}" pos="0 0 {half[2]}" mass="2"
            rgba=".46 .33 .24 1" contype="2" conaffinity="1"/>
      <body name="drawer" gravcomp="1">
        <joint name="drawer" type="slide" axis="1 0 0" range="0 {travel}" solreflimit=".03 1"
               solimplimit=".8 .95 .01"/>
        <geom name="front" type="box" size="{front[0]} {front[1]} {front[2]}" pos="{front_at} 0 {half[2]}"
              rgba=".86 .72 .52 1" contype="2" conaffinity="1" mass=".3"/>
        <geom name="bottom" type="box" size=".07 .072 .003" pos="0 0 .033" rgba=".93 .86 .74 1" contype="2"
              conaffinity="1" mass=".1"/>
        <geom name="side_near" type="box" size=".07 .003 .03" pos="0 .072 .066" rgba=".78 .64 .46 1" contype="2"
              conaffinity="1" mass=".05"/>
        <geom name="side_far" type="box" size=".07 .003 .03" pos="0 -.072 .066" rgba=".78 .64 .46 1" contype="2"
              conaffinity="1" mass=".05"/>
        <geom name="stem" type="box" size=".022 .004 .005" pos="{stem_at} 0 .055" rgba=".2 .2 .23 1" contype="2"
              conaffinity="1" mass=".02"/>
        <geom name="knob" type="box" size=".008 .01 {knob}" pos="{knob_at} 0 {knob_z}" rgba=".85 .2 .16 1" contype="2"
              conaffinity="1" mass=".05"/>
      </body>
    </body>
    <body name="glass" pos="0 0 1">
      <freejoint name="glass"/>
      <geom name="glass" type="box" size=".015 .015 .065" mass=".15" group="3" contype="3" conaffinity="7"
            friction=".6 .005 .0001"/>
      <geom name="glass_seen" type="cylinder" size=".015 .065" rgba=".80 .92 1 .75" contype="0" conaffinity="0"
            mass="0"/>
    </body>
  </worldbody>
</mujoco>
"""


def build() -> mujoco.MjSpec:
    """The scene without its arm, as an MjSpec."""
    return mujoco.MjSpec.from_string(
        _WORLD.format(
            looks=LOOKS,
            light=LIGHT,
            timestep=TIMESTEP_S,
            half=CABINET_HALF_M,
            travel=TRAVEL_M,
            front=FRONT_HALF_M,
            front_at=FRONT_AT_M,
            stem_at=FRONT_AT_M + 0.024,
            knob=KNOB_HALF_HEIGHT_M,
            knob_at=KNOB_AT_M,
            knob_z=KNOB_Z_M,
            sway=SWAY_M,
            stiffness=1500,
            damping=8,
        )
    )
