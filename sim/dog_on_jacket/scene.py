"""The dog-on-jacket scene as a MuJoCo model: rug, drop zone, arm, dog, and one of two jackets.

    spec = build("patch", ARMS["arm6"]); model = spec.compile()

"patch" is a jacket of rigid plates on hinges, "cloth" a flex T-shirt.

The plates are what planning and training use (stiff enough that a tug reaches the dog, and fast); the cloth is the
held-out reality. Both have the same size, weight and grasp tabs. The model is drawn from primitives: nothing is
downloaded. Frame: z up, x from the drop zone to the dog, metres.
"""

from pathlib import Path

import mujoco
import numpy as np

from rehearse.sim.arms import ARMS
from rehearse.sim.dog_on_jacket import cloth
from rehearse.sim.robots import Robot

DOG = Path(__file__).parent / "assets" / "dog.xml"
TIMESTEP_S = 0.005
JACKET_LENGTH_M, JACKET_WIDTH_M = 0.42, 0.46
JACKET_MASS_KG = 0.6
PLATE_HALF_THICKNESS_M = 0.002
DROP_ZONE_M, DROP_RADIUS_M = (-0.32, 0.0), 0.10
TABS = ("tab_left", "tab_middle", "tab_right")
ROWS = 5

_WORLD = """
<mujoco model="dog_on_jacket">
  <option timestep="{timestep}" integrator="implicitfast" cone="pyramidal"/>
  <visual>
    <global offwidth="1280" offheight="960"/><map znear=".02"/>
    <quality shadowsize="2048" offsamples="4"/>
    <headlight ambient=".38 .38 .38" diffuse=".3 .3 .3" specular=".1 .1 .1"/>
  </visual>
  <default><geom solref=".01 1"/></default>
  <asset>
    <texture name="rug" type="2d" builtin="checker" width="256" height="256" rgb1=".72 .66 .56" rgb2=".68 .61 .51"/>
    <material name="rug" texture="rug" texrepeat="8 8" specular=".1" shininess=".1"/>
    <texture type="skybox" builtin="gradient" width="64" height="64" rgb1=".86 .88 .92" rgb2=".6 .63 .68"/>
  </asset>
  <worldbody>
    <light name="key" pos="-.1 -.5 1.7" dir=".05 .3 -1" diffuse=".6 .6 .58" castshadow="true"/>
    <camera name="front" pos=".05 1.0 .94" xyaxes="-1 0 0 0 -.68 .73" fovy="47"/>
    <camera name="wide" pos="-.95 .95 .8" xyaxes="-.66 -.75 0 .36 -.32 .88" fovy="42"/>
    <camera name="wide_far" pos="-.95 -.95 .8" xyaxes=".66 -.75 0 .36 .32 .88" fovy="42"/>
    <camera name="top" pos="-.05 0 1.35" xyaxes="1 0 0 0 1 0" fovy="46"/>
    <geom name="floor" type="plane" size="1.6 1.6 .1" material="rug" contype="2" conaffinity="3"
          friction=".9 .01 .001"/>
    <geom name="drop_zone" type="cylinder" size="{radius} .0005" pos="{zone[0]} {zone[1]} .0005" rgba=".35 .62 .42 1"
          contype="0" conaffinity="0"/>
    {jacket}
  </worldbody>
</mujoco>
"""


def _plate(name: str, pos: str, half: tuple[float, float], mass: float, rgba: str, inner: str) -> str:
    return (
        f'<body name="{name}" pos="{pos}">{{joint}}<geom name="{name}" type="box" '
        f'size="{half[0] * 0.97:.4f} {half[1] * 0.97:.4f} {PLATE_HALF_THICKNESS_M}" mass="{mass:.4f}" rgba="{rgba}" '
        f'contype="1" conaffinity="2" condim="3" priority="1" friction=".5 .01 .001" solref=".02 1"/>{inner}</body>'
    )


def _hinge(axis: str, pos: str) -> str:
    return f'<joint type="hinge" axis="{axis}" pos="{pos}" stiffness=".02" damping=".01" armature=".0005"/>'


def patch_jacket() -> str:
    """MJCF of the plate jacket: a spine of five rows hinged across, a flap on each side of each row, two sleeves.

    The root (free joint ``jacket``) is the middle row, so that its pose is the jacket's centre.
    """
    length, width = JACKET_LENGTH_M / ROWS, JACKET_WIDTH_M / 3
    mass = JACKET_MASS_KG / (ROWS * 3 + 1)

    def flap(row: int, side: int) -> str:
        tag, edge = "left" if side > 0 else "right", f"0 {-side * width / 2:.4f} 0"
        sleeve = ""
        if row == 1:
            sleeve = _plate(
                f"sleeve_{tag}",
                f"0 {side * width * 0.96:.4f} 0",
                (length / 2, width * 0.46),
                mass / 2,
                ".08 .18 .45 1",
                "",
            ).format(joint=_hinge("1 0 0", f"0 {-side * width * 0.46:.4f} 0"))
        colour = f".10 {0.2 + 0.03 * row:.2f} .55 1"
        plate = _plate(f"flap_{row}_{tag}", f"0 {side * width:.4f} 0", (length / 2, width / 2), mass, colour, sleeve)
        return plate.format(joint=_hinge("1 0 0", edge))

    def row(index: int, step: int, inner: str, joint: str) -> str:
        colour = f".13 {0.22 + 0.03 * index:.2f} .62 1"
        plates = flap(index, 1) + flap(index, -1) + inner
        pos = "0 0 0" if step == 0 else f"{step * length:.4f} 0 0"
        return _plate(f"spine_{index}", pos, (length / 2, width / 2), mass, colour, plates).format(joint=joint)

    middle, near, far = ROWS // 2, "", ""
    for index in range(0, middle):
        near = row(index, -1, near, _hinge("0 1 0", f"{length / 2:.4f} 0 0"))
    for index in range(ROWS - 1, middle, -1):
        far = row(index, 1, far, _hinge("0 1 0", f"{-length / 2:.4f} 0 0"))
    body = row(middle, 0, near + far, '<freejoint name="jacket"/>')
    return body


def patch_tabs() -> dict[str, tuple[str, tuple[float, float, float]]]:
    """Tab name -> the plate that carries it, and where on it."""
    edge, side = -JACKET_LENGTH_M / ROWS / 2 + 0.008, JACKET_WIDTH_M / 12
    return {
        "tab_left": ("flap_0_left", (edge, side, 0.0)),
        "tab_middle": ("spine_0", (edge, 0.0, 0.0)),
        "tab_right": ("flap_0_right", (edge, -side, 0.0)),
    }


def place_patch(model: mujoco.MjModel, data: mujoco.MjData, xy_m: tuple[float, float], yaw_rad: float) -> None:
    """Lay the plates on the floor with their middle at ``xy_m`` (2,), turned by ``yaw_rad``."""
    data.joint("jacket").qpos[:] = [*xy_m, 0.003, np.cos(yaw_rad / 2), 0, 0, np.sin(yaw_rad / 2)]


def place_jacket(model: mujoco.MjModel, data: mujoco.MjData, xy_m: tuple[float, float], yaw_rad: float) -> None:
    """Lay whichever jacket the model holds flat on the floor with its middle at ``xy_m`` (2,)."""
    (cloth.place_cloth if model.nflex else place_patch)(model, data, xy_m, yaw_rad)


def jacket_bodies(model: mujoco.MjModel) -> np.ndarray:
    """Ids of the bodies whose mean is the jacket's middle: plates or vertices, without the sleeves."""
    if model.nflex:
        return model.flex_vertbodyid[: cloth.BODY_VERTICES].copy()
    return np.array([i for i in range(model.nbody) if model.body(i).name.split("_")[0] in ("spine", "flap")])


def _add_tabs(spec: mujoco.MjSpec, places: dict[str, tuple[str, tuple[float, float, float]]]) -> None:
    """Three places on the near edge that the gripper can hold, each with a point grasp that is switched on and off."""
    for tab, (body, pos) in places.items():
        spec.body(body).add_site(name=tab, pos=list(pos), size=[0.005] * 3, rgba=[0, 0, 0, 0])
        grasp = spec.add_equality(
            name=f"grasp_{tab}",
            type=mujoco.mjtEq.mjEQ_CONNECT,
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            name1="arm/grip",
            name2=tab,
            active=False,
        )
        grasp.solref = [0.02, 1]


def _add_sensors(spec: mujoco.MjSpec) -> None:
    sensor, obj = mujoco.mjtSensor, mujoco.mjtObj
    for name, kind, objtype, target in (
        ("dog_position", sensor.mjSENS_FRAMEPOS, obj.mjOBJ_BODY, "dog/torso"),
        ("dog_velocity", sensor.mjSENS_FRAMELINVEL, obj.mjOBJ_BODY, "dog/torso"),
        ("dog_gyro", sensor.mjSENS_GYRO, obj.mjOBJ_SITE, "dog/imu"),
        ("wrist_force", sensor.mjSENS_FORCE, obj.mjOBJ_SITE, "arm/wrist"),
        ("grip_position", sensor.mjSENS_FRAMEPOS, obj.mjOBJ_SITE, "arm/grip"),
    ):
        spec.add_sensor(name=name, type=kind, objtype=objtype, objname=target)


def build(jacket: str = "patch", arm: Robot = ARMS["arm7"]) -> mujoco.MjSpec:
    """The whole scene as an MjSpec; ``jacket`` is ``patch`` or ``cloth``."""
    if jacket == "cloth":
        body, tabs = cloth.cloth_jacket(JACKET_LENGTH_M, JACKET_WIDTH_M, JACKET_MASS_KG), cloth.cloth_tabs()
    else:
        body, tabs = patch_jacket(), patch_tabs()
    spec = mujoco.MjSpec.from_string(
        _WORLD.format(timestep=TIMESTEP_S, radius=DROP_RADIUS_M, zone=DROP_ZONE_M, jacket=body)
    )
    arm.stand(spec)
    spec.attach(mujoco.MjSpec.from_file(str(DOG)), frame=spec.worldbody.add_frame(), prefix="dog/")
    _add_tabs(spec, tabs)
    _add_sensors(spec)
    return spec
