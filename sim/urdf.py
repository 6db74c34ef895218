"""A robot's chain as URDF, as far as a guard needs it: where the joints are, how they turn, where the tool is.

    text = urdf(ROBOTS["so101"])

Root link ``world``, the frame of our scenes; the tool, link ``tool0``, is the ``grip`` site between the fingertips.
Metres, radians.
"""

import mujoco
import numpy as np

from rehearse.errors import ConfigError
from rehearse.sim.robots import Robot


def urdf(robot: Robot) -> str:
    """The text; ConfigError for a joint that is no hinge or lies beside its body's origin."""
    model = robot.spec().compile()
    rows = [_fixed("base", "world", "base_link", robot.base_m, (0.0, 0.0, robot.facing_rad))]
    parent, joints = "base_link", iter(zip(robot.joints, _limits(robot), strict=True))
    for body in _chain(model, robot)[1:]:
        origin = _origin(model.body_pos[body], _rpy(model.body_quat[body]))
        first, count = model.body_jntadr[body], model.body_jntnum[body]
        if count == 0:
            rows.append(_joint(f"{parent}_fixed", "fixed", parent, model.body(body).name, origin))
        else:
            name, limits = next(joints)
            hinge = model.jnt_type[first] == mujoco.mjtJoint.mjJNT_HINGE
            if count > 1 or not hinge or model.jnt_pos[first].any() or model.joint(first).name != name:
                raise ConfigError(f"robot {robot.name}: {model.joint(first).name} is no hinge in its body's origin")
            inner = f'{origin}<axis xyz="{_numbers(model.jnt_axis[first])}"/>\n    {limits}'
            rows.append(_joint(name, "revolute", parent, model.body(body).name, inner))
        parent = model.body(body).name
    site = model.site("grip")
    rows.append(_fixed("tool", parent, "tool0", site.pos, _rpy(site.quat)))
    links = '  <link name="world"/>\n'
    head = f'<?xml version="1.0"?>\n<!-- Written by docs/make_robots.py -->\n<robot name="{robot.name}">\n'
    return f"{head}{links}{''.join(rows)}</robot>\n"


def _chain(model: mujoco.MjModel, robot: Robot) -> list[int]:
    """Bodies from ``base`` to the one that carries ``grip``."""
    body, chain = int(model.site_bodyid[model.site("grip").id]), []
    while body:
        chain.append(body)
        body = int(model.body_parentid[body])
    if model.body(chain[-1]).name != "base" or model.body_pos[chain[-1]].any():
        raise ConfigError(f"robot {robot.name}: its body 'base' does not stand in the origin")
    return chain[::-1]


def _limits(robot: Robot) -> list[str]:
    ranges = zip(robot.position_low_rad, robot.position_high_rad, robot.velocity_radps, robot.torque_nm, strict=True)
    return [f'<limit lower="{a:g}" upper="{b:g}" velocity="{v:g}" effort="{t:g}"/>' for a, b, v, t in ranges]


def _joint(name: str, kind: str, parent: str, child: str, inner: str) -> str:
    between = f'<parent link="{parent}"/><child link="{child}"/>{inner}'
    return f'  <joint name="{name}" type="{kind}">\n    {between}\n  </joint>\n  <link name="{child}"/>\n'


def _fixed(name: str, parent: str, child: str, xyz_m: np.ndarray, rpy_rad: np.ndarray) -> str:
    return _joint(name, "fixed", parent, child, _origin(xyz_m, rpy_rad))


def _origin(xyz_m: np.ndarray, rpy_rad: np.ndarray) -> str:
    turned = f' rpy="{_numbers(rpy_rad)}"' if np.abs(rpy_rad).max() > 1e-12 else ""
    return f'<origin xyz="{_numbers(xyz_m)}"{turned}/>'


def _rpy(quat: np.ndarray) -> np.ndarray:
    """Roll, pitch, yaw about fixed axes, of MuJoCo's (w, x, y, z); no roll where pitch is a right angle."""
    turn = np.empty(9)
    mujoco.mju_quat2Mat(turn, quat / np.linalg.norm(quat))
    turn = turn.reshape(3, 3)
    pitch = np.arctan2(-turn[2, 0], np.hypot(turn[2, 1], turn[2, 2]))
    if np.hypot(turn[2, 1], turn[2, 2]) < 1e-9:
        return np.array([0.0, pitch, np.arctan2(-turn[0, 1], turn[1, 1])])
    return np.array([np.arctan2(turn[2, 1], turn[2, 2]), pitch, np.arctan2(turn[1, 0], turn[0, 0])])


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{round(float(value), 12) + 0.0:.12g}" for value in values)
