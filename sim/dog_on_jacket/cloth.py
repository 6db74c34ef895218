"""The cloth jacket: a coarse flex T-shirt of 50 vertices, the held-out reality beside the scene's plates.

    xml = cloth_jacket(0.42, 0.46, 0.6); place_cloth(model, data, xy_m=(0.15, 0.0), yaw_rad=0.3)

A body of 6 x 7 vertices and two sleeves of 2 x 2, every edge held at its length by an equality constraint and
without bending stiffness. Vertices move on slide joints along the world's axes, so the jacket has no pose of
its own: placing it turns and shifts its rest shape. Reference: MuJoCo documentation, "Deformable objects".
"""

import mujoco
import numpy as np

NAME = "jacket"
ALONG, ACROSS = 6, 7  # vertices of the body, near edge first
BODY_VERTICES = ALONG * ACROSS
RADIUS_M = 0.002
# MuJoCo softens a contact by the weight of what it touches, and a vertex weighs 12 g: under the dog's own
# softness (priority 2) it sinks through to the floor and no tug reaches it. With these the cloth bears it.
CONTACT_SOLREF, CONTACT_SOLIMP = ".05 1", ".975 .995 .012"
SLEEVE_REACH = 0.30  # length of a sleeve over the width of the body
TAB_VERTICES = {"tab_left": ACROSS - 2, "tab_middle": ACROSS // 2, "tab_right": 1}


def _shirt(length_m: float, width_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (50, 3), body first and row by row from the near edge, and triangles (68, 3)."""
    x, y = np.linspace(-length_m / 2, length_m / 2, ALONG), np.linspace(-width_m / 2, width_m / 2, ACROSS)
    points = [(px, py) for px in x for py in y]
    quads = [
        (i * ACROSS + j, (i + 1) * ACROSS + j, (i + 1) * ACROSS + j + 1, i * ACROSS + j + 1)
        for i in range(ALONG - 1)
        for j in range(ACROSS - 1)
    ]
    for side, column in ((1, ACROSS - 1), (-1, 0)):  # each sleeve grows from the edge between rows 1 and 2
        inner = (ACROSS + column, 2 * ACROSS + column)
        for step in (1, 2):
            outer = (len(points), len(points) + 1)
            reach = side * width_m * (0.5 + SLEEVE_REACH * step / 2)
            points += [(x[1], reach), (x[2], reach)]
            quad = (inner[0], inner[1], outer[1], outer[0])
            quads.append(quad if side > 0 else quad[::-1])
            inner = outer
    triangles = [half for a, b, c, d in quads for half in ((a, b, c), (a, c, d))]
    return np.column_stack([points, np.zeros(len(points))]), np.array(triangles)


def cloth_jacket(length_m: float, width_m: float, mass_kg: float) -> str:
    """MJCF of the cloth; its vertices become the bodies ``jacket_0`` .. ``jacket_49``."""
    points, triangles = _shirt(length_m, width_m)
    return f"""
    <flexcomp name="{NAME}" type="direct" dim="2" mass="{mass_kg}" radius="{RADIUS_M}" rgba=".12 .28 .6 1"
              point="{" ".join(f"{value:.5f}" for value in points.ravel())}"
              element="{" ".join(map(str, triangles.ravel()))}">
      <edge equality="true" solref=".008 1"/>
      <contact contype="1" conaffinity="2" condim="3" priority="3" friction=".5 .01 .001" selfcollide="none"
               solref="{CONTACT_SOLREF}" solimp="{CONTACT_SOLIMP}"/>
    </flexcomp>"""


def cloth_tabs() -> dict[str, tuple[str, tuple[float, float, float]]]:
    """Tab name -> the vertex body that carries it, and where on it."""
    return {tab: (f"{NAME}_{vertex}", (0.0, 0.0, 0.0)) for tab, vertex in TAB_VERTICES.items()}


def place_cloth(model: mujoco.MjModel, data: mujoco.MjData, xy_m: tuple[float, float], yaw_rad: float) -> None:
    """Lay the flat shirt on the floor with its middle at ``xy_m`` (2,), turned by ``yaw_rad``."""
    bodies = model.flex_vertbodyid[: model.flex_vertnum[0]]
    rest = model.body_pos[bodies]
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    turned = rest @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    joints = model.body_jntadr[bodies]
    for axis, shift in enumerate((*xy_m, RADIUS_M + 0.001)):
        data.qpos[model.jnt_qposadr[joints + axis]] = turned[:, axis] - rest[:, axis] + shift
