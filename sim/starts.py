"""What a layout really lays out, as a short hash, so that a changed scene generator cannot pass for the old one.

    env.reset(options={"layout": 3}); start_of(env)          # "9f1c2a8b4d07"

A layout is a number, and a pure function of task, split and number says what stands where. Whoever changes that
function changes what every number means. The hash is taken over positions, velocities, what varies in the MuJoCo
model (masses, friction, sizes, colours, lights, cameras) and the goal, rounded to five decimals of SI units, so that
a processor that differs in the last bit lays out the same.
"""

import hashlib

import numpy as np

from rehearse.sim.task import TaskEnv

# What tasks vary, and what a scene is made of. Not inertias and the like, which follow from these.
OF_MODEL = (
    *("body_pos", "body_mass", "geom_pos", "geom_size", "geom_friction", "geom_rgba", "dof_damping"),
    *("cam_pos", "light_pos", "light_diffuse"),
)
OF_DATA = ("qpos", "qvel")
OF_OBSERVATION = ("proprio", "goal_state")
DECIMALS = 5


def start_of(env: TaskEnv, observation: dict) -> str:
    """The hash (12 hexadecimal digits) of an environment that has just been reset."""
    found = hashlib.sha256()
    world = env.world
    for owner, names in ((getattr(world, "model", None), OF_MODEL), (getattr(world, "data", None), OF_DATA)):
        for name in names:
            if owner is not None:
                _add(found, name, getattr(owner, name))
    for name in OF_OBSERVATION:
        if name in observation:
            _add(found, name, observation[name])
    return found.hexdigest()[:12]


def _add(found: "hashlib._Hash", name: str, values: np.ndarray) -> None:
    rounded = np.round(np.asarray(values, float), DECIMALS) + 0.0  # no minus nought
    found.update(f"{name} {rounded.shape}\n".encode() + rounded.tobytes())
