"""What the scenes with an arm at a table have in common: how they look, and their light. XML, for MuJoCo.

spec = mujoco.MjSpec.from_string(_WORLD.format(looks=LOOKS, light=LIGHT))
"""

LOOKS = """
  <visual>
    <global offwidth="1280" offheight="960"/><map znear=".02"/>
    <quality shadowsize="2048" offsamples="4"/>
    <headlight ambient=".42 .42 .42" diffuse=".3 .3 .3" specular=".1 .1 .1"/>
  </visual>
  <asset>
    <texture name="table" type="2d" builtin="checker" width="256" height="256" rgb1=".80 .77 .72" rgb2=".77 .74 .69"/>
    <material name="table" texture="table" texrepeat="5 5" texuniform="false" specular=".1" shininess=".1"/>
    <texture type="skybox" builtin="gradient" width="64" height="64" rgb1=".62 .68 .76" rgb2=".36 .41 .48"/>
  </asset>
"""

LIGHT = """
    <light name="key" pos="-.6 -.2 1.5" dir=".25 .1 -1" cutoff="45" exponent="1" diffuse=".55 .55 .53"
           specular=".2 .2 .2"/>
"""
