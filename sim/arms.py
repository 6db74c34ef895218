"""The robots that reach the whole rug, and so can fetch the jacket.

    world = World(arm=ARMS["arm6"])

All obey the same action, the gripper's velocity, and their hands begin turned alike, so that proprioception means the
same on each.
"""

from rehearse.sim.robots import ROBOTS

ARMS = {name: ROBOTS[name] for name in ("arm7", "arm6", "arm5")}
