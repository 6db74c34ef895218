"""The fault table: what is broken, what must happen then, and how that is seen to have happened.

for fault in FAULTS: took_s = fault.happen(rig)     # AssertionError where the fault was not held

Every fault is tried on processes in motion. ``took_s`` is robot time from the fault to rest; None where the arm is not
to rest, for what is damaged is mended (joints in another order) or slowed down (too fast).
"""

from tests.faults import commands, company, senses
from tests.faults.registry import ENTERED, Fault

__all__ = ["FAULTS", "Fault"]
ORDER = [module.__name__ for module in (commands, senses, company)]  # whichever was imported first
FAULTS = sorted(ENTERED, key=lambda fault: ORDER.index(fault.happen.__module__))
