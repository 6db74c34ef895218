"""The two rooms as a MuJoCo model: four walls, a divider in two parts that leave a door between them, a ball.

    model = build().compile(); place_divider(model, wall_x_m=0.05, door_y_m=-0.1, door_half_m=0.05)

The ball slides in the plane under two velocity servos. Frame: z up, origin in the middle of the floor, metres.
"""

import mujoco
import numpy as np

TIMESTEP_S = 0.01
FLOOR_HALF_M, WALL_HEIGHT_M, WALL_HALF_M = 0.30, 0.05, 0.012
BALL_RADIUS_M = 0.026
FORCE_LIMIT_N = 8.0
GHOST_RGBA = (0.13, 0.7, 0.42, 0.55)

_WORLD = """
<mujoco model="two_room">
  <option timestep="{timestep}" integrator="implicitfast" cone="elliptic"/>
  <visual>
    <global offwidth="1280" offheight="960"/><map znear=".02"/>
    <quality shadowsize="2048" offsamples="4"/>
    <headlight ambient=".45 .45 .45" diffuse=".25 .25 .25" specular=".05 .05 .05"/>
  </visual>
  <default>
    <default class="wall"><geom type="box" rgba=".22 .30 .42 1" priority="1" friction=".2 .005 .0001"/></default>
    <default class="divider"><geom type="box" rgba=".15 .52 .53 1" priority="1" friction=".2 .005 .0001"/></default>
  </default>
  <worldbody>
    <light name="key" pos="-.6 -.2 1.3" dir=".45 .15 -1" cutoff="55" exponent="1" diffuse=".5 .5 .48"
           specular=".15 .15 .15"/>
    <camera name="camera" pos="0 0 1.5" fovy="24.2"/>
    <camera name="film" pos="0 -.62 .86" xyaxes="1 0 0 0 .811 .585" fovy="37"/>
    <geom name="floor" type="plane" size="2 2 .1" rgba=".77 .79 .81 1" contype="0" conaffinity="0"/>
    <geom class="wall" name="north" size="{long} {thin} {tall}" pos="0 {edge} {tall}"/>
    <geom class="wall" name="south" size="{long} {thin} {tall}" pos="0 -{edge} {tall}"/>
    <geom class="wall" name="east" size="{thin} {half} {tall}" pos="{edge} 0 {tall}"/>
    <geom class="wall" name="west" size="{thin} {half} {tall}" pos="-{edge} 0 {tall}"/>
    <!-- Not at the origin, or the compiler would note that their places need not be looked up. -->
    <geom class="divider" name="divider_south" size="{thin} .1 {tall}" pos="0 -.1 {tall}"/>
    <geom class="divider" name="divider_north" size="{thin} .1 {tall}" pos="0 .1 {tall}"/>
    <body name="ball" pos="0 0 {radius}">
      <joint name="ball_x" type="slide" axis="1 0 0"/><joint name="ball_y" type="slide" axis="0 1 0"/>
      <geom name="ball" type="sphere" size="{radius}" mass=".3" rgba=".92 .22 .30 1"/>
    </body>
  </worldbody>
  <actuator>
    <velocity joint="ball_x" kv="30" forcerange="-{force} {force}"/>
    <velocity joint="ball_y" kv="30" forcerange="-{force} {force}"/>
  </actuator>
</mujoco>
"""


def build() -> mujoco.MjSpec:
    """The whole scene as an MjSpec; the divider is not placed yet."""
    spec = mujoco.MjSpec.from_string(
        _WORLD.format(
            timestep=TIMESTEP_S,
            half=FLOOR_HALF_M,
            edge=FLOOR_HALF_M + WALL_HALF_M,
            long=FLOOR_HALF_M + 2 * WALL_HALF_M,
            thin=WALL_HALF_M,
            tall=WALL_HEIGHT_M / 2,
            radius=BALL_RADIUS_M,
            force=FORCE_LIMIT_N,
        )
    )
    # The bounding volumes of this phase are computed at compile time; a divider that is placed later has left them.
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE
    return spec


def place_divider(model: mujoco.MjModel, wall_x_m: float, door_y_m: float, door_half_m: float) -> None:
    """Stand the two parts of the divider at ``wall_x_m``, from the walls to the edges of the door."""
    for name, low, high in (
        ("divider_south", -FLOOR_HALF_M, door_y_m - door_half_m),
        ("divider_north", door_y_m + door_half_m, FLOOR_HALF_M),
    ):
        geom = model.geom(name).id
        size = np.array([WALL_HALF_M, (high - low) / 2, WALL_HEIGHT_M / 2])
        model.geom_pos[geom] = wall_x_m, (low + high) / 2, WALL_HEIGHT_M / 2
        model.geom_size[geom] = size
        # Collisions are looked for within these, which the compiler derives from the size.
        model.geom_rbound[geom] = np.linalg.norm(size)
        model.geom_aabb[geom] = [0, 0, 0, *size]
