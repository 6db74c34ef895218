"""Dog on jacket as a task: bring the jacket, let the dog sleep.

env = TASK.make_env("half", "test", {"arm": "arm6"}); agent = make_agent(TASK, "oracle")
"""

from typing import Any

import numpy as np
import torch

from rehearse.planner import Chance, Deadline, Disagreement, Excess, Hazard, MPCConfig, Objective, Reach
from rehearse.sim.arms import ARMS
from rehearse.sim.cameras import CAMERAS
from rehearse.sim.dog_on_jacket.behaviours import NoisyPlay, StraightPull
from rehearse.sim.dog_on_jacket.env import EPISODE_STEPS, JACKETS, PROPRIO_NAMES, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.factors import LEVELS, VARIATIONS
from rehearse.sim.dog_on_jacket.live import live_world
from rehearse.sim.dog_on_jacket.motion import arm_motion
from rehearse.sim.dog_on_jacket.physics import NominalPhysics, PhysicsDynamics
from rehearse.sim.dog_on_jacket.tale import TALE
from rehearse.sim.dog_on_jacket.world import (
    ACTION_NAMES,
    PERIOD_S,
    STEP_M,
    WORKSPACE_HIGH_M,
    WORKSPACE_LOW_M,
    World,
    within_workspace,
)
from rehearse.sim.task import Harm, Option, Situation, Task
from rehearse.world_model import History

# The planner minds the first three; the others are what they follow from, and are learnt beside them. How deeply the
# dog sleeps shows in how it holds its head: a few pixels, which an encoder that is asked for it learns to look at.
SIGNALS = {
    "disturbance": "regression",
    "progress": "regression",
    "woken": "event",
    "distance_m": "regression",
    "dog_speed_mps": "regression",
    "dog_turn_radps": "regression",
    "dog_shift_m": "regression",
    "sleep_depth": "regression",
}
# The fastest straight pull, and the best constant pull of `rehearse sweep` (validation layouts, level half).
SCRIPTS = {
    "script-fast": lambda: StraightPull(direction_rad=0.0, speed=1.0, rise=0.3),
    "script-best": lambda: StraightPull(direction_rad=0.0, speed=0.4, rise=0.2, follow=True),
}


def objective(now: Situation) -> Objective:
    """Bring it soon and in time; almost never wake the dog, and stay clear of that; do not trust what is doubtful.

    Where the members of the ensemble disagree, the model has not been, and what looks good there is mostly its mistake.
    """
    soon = Reach("progress") + 2 * Deadline("progress", now.steps_left)
    calm = 3 * Hazard("woken", risk=now.risk) + Excess("disturbance", above=0.5, risk=now.risk)
    wanted = soon + 0.6 * now.fear * calm + 2 * now.doubt * Disagreement()
    return wanted if now.at_most is None else wanted + Chance("woken", now.at_most)


def pulls(steps: int) -> np.ndarray:
    """Skills: constant pulls (M, steps, 4) towards the drop zone and to both sides of it, from gentle to brisk."""
    speeds, bearings_rad = np.array([0.15, 0.3, 0.5, 0.8]), np.array([-0.5, 0.0, 0.5])
    speed, bearing = (grid.ravel() for grid in np.meshgrid(speeds, bearings_rad))
    pull = np.stack([-speed * np.cos(bearing), speed * np.sin(bearing), 0 * speed, 0 * speed + 1], -1)
    return np.repeat(pull[:, None], steps, axis=1)


def arm_limits(history: History, actions: torch.Tensor) -> torch.Tensor:
    """Candidates (N, H, 4) as the arm would carry them out: motion ends at the edge of its workspace.

    Where the arm is commanded to is in its proprioception: the gripper's position plus its lag. From outside of the
    workspace, where it may have been put, it comes back no faster than it can.
    """
    target = torch.as_tensor(history.proprio[-1, :3] + history.proprio[-1, 3:6]).to(actions)
    step, low, high = (torch.as_tensor(x).to(actions) for x in (STEP_M, WORKSPACE_LOW_M, WORKSPACE_HIGH_M))
    carried_out = actions.clone()
    for h in range(actions.shape[1]):
        reached = (target + actions[:, h, :3] * step).clamp(low, high)
        carried_out[:, h, :3] = ((reached - target) / step).clamp(-1, 1)
        target = target + carried_out[:, h, :3] * step
    return carried_out


def carried_out(action: np.ndarray, world: World) -> np.ndarray:
    """The same for one action (4,), by the true place."""
    return within_workspace(action, world.target_m)


def build(stop_at_harm: bool, **settings: Any) -> DogOnJacketEnv:
    """The environment in the harness's words."""
    return DogOnJacketEnv(terminate_when_woken=stop_at_harm, **settings)


TASK = Task(
    name="dog-on-jacket",
    env_id="rehearse/DogOnJacket-v0",
    summary="an arm brings the jacket on which a dog sleeps, and lets it sleep",
    instruction="bring the jacket without waking the dog",
    tags=frozenset({"flagship", "benchmark"}),
    build=build,
    period_s=PERIOD_S,
    episode_steps=EPISODE_STEPS,
    hold=(0.0, 0.0, 0.0, 1.0),  # keep still and keep hold
    actions=ACTION_NAMES,
    proprio=PROPRIO_NAMES,
    signals=SIGNALS,
    tops={"disturbance": 2.0},  # far beyond waking there is nothing to tell apart
    play=NoisyPlay,
    scripts=SCRIPTS,
    oracles={
        "oracle": PhysicsDynamics,
        "oracle-nominal": lambda world: NominalPhysics(World(world.jacket, world.arm)),
    },
    mpc=MPCConfig(
        action_low=(-1.0, -1.0, -0.6, 0.9),
        action_high=(1.0, 1.0, 0.6, 1.0),
        horizon=10,
        period_s=PERIOD_S,
        knots=4,
        initial_mean=(-0.3, 0.0, 0.0, 1.0),
        initial_std=(0.4, 0.4, 0.25, 0.01),
        tempos=(0.0, 0.5, 0.75, 1.5, 2.0),
    ),
    objective=objective,
    limits=arm_limits,
    skills=pulls,
    carried_out=carried_out,
    motion=arm_motion,
    live=live_world,
    views=tuple(CAMERAS),
    levels=tuple(LEVELS),
    level="half",
    options={
        "jacket": Option(JACKETS, "plates, as planned and trained with, or cloth, the held-out reality"),
        "arm": Option(tuple(ARMS), "which arm; arm7 is the one that the shipped model was trained on"),
        "camera": Option(tuple(CAMERAS), "from where the robot sees; front is where the shipped model was trained"),
    },
    changeable=frozenset({"level", "camera"}),
    variations=VARIATIONS,
    success_words="Fetched, dog asleep",
    harm=Harm(event="woken", strain="disturbance", words="Dog woken"),
    checkpoint="dog-on-jacket-tiny",
    cloned="dog-on-jacket-cloned",
    robot="rehearse_{arm}",
    tale=TALE,
)
