"""Speed in CPU-seconds on one thread: decisions, imagination, simulator, physics oracle beside the raw call.

    figures = measure(load(shipped_checkpoint("dog-on-jacket-tiny")))

Each figure is the median of repeated runs after a warm-up, with its unit in its name.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from rehearse.sim.dog_on_jacket.behaviours import NoisyPlay
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.physics import PhysicsDynamics
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.dog_on_jacket.world import SUBSTEPS
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings
from rehearse.world_model import History, WorldModel

FUTURES = (1, 8, 64, 512, 4096)


def cpu_s(work: Callable[[], object], repeats: int = 5) -> float:
    """Median CPU-seconds of ``work`` after one warm-up."""
    work()
    taken = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return float(np.median(taken))


def measure(model: WorldModel, seed: int = 0) -> dict[str, float]:
    """All figures, by name."""
    torch.set_num_threads(1)
    env = DogOnJacketEnv(split="validation")
    try:
        return {**decisions(model, env, seed), **simulator(env, seed), **oracle(env, seed)}
    finally:
        env.close()


def decisions(model: WorldModel, env: DogOnJacketEnv, seed: int) -> dict[str, float]:
    """A whole decision (one new frame encoded, all futures imagined and scored), and imagination alone."""
    figures = {}
    for futures in FUTURES:
        agent = PlannerAgent(TASK, model, PlannerSettings(futures))
        observation, _ = env.reset(options={"layout": seed})
        agent.reset(env, observation, np.random.default_rng(seed))

        def decide(agent: PlannerAgent = agent) -> None:
            agent.dynamics.reset()
            agent.act(env)

        figures[f"decision_{futures}_futures_cpu_ms"] = 1e3 * cpu_s(decide)
    belief = model.observe(agent.history())
    actions = torch.zeros(4096, 5, model.config.action_dim)
    figures["imagined_rollouts_h5_per_cpu_s"] = 4096 / cpu_s(lambda: model.imagine(belief, actions))
    return figures | by_length(model, agent.history())


def by_length(model: WorldModel, history: History) -> dict[str, float]:
    """512 futures of 10 steps after short and long pasts, and twice the futures, twice the steps."""
    figures = {}
    for name, frames, futures, steps in (
        ("after_5_frames", 5, 512, 10),
        ("after_50_frames", 50, 512, 10),
        ("twice_the_futures", 5, 1024, 10),
        ("twice_the_steps", 5, 512, 20),
    ):
        long = History(
            np.repeat(history.frames[:1], frames, 0),
            np.repeat(history.proprio[:1], frames, 0),
            np.zeros((frames - 1, model.config.action_dim), np.float32),
        )
        belief, actions = model.observe(long), torch.zeros(futures, steps, model.config.action_dim)
        imagine = partial(model.imagine, belief, actions)
        figures[f"imagine_{name}_cpu_ms"] = 1e3 * cpu_s(imagine)
    return figures


def simulator(env: DogOnJacketEnv, seed: int) -> dict[str, float]:
    """Environment steps with and without drawing, and physics steps."""
    play = NoisyPlay()
    env.reset(options={"layout": seed})
    play.reset(env.world, np.random.default_rng(seed))
    actions = [0.3 * play.act(env.world) for _ in range(20)]

    def steps() -> None:
        env.reset(options={"layout": seed})
        for action in actions:
            env.world.step(action)

    stepped = cpu_s(steps)
    drawn = cpu_s(lambda: [env.observe() for _ in range(50)])
    return {
        "world_control_steps_per_cpu_s": len(actions) / stepped,
        "world_physics_steps_per_cpu_s": len(actions) * SUBSTEPS / stepped,
        "camera_64px_frames_per_cpu_s": 50 / drawn,
    }


def oracle(env: DogOnJacketEnv, seed: int, futures: int = 16) -> dict[str, float]:
    """PhysicsDynamics.imagine, and its CPU time over that of one raw mujoco.rollout call of the same length."""
    # Only here, and through rehearse.sim above, so that the rendering backend is chosen before MuJoCo is loaded.
    import mujoco
    from mujoco import rollout

    env.reset(options={"layout": seed})
    world = env.world
    dynamics = PhysicsDynamics(world)
    snapshot = dynamics.observe(world)
    actions = torch.zeros(futures, TASK.mpc.horizon, 4)
    actions[..., 0], actions[..., 3] = -0.3, 1.0
    ours = cpu_s(lambda: dynamics.imagine(snapshot, actions), repeats=3)
    data = mujoco.MjData(world.model)
    states = np.repeat(snapshot.state[None], futures, axis=0)
    spec = mujoco.mjtState.mjSTATE_CTRL | mujoco.mjtState.mjSTATE_EQ_ACTIVE
    controls = _controls(world, snapshot, actions[0].numpy())
    controls = np.repeat(controls[None], futures, axis=0)
    with rollout.Rollout(nthread=0) as pool:
        raw = cpu_s(lambda: pool.rollout(world.model, [data], states, controls, control_spec=spec), repeats=3)
    physics_steps = futures * TASK.mpc.horizon * SUBSTEPS
    return {
        "oracle_physics_steps_per_cpu_s": physics_steps / ours,
        "raw_rollout_physics_steps_per_cpu_s": physics_steps / raw,
        "oracle_over_raw_rollout_ratio": ours / raw,
    }


def _controls(world: object, snapshot: object, plan: np.ndarray) -> np.ndarray:
    """Joint targets and equality flags (H * SUBSTEPS, nu + neq) of one plan (H, 4)."""
    rows, q_rad, target_m = [], snapshot.q_rad, snapshot.target_m
    for action in plan:
        control, q_rad, target_m = world.controls(action, q_rad, target_m)
        rows.append(np.repeat(control, SUBSTEPS // len(control), axis=0))
    joints = np.concatenate(rows)
    return np.concatenate([joints, np.repeat(snapshot.eq_active[None], len(joints), axis=0)], axis=1)
