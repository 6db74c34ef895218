"""A task whose environment cannot be made."""

from dataclasses import replace
from typing import NoReturn

from tests.sim.point_mass import TASK as SOUND


def _raise(**_: object) -> NoReturn:
    raise ValueError("the table has three legs")


TASK = replace(SOUND, name="broken", build=_raise)
