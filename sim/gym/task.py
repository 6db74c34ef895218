"""Any Gymnasium environment as a task: ``get_task("gym:Reacher-v5")``, and on every command line.

    rehearse collect --task gym:Reacher-v5 --episodes 400 --out data/reacher
    rehearse train --task gym:Reacher-v5 --data data/reacher
    rehearse eval --task gym:Reacher-v5 --checkpoint runs/gym-Reacher-v5 --methods nothing,random,planner-512,oracle

What another package registers is named with it: ``gym:gymnasium_robotics:FetchReach-v4``. The model learns to foresee
the reward, and the planner seeks it.
"""

from functools import lru_cache, partial

import gymnasium

from rehearse.planner import Disagreement, MPCConfig, Objective, Signal
from rehearse.sim.gym.env import LONGEST_STEPS, GymEnv, fps_of, open_gym
from rehearse.sim.gym.physics import Twin, has_physics
from rehearse.sim.gym.play import Smooth
from rehearse.sim.task import Situation, Task

HORIZON = 12
DOUBT = 0.1  # a unit of disagreement, of a unit of reward
ENDING = 1.0  # what it costs to be over before the time is up, in units of reward


def objective(now: Situation) -> Objective:
    """The reward foreseen, step by step, and not to be over early; ``doubt`` of what the model has not seen."""
    return -1.0 * Signal("reward") + ENDING * Signal("ended") + DOUBT * now.doubt * Disagreement()


@lru_cache(maxsize=8)
def gym_task(name: str) -> Task:
    """The task of this id; opens the environment once to see what it is like."""
    env = open_gym(name)
    try:
        fps, size = fps_of(env), env.action_space.shape[0]
        width = gymnasium.spaces.flatdim(env.observation_space)
        steps = env.spec.max_episode_steps or LONGEST_STEPS
        oracles = {"oracle": partial(Twin, name=name)} if has_physics(env) else {}
    finally:
        env.close()
    return Task(
        name=f"gym:{name}",
        env_id=name,
        summary=f"Gymnasium's {name}: as much reward as there is to be had",
        instruction=name,
        tags=frozenset({"benchmark"}),
        build=partial(GymEnv, name),
        period_s=1 / fps,
        episode_steps=steps,
        hold=(0.0,) * size,
        actions=tuple(f"action_{i}" for i in range(size)),
        proprio=tuple(f"observation_{i}" for i in range(width)),
        signals={"reward": "regression", "ended": "event"},
        play=partial(Smooth, size),
        scripts={},
        oracles=oracles,
        mpc=MPCConfig(
            action_low=(-1.0,) * size,
            action_high=(1.0,) * size,
            horizon=HORIZON,
            period_s=1 / fps,
            knots=6,
            initial_std=(0.7,) * size,
        ),
        objective=objective,
    )
