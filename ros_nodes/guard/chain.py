"""Where the tool is: forward kinematics of a URDF's chain of joints.

    chain = Chain.of(urdf_text, tip="tool0", joints=("joint1", ...)); points_m = chain.forward(q_rad)  # (m,J) -> (m,3)

Reads from a robot_description no more than <joint>: type, parent, child, origin, axis. Metres and radians, frame of the
root link. Joints on the way that are not among ``joints`` must be fixed.
"""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np

from rehearse.errors import ConfigError


@dataclass(frozen=True)
class Link:
    """One joint of the chain: its frame in its parent's (3,3), (3,), its axis (3,), and which of the J moves it."""

    rotation: np.ndarray
    offset_m: np.ndarray
    axis: np.ndarray
    joint: int | None


class Chain:
    """The joints from the root of a URDF to its tip."""

    def __init__(self, links: list[Link]) -> None:
        self.links = links

    @classmethod
    def of(cls, urdf: str, tip: str, joints: tuple[str, ...]) -> "Chain":
        """Raises ConfigError where the text is no URDF, the tip is unknown, or a joint is not on the way to it."""
        try:
            above = {
                element.find("child").get("link"): element for element in ElementTree.fromstring(urdf).iter("joint")
            }
        except (ElementTree.ParseError, AttributeError) as error:
            raise ConfigError(f"the robot description is no URDF with joints ({error})") from error
        if tip not in above:
            raise ConfigError(f"the robot description has no link {tip!r} at the end of a joint")
        links, found, link = [], set(), tip
        while link in above:
            element = above[link]
            name, kind = element.get("name"), element.get("type")
            if kind not in ("revolute", "continuous", "fixed") or (kind == "fixed") == (name in joints):
                raise ConfigError(
                    f"joint {name!r} on the way to {tip!r} is {kind}; expected those of {list(joints)} to turn"
                )
            found.add(name)
            links.append(_link(element, joints.index(name) if name in joints else None))
            link = element.find("parent").get("link")
        if missing := [name for name in joints if name not in found]:
            raise ConfigError(f"joints {missing} are not on the way to {tip!r} in the robot description")
        return cls(links[::-1])

    def forward(self, q_rad: np.ndarray) -> np.ndarray:
        """Joint angles (m,J) -> the tip's origin (m,3)."""
        rotation, point = np.broadcast_to(np.eye(3), (len(q_rad), 3, 3)), np.zeros((len(q_rad), 3))
        for link in self.links:
            point = point + rotation @ link.offset_m
            rotation = rotation @ link.rotation
            if link.joint is not None:
                rotation = rotation @ turned(link.axis, q_rad[:, link.joint])
        return point


def turned(axis: np.ndarray, angle_rad: np.ndarray) -> np.ndarray:
    """Rotations (m,3,3) by the angles (m,) about a unit axis (3,), after Rodrigues."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    sine, cosine = np.sin(angle_rad)[:, None, None], np.cos(angle_rad)[:, None, None]
    return np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)


def _link(element: ElementTree.Element, joint: int | None) -> Link:
    origin, axis = element.find("origin"), element.find("axis")
    named = element.get("name")
    roll, pitch, yaw = _three(named, origin, "rpy", "0 0 0")
    x, y, z = np.eye(3)
    turn = lambda about, angle: turned(about, np.array([angle]))[0]  # noqa: E731
    direction = _three(named, axis, "xyz", "1 0 0")
    if not (length := np.linalg.norm(direction)) > 0:
        raise ConfigError(f"joint {named!r} in the robot description has an axis of no length")
    return Link(
        rotation=turn(z, yaw) @ turn(y, pitch) @ turn(x, roll),
        offset_m=_three(named, origin, "xyz", "0 0 0"),
        axis=direction / length,
        joint=joint,
    )


def _three(joint: str, part: ElementTree.Element | None, name: str, default: str) -> np.ndarray:
    """The three numbers of an origin or an axis; ConfigError where they are none."""
    said = default if part is None else part.get(name, default)
    try:
        numbers = np.array([float(word) for word in said.split()])
    except ValueError:
        numbers = np.zeros(0)
    if len(numbers) != 3 or not np.isfinite(numbers).all():
        raise ConfigError(
            f"joint {joint!r} in the robot description has {name} {said!r:.60}; expected 3 finite numbers"
        )
    return numbers
