"""The pushing scene as a MuJoCo model: a walled table from above, a pusher, a block.

    model = build(SHAPES["T"]).compile()

The pusher slides in the plane under two velocity servos, which push with 25 N at most. The block slides and turns and
cannot tip: it rests on the table with its weight, and the table's dry friction holds it back. Frame: z up, origin in
the table's middle, metres.
"""

import mujoco

from rehearse.sim.push.shapes import Shape

TIMESTEP_S = 0.01
TABLE_HALF_M, WALL_HEIGHT_M, WALL_HALF_M = 0.26, 0.03, 0.012
PUSHER_RADIUS_M, BLOCK_HALF_HEIGHT_M = 0.02, 0.02
BLOCK_RGBA, PAINT_RGBA, GHOST_RGBA = "0.93 0.36 0.16 1", "0.50 0.12 0.42 1", (0.13, 0.7, 0.42, 0.45)

_WORLD = """
<mujoco model="push">
  <option timestep="{timestep}" integrator="implicitfast" cone="elliptic"/>
  <visual>
    <global offwidth="1280" offheight="960"/><map znear=".02"/>
    <quality shadowsize="2048" offsamples="4"/>
    <headlight ambient=".45 .45 .45" diffuse=".25 .25 .25" specular=".05 .05 .05"/>
  </visual>
  <default>
    <default class="wall"><geom type="box" rgba=".29 .33 .40 1" priority="1" friction=".2 .005 .0001"/></default>
  </default>
  <asset><texture type="skybox" builtin="flat" width="8" height="8" rgb1=".86 .88 .92"/></asset>
  <worldbody>
    <light name="key" pos="-.6 -.2 1.3" dir=".45 .15 -1" cutoff="55" exponent="1" diffuse=".5 .5 .48"
           specular=".15 .15 .15"/>
    <camera name="camera" pos="0 0 1.3" fovy="24.2"/>
    <camera name="film" pos="0 -.6 .72" xyaxes="1 0 0 0 .777 .629" fovy="37"/>
    <geom name="table" type="box" size="2 2 .02" pos="0 0 -.02" rgba=".86 .83 .77 1" friction=".01 .005 .0001"/>
    <geom class="wall" size="{long} {thin} {tall}" pos="0 {edge} {tall}"/>
    <geom class="wall" size="{long} {thin} {tall}" pos="0 -{edge} {tall}"/>
    <geom class="wall" size="{thin} {half} {tall}" pos="{edge} 0 {tall}"/>
    <geom class="wall" size="{thin} {half} {tall}" pos="-{edge} 0 {tall}"/>
    <body name="pusher" pos="0 0 .028">
      <joint name="pusher_x" type="slide" axis="1 0 0"/><joint name="pusher_y" type="slide" axis="0 1 0"/>
      <geom name="pusher" type="cylinder" size="{radius} .025" mass=".5" rgba=".16 .33 .86 1" priority="1"
            friction=".3 .005 .0001"/>
    </body>
    <body name="block" pos="0 0 {rest}">
      <joint name="block_x" type="slide" axis="1 0 0"/><joint name="block_y" type="slide" axis="0 1 0"/>
      <joint name="block_z" type="slide" axis="0 0 1"/><joint name="block_yaw" type="hinge" axis="0 0 1"/>
      {boxes}
    </body>
  </worldbody>
  <actuator>
    <velocity joint="pusher_x" kv="100"/>
    <velocity joint="pusher_y" kv="100"/>
  </actuator>
</mujoco>
"""


def build(shape: Shape) -> mujoco.MjSpec:
    """The whole scene as an MjSpec. The block's geoms are named ``block_0``, ``block_1``, ..."""
    boxes = "".join(
        f'<geom name="block_{i}" type="box" size="{half_x} {half_y} {BLOCK_HALF_HEIGHT_M}" pos="{x} {y} 0" '
        f'density="1000" rgba="{BLOCK_RGBA}"/>'
        for i, (x, y, half_x, half_y) in enumerate(shape.boxes)
    )
    x, y, half_x, half_y = shape.painted
    paint = (
        f'<geom type="box" size="{half_x} {half_y} .0005" pos="{x} {y} {BLOCK_HALF_HEIGHT_M}" rgba="{PAINT_RGBA}" '
        'contype="0" conaffinity="0" mass="0"/>'
    )
    return mujoco.MjSpec.from_string(
        _WORLD.format(
            timestep=TIMESTEP_S,
            half=TABLE_HALF_M,
            edge=TABLE_HALF_M + WALL_HALF_M,
            long=TABLE_HALF_M + 2 * WALL_HALF_M,
            thin=WALL_HALF_M,
            tall=WALL_HEIGHT_M / 2,
            radius=PUSHER_RADIUS_M,
            rest=BLOCK_HALF_HEIGHT_M,
            boxes=boxes + paint,
        )
    )
