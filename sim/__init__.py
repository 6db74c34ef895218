"""The simulation room: tasks with their worlds, Gymnasium environments, physics as a Dynamics, evaluation.

    import gymnasium, rehearse.sim; env = gymnasium.make("rehearse/DogOnJacket-v0")

Importing it registers the environments and chooses how to render; MuJoCo is loaded when a name is first used.
"""

import os
import sys
from importlib import import_module
from typing import Any

ENV_ID = "rehearse/DogOnJacket-v0"
# id -> the class that it makes
ENVIRONMENTS = {
    ENV_ID: "rehearse.sim.dog_on_jacket.env:DogOnJacketEnv",
    "rehearse/Push-v0": "rehearse.sim.push.env:PushEnv",
    "rehearse/TwoRoom-v0": "rehearse.sim.two_room.env:TwoRoomEnv",
    "rehearse/Reach-v0": "rehearse.sim.reach.env:ReachEnv",
    "rehearse/PickPlace-v0": "rehearse.sim.pick_place.env:PickPlaceEnv",
    "rehearse/Drawer-v0": "rehearse.sim.drawer.env:DrawerEnv",
}

# public name -> the module that defines it
_PUBLIC = {
    "ARMS": "rehearse.sim.arms",
    "ArmKinematics": "rehearse.sim.kinematics",
    "CAMERAS": "rehearse.sim.cameras",
    "Delayed": "rehearse.sim.latency",
    "DrawerEnv": "rehearse.sim.drawer.env",
    "EvalConfig": "rehearse.sim.evaluate",
    "DogOnJacketEnv": "rehearse.sim.dog_on_jacket.env",
    "FactorRanges": "rehearse.sim.dog_on_jacket.factors",
    "Factors": "rehearse.sim.dog_on_jacket.factors",
    "LEVELS": "rehearse.sim.dog_on_jacket.factors",
    "NominalPhysics": "rehearse.sim.dog_on_jacket.physics",
    "Outcome": "rehearse.sim.dog_on_jacket.world",
    "PhysicsDynamics": "rehearse.sim.dog_on_jacket.physics",
    "PickPlaceEnv": "rehearse.sim.pick_place.env",
    "PlannerAgent": "rehearse.sim.planner_agent",
    "PlannerSettings": "rehearse.sim.planner_agent",
    "PushEnv": "rehearse.sim.push.env",
    "ROBOTS": "rehearse.sim.robots",
    "ReachEnv": "rehearse.sim.reach.env",
    "Robot": "rehearse.sim.robots",
    "RolloutDynamics": "rehearse.sim.rollout",
    "SPLITS": "rehearse.sim.layouts",
    "Situation": "rehearse.sim.task",
    "StraightPull": "rehearse.sim.dog_on_jacket.behaviours",
    "Task": "rehearse.sim.task",
    "TwoRoomEnv": "rehearse.sim.two_room.env",
    "World": "rehearse.sim.dog_on_jacket.world",
    "evaluate": "rehearse.sim.evaluate",
    "get_robot": "rehearse.sim.menagerie",
    "get_task": "rehearse.sim.tasks",
    "layout_seed": "rehearse.sim.layouts",
    "make_agent": "rehearse.sim.agents",
    "sample_factors": "rehearse.sim.dog_on_jacket.factors",
}

__all__ = ["ENVIRONMENTS", "ENV_ID", "choose_backend", "register", *_PUBLIC]


def choose_backend() -> str:
    """Default MUJOCO_GL to ``egl`` on Linux, which works with and without a GPU, and return what is set.

    llvmpipe's own threads only slow small frames, so they are off.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")
    if sys.platform == "linux":
        os.environ.setdefault("MUJOCO_GL", "egl")
    return os.environ.get("MUJOCO_GL", "")


def register() -> None:
    """Make the environments known to Gymnasium; a second call does nothing."""
    from gymnasium.envs.registration import register, registry

    for name, entry_point in ENVIRONMENTS.items():
        if name not in registry:
            register(name, entry_point=entry_point)


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
