"""Physics steps per CPU-second of every batch backend beside the raw call, and frames per CPU-second by size and looks.

    nice -n 10 python benchmarks/batch.py --json benchmarks/results/batch.json       # three minutes

Every round times the backends of a scene in turn, each on the same worlds and controls; a figure is the median over
rounds, a ratio the median of the rounds' ratios, so that what else runs on the machine falls on all alike. ``raw`` is
mujoco.rollout itself with arrays that are made already; what lies between it and ``threads`` is checking and judging.
All use one thread, so CPU time is work done. Warp is timed where there is a CUDA device, by the wall's clock.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import mujoco
import numpy as np
from mujoco import rollout

from rehearse.errors import SetupError
from rehearse.files import atomic_write
from rehearse.sim.batch import CONTROL, GRASPS, PHYSICS, Serial, Threads, Warp, with_grasps
from rehearse.sim.dog_on_jacket.factors import LEVELS, sample_factors
from rehearse.sim.dog_on_jacket.world import HOLD_SUBSTEPS, World
from rehearse.sim.gl import close_renderer, open_renderer
from rehearse.sim.goal_world import GoalWorld
from rehearse.sim.layouts import layout_seed
from rehearse.sim.push import PushWorld
from rehearse.sim.reach import ReachWorld

WORLDS, CONTROL_STEPS, ROUNDS = 16, 10, 7
WARP_WORLDS = 4096
SIZES = ((32, 32), (64, 64), (128, 128), (224, 224), (480, 640))
Asked = tuple[mujoco.MjModel, np.ndarray, np.ndarray, int, np.ndarray]  # model, state, controls, spec, warm start


def dog(jacket: str) -> Asked:
    """The dog's scene in mid-pull: WORLDS pulls of two seconds that differ, the grasp held."""
    world = World(jacket)
    world.reset(sample_factors(LEVELS["half"], np.random.default_rng(layout_seed("validation", 0)), frozenset()))
    plans, rows = pulls(4, -0.3), []
    for plan in plans:
        q_rad, target_m, held = world.q_rad, world.target_m, []
        for action in plan:
            joints, q_rad, target_m = world.controls(action, q_rad, target_m)
            held.append(np.repeat(joints, HOLD_SUBSTEPS, axis=0))
        rows.append(np.concatenate(held))
    tab = world.model.equality(int(world.grasps[world.factors.tab])).name
    controls = np.stack(rows)
    controls = with_grasps(world.model, controls, {tab: np.ones(controls.shape[1])})
    return world.model, state(world), controls, GRASPS, world.data.qacc_warmstart.copy()


def goal(world: GoalWorld) -> Asked:
    """A goal task at its start: WORLDS plans of two seconds that differ."""
    world.reset(np.random.default_rng(0))
    plans = pulls(len(world.action_names), 0.0)
    controls = np.stack([world.controls(plan, world.command)[0] for plan in plans])
    return world.model, state(world), controls, CONTROL, world.data.qacc_warmstart.copy()


def pulls(size: int, mean: float) -> np.ndarray:
    """Actions (WORLDS, CONTROL_STEPS, A): held motions, the last number (a grip, where there is one) shut."""
    held = np.clip(np.random.default_rng(0).normal(mean, 0.3, (WORLDS, 1, size)), -1, 1)
    if size == 4:
        held[..., 3] = 1
    return np.repeat(held, CONTROL_STEPS, axis=1)


def state(world: World | GoalWorld) -> np.ndarray:
    """Full physics state (nstate,)."""
    row = np.empty(mujoco.mj_stateSize(world.model, PHYSICS))
    mujoco.mj_getState(world.model, world.data, row, PHYSICS)
    return row


SCENES = {
    "dog, patch": lambda: dog("patch"),
    "dog, cloth": lambda: dog("cloth"),
    "push": lambda: goal(PushWorld()),
    "reach": lambda: goal(ReachWorld()),
}


def cpu_s(work: Callable[[], object]) -> float:
    """CPU-seconds of this process."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def backends(asked: Asked) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    model, start, controls, spec, warmstart = asked
    states, warm = np.repeat(start[None], WORLDS, 0), np.repeat(warmstart[None], WORLDS, 0)
    pool, data = rollout.Rollout(nthread=0), mujoco.MjData(model)
    batches = {"threads": Threads(model), "serial": Serial(model)}
    return {
        "raw": lambda: pool.rollout(model, [data], states, controls, control_spec=spec, initial_warmstart=warm),
        **{
            name: lambda batch=batch: batch.rollout(states, controls, spec=spec, warmstart=warm)
            for name, batch in batches.items()
        },
    }


def physics(rounds: int) -> dict[str, dict]:
    """{scene: steps per CPU-second of each backend, and what ``threads`` costs over ``raw``}."""
    told = {}
    for scene, make in SCENES.items():
        asked = make()
        timed = backends(asked)
        for work in timed.values():
            work()
        taken = np.array([[cpu_s(work) for work in timed.values()] for _ in range(rounds)])
        steps = WORLDS * asked[2].shape[1]
        told[scene] = {"worlds": WORLDS, "steps": asked[2].shape[1], "nv": asked[0].nv}
        told[scene] |= {f"{name}_steps_per_cpu_s": steps / np.median(taken[:, i]) for i, name in enumerate(timed)}
        told[scene]["threads_over_raw"] = float(np.median(taken[:, 1] / taken[:, 0]))
        told[scene]["serial_over_raw"] = float(np.median(taken[:, 2] / taken[:, 0]))
        told[scene] |= on_gpu(asked)
    return told


def on_gpu(asked: Asked) -> dict[str, float]:
    """Steps per second of the wall's clock with WARP_WORLDS worlds; nothing without a GPU."""
    model, start, controls, spec, warmstart = asked
    try:
        batch = Warp(model)
    except SetupError:
        return {}
    many = np.resize(controls, (WARP_WORLDS, *controls.shape[1:]))
    work = lambda: batch.rollout(start, many, spec=spec, warmstart=warmstart)  # noqa: E731
    work()
    begin = time.perf_counter()
    work()
    return {
        "warp_worlds": WARP_WORLDS,
        "warp_steps_per_s": many.shape[0] * many.shape[1] / (time.perf_counter() - begin),
    }


def frames(rounds: int) -> list[dict]:
    """Frames per CPU-second of the dog's scene (plates), a step of physics between them not counted."""
    world = World()
    world.reset(sample_factors(LEVELS["half"], np.random.default_rng(layout_seed("validation", 0)), frozenset()))
    told = []
    for height, width in SIZES:
        for samples, shadows in ((0, False), (0, True), (4, False), (4, True)):
            world.model.vis.quality.offsamples = samples
            renderer = open_renderer(world.model, height, width, owner=world)

            def draw(renderer: mujoco.Renderer = renderer, shadows: bool = shadows) -> None:
                renderer.update_scene(world.data, "front")
                renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
                renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = shadows
                renderer.render()

            draw()
            several = max(3, round(60 / (1 + 10 * shadows) / (height * width / 4096) ** 0.5))
            taken = [cpu_s(lambda n=several: [draw() for _ in range(n)]) / several for _ in range(rounds)]
            close_renderer(renderer)
            look = {"height": height, "width": width, "multisampling": samples, "shadows": shadows}
            told.append({**look, "frames_per_cpu_s": 1 / float(np.median(taken))})
    return told


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=Path("batch.json"))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    about = {"mujoco": mujoco.__version__, "python": platform.python_version(), "machine": platform.machine()}
    about |= {"cores": os.cpu_count(), "load": os.getloadavg()[0], "rounds": given.rounds, "renderer": "llvmpipe (egl)"}
    result = {"about": about, "physics": physics(given.rounds), "frames": frames(max(3, given.rounds // 2))}
    with atomic_write(given.json) as path:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for scene, row in result["physics"].items():
        print(scene, {name: round(value, 3) if value < 10 else round(value) for name, value in row.items()})
    for row in result["frames"]:
        print(row)


if __name__ == "__main__":
    main()
