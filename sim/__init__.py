"""The simulation room: the dog-on-jacket world, its Gymnasium environment, physics as a Dynamics, evaluation.

    import gymnasium, rehearse.sim; env = gymnasium.make("rehearse/DogOnJacket-v0")

Importing it registers the environment and chooses how to render; MuJoCo is loaded when a name is first used.
"""

import os
import sys
from importlib import import_module
from typing import Any

ENV_ID = "rehearse/DogOnJacket-v0"

# public name -> the module that defines it
_PUBLIC = {
    "ARMS": "rehearse.sim.arms",
    "Arm": "rehearse.sim.arms",
    "ArmKinematics": "rehearse.sim.kinematics",
    "CAMERAS": "rehearse.sim.cameras",
    "Delayed": "rehearse.sim.latency",
    "DogOnJacketEnv": "rehearse.sim.env",
    "FactorRanges": "rehearse.sim.factors",
    "Factors": "rehearse.sim.factors",
    "LEVELS": "rehearse.sim.factors",
    "NominalPhysics": "rehearse.sim.physics",
    "Outcome": "rehearse.sim.world",
    "PhysicsDynamics": "rehearse.sim.physics",
    "SPLITS": "rehearse.sim.factors",
    "StraightPull": "rehearse.sim.behaviours",
    "World": "rehearse.sim.world",
    "layout_seed": "rehearse.sim.factors",
    "sample_factors": "rehearse.sim.factors",
}

__all__ = ["ENV_ID", "choose_backend", "register", *_PUBLIC]


def choose_backend() -> str:
    """Default MUJOCO_GL to ``egl`` on Linux, which works with and without a GPU, and return what is set.

    llvmpipe's own threads only slow small frames, so they are off.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")
    if sys.platform == "linux":
        os.environ.setdefault("MUJOCO_GL", "egl")
    return os.environ.get("MUJOCO_GL", "")


def register() -> None:
    """Make the environment known to Gymnasium; a second call does nothing."""
    from gymnasium.envs.registration import register, registry

    if ENV_ID not in registry:
        register(ENV_ID, entry_point="rehearse.sim.env:DogOnJacketEnv")


def __getattr__(name: str) -> Any:
    """Import the module that defines ``name`` and keep the result, so that the next look-up costs nothing."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'rehearse.sim' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What tab completion shows."""
    return sorted({*globals(), *__all__})


choose_backend()  # MuJoCo reads MUJOCO_GL when it is first imported, so this must come before it
register()
