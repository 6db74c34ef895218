"""Where the guard believes the tool to be."""

import re

import numpy as np
import pytest

from rehearse.errors import ConfigError
from rehearse.ros_nodes.guard import Chain
from rehearse.sim.arms import ARMS
from rehearse.sim.kinematics import ArmKinematics
from tests.house.tree import ROOT

URDF = (ROOT / "config" / "arm7.urdf").read_text()
JOINTS = ARMS["arm7"].joints


def test_the_urdf_and_the_simulated_arm_are_one_arm() -> None:
    arm = ArmKinematics(ARMS["arm7"])
    low, high = arm.within_limits(np.full(7, -9.0)), arm.within_limits(np.full(7, 9.0))
    q_rad = np.random.default_rng(0).uniform(low, high, (50, 7))
    np.testing.assert_allclose(
        Chain.of(URDF, "tool0", JOINTS).forward(q_rad), [arm.forward(q) for q in q_rad], atol=1e-9
    )


def test_origins_turn_and_axes_point_anywhere() -> None:
    """One joint that turns about -y, in a frame rolled, pitched and yawed: by hand, the tip ends at (1, 2, 3.5)."""
    urdf = """<robot name="r"><link name="a"/><link name="b"/><link name="tip"/>
      <joint name="j" type="continuous"><parent link="a"/><child link="b"/>
        <origin xyz="1 2 3" rpy="0 0 1.5707963267948966"/><axis xyz="0 -2 0"/></joint>
      <joint name="t" type="fixed"><parent link="b"/><child link="tip"/><origin xyz="0.5 0 0"/></joint></robot>"""
    tip = Chain.of(urdf, "tip", ("j",)).forward(np.array([[0.0], [np.pi / 2]]))
    np.testing.assert_allclose(tip, [[1, 2.5, 3], [1, 2, 3.5]], atol=1e-12)


@pytest.mark.parametrize(
    ("urdf", "tip", "joints", "said"),
    [
        ("no xml", "tool0", JOINTS, "is no URDF"),
        ("<robot><joint name='j'/></robot>", "tool0", JOINTS, "is no URDF"),
        (URDF, "tool1", JOINTS, "no link 'tool1'"),
        (URDF, "tool0", (*JOINTS, "joint8"), r"joints \['joint8'\] are not on the way"),
        (URDF, "tool0", JOINTS[1:], "joint 'joint1' on the way to 'tool0' is revolute"),
        (URDF.replace("revolute", "prismatic"), "tool0", JOINTS, "is prismatic"),
        *(
            (re.sub(rf'{name}="[^"]*"', f'{name}="{value}"', URDF, count=1), "tool0", JOINTS, said)
            for name, value, said in (
                ("axis xyz", "0 0 0", "joint 'joint1' in the robot description has an axis of no length"),
                ("axis xyz", "nan 0 1", "has xyz 'nan 0 1'; expected 3 finite numbers"),
                ("origin xyz", "0 0", "has xyz '0 0'; expected 3 finite numbers"),
                ("origin xyz", "0 0 up", "has xyz '0 0 up'"),
            )
        ),
    ],
)
def test_a_description_that_does_not_fit_says_so(urdf: str, tip: str, joints: tuple, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Chain.of(urdf, tip, joints)
