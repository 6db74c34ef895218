"""Many worlds of one MuJoCo model stepped together, on threads, in a plain loop, or on a GPU.

    batch = Threads(model); rolled = batch.rollout(states, controls)          # (B,H,nstate), (B,H,nsensordata)

All backends keep to one protocol, ``Batch``. ``Threads`` (``mujoco.rollout``) is the usual one and the reference,
``Serial`` (``mj_step``) what it is tested against to the last bit, ``Warp`` (mujoco_warp, float32) the one for GPUs.
"""

from rehearse.sim.batch.batch import CONTROL, GRASPS, PHYSICS, Batch, Rolled, with_grasps
from rehearse.sim.batch.processor import Serial, Threads
from rehearse.sim.batch.warp import Warp

__all__ = ["CONTROL", "GRASPS", "PHYSICS", "Batch", "Rolled", "Serial", "Threads", "Warp", "with_grasps"]
