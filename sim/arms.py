"""The arms that can fetch the jacket: where each one stands, how it begins, what its gripper is told.

    arm = ARMS["arm6"]; World(arm=arm)

An arm is an MJCF file under ``assets`` with a body ``base``, one position actuator for every joint of ``joints`` and
then one for every finger, and two sites on its hand: ``wrist``, where force is felt, and ``grip``, which holds the tab
and whose z axis points out of the hand. All arms obey the same action, the gripper's velocity, and their hands begin
turned alike, so that proprioception means the same on each. Metres and radians.
"""

from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True)
class Arm:
    """One arm. ``home_rad`` is its posture above the rug, hand down, which inverse kinematics begins at and tends to.

    ``closed`` and ``open`` are the controls of all fingers: metres where they slide, radians where they turn.
    ``film`` is the scene's camera for people, from where the arm does not stand before what it does.
    """

    name: str
    asset: str
    joints: tuple[str, ...]
    home_rad: tuple[float, ...]
    base_m: tuple[float, float, float]
    closed: float
    open: float
    film: str = "wide"


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"joint{i + 1}" for i in range(count))


ARMS = {
    arm.name: arm
    for arm in (
        Arm(
            name="arm7",
            asset="arm.xml",
            joints=_numbered(7),
            home_rad=(1.4, 0.35, 0.0, 1.75, 0.0, 1.04, 0.0),
            base_m=(-0.20, -0.42, 0.0),
            closed=0.0,
            open=0.026,
        ),
        Arm(
            name="arm6",
            asset="arm6.xml",
            joints=_numbered(6),
            home_rad=(-1.3, 0.07, 1.95, 1.12, 0.0, -2.7),
            base_m=(-0.36, 0.50, 0.0),
            closed=0.0,
            open=0.034,
            film="wide_far",
        ),
        Arm(
            name="arm5",
            asset="arm5.xml",
            joints=_numbered(5),
            home_rad=(1.37, 0.07, 1.87, 1.2, -0.03),
            base_m=(-0.22, -0.46, 0.0),
            closed=0.0,
            open=0.6,
        ),
    )
}
