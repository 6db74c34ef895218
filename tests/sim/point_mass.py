"""A task of a few lines, to prove the harness on what is not in its registry: a point mass goes to a place.

get_task("tests.sim.point_mass:TASK")
"""

from typing import Any

import gymnasium
import mujoco
import numpy as np
import torch

from rehearse.planner import Disagreement, Futures, Goal, MPCConfig, Objective, Toward
from rehearse.sim.baselines import towards
from rehearse.sim.gl import open_renderer
from rehearse.sim.layouts import layout_seed
from rehearse.sim.task import Harm, Option, Situation, Task

PERIOD_S, SUBSTEPS, STEPS = 0.2, 4, 12
SPEED_MPS = {"slow": 1.0, "fast": 2.0}
XML = """<mujoco><option timestep=".05"/><worldbody><light pos="0 0 2" castshadow="false"/>
<camera name="above" pos="0 0 2" fovy="50"/><geom type="plane" size="1 1 .1" rgba=".8 .8 .8 1"/>
<body><joint name="x" type="slide" axis="1 0 0"/><joint name="y" type="slide" axis="0 1 0"/>
<geom type="sphere" size=".12" pos="0 0 .12" rgba=".9 .3 .1 1"/></body></worldbody>
<actuator><velocity joint="x" kv="200"/><velocity joint="y" kv="200"/></actuator></mujoco>"""


class World:
    """A mass on a plane. It is told to go to a place; the rim of the plane is out of bounds."""

    def __init__(self) -> None:
        self.model = mujoco.MjModel.from_xml_string(XML)
        self.data = mujoco.MjData(self.model)

    def measure(self) -> dict[str, Any]:
        place, rim = self.data.qpos, float(np.abs(self.data.qpos).max())
        distance_m = float(np.linalg.norm(place - self.goal))
        told = {"x_m": float(place[0]), "y_m": float(place[1]), "rim": rim, "fell": rim >= 1.0}
        return told | {"success": distance_m < 0.1, "progress": float(np.clip(1 - distance_m / self.start_m, 0, 1))}

    def step(self, action: np.ndarray) -> None:
        self.data.ctrl[:] = np.clip(action, -1, 1) * self.speed_mps
        mujoco.mj_step(self.model, self.data, nstep=SUBSTEPS)


class Env(gymnasium.Env):
    """The world with a camera. ``pace`` is its only option; it may be changed between episodes."""

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, split: str, image_size: int, stop_at_harm: bool, pace: str, level: str, **_: object) -> None:
        self.split, self.stop_at_harm, self.pace, self.level = split, stop_at_harm, pace, level
        self.world = World()
        self._renderer = open_renderer(self.world.model, image_size, image_size, owner=self)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        world, self.layout, self.steps = self.world, int(options["layout"]), 0
        mujoco.mj_resetData(world.model, world.data)
        world.speed_mps, reach = SPEED_MPS[self.pace], {"near": 0.3, "far": 0.6}[self.level]
        world.goal = np.random.default_rng(layout_seed(self.split, self.layout)).uniform(-1, 1, 2) * reach
        world.start_m = float(np.linalg.norm(world.goal))
        self._goal = self._see(world.goal)
        return self.observe(), self._info()

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        self.world.step(action)
        self.steps += 1
        info = self._info()
        over = info["success"] or (info["fell"] and self.stop_at_harm)
        return self.observe(), 0.0, over, self.steps >= STEPS and not over, info

    def observe(self) -> dict:
        world = self.world
        felt = {"proprio": world.data.qvel.astype(np.float32), "goal_state": world.goal.astype(np.float32)}
        return felt | {"image": self._see(world.data.qpos), "goal": self._goal}

    def render(self) -> np.ndarray:
        return self.observe()["image"]

    def _see(self, place: np.ndarray) -> np.ndarray:
        data = mujoco.MjData(self.world.model)
        data.qpos[:] = place
        mujoco.mj_forward(self.world.model, data)
        self._renderer.update_scene(data, "above")
        return self._renderer.render().copy()

    def _info(self) -> dict[str, Any]:
        return self.world.measure() | {"time_s": self.steps * PERIOD_S, "layout": self.layout}


class Physics:
    """The world itself as a Dynamics."""

    def __init__(self, world: World) -> None:
        self.world = world

    def observe(self, history: World) -> tuple[np.ndarray, np.ndarray]:
        return history.data.qpos.copy(), history.data.qvel.copy()

    def imagine(self, belief: tuple[np.ndarray, np.ndarray], actions: torch.Tensor) -> Futures:
        copy, told = World(), []
        copy.goal, copy.start_m, copy.speed_mps = self.world.goal, self.world.start_m, self.world.speed_mps
        for plan in actions.numpy():
            copy.data.qpos[:], copy.data.qvel[:] = belief
            told.append([])
            for action in plan:
                copy.step(action)
                told[-1].append(copy.measure())
        rows = {name: [[float(moment[name]) for moment in plan] for plan in told] for name in told[0][0]}
        signals = {name: torch.tensor(values)[None] for name, values in rows.items()}
        return Futures(None, signals, torch.zeros(actions.shape[:2]))


class Straight:
    """Straight to the goal."""

    def reset(self, world: World, rng: np.random.Generator) -> None:
        pass

    def act(self, world: World) -> np.ndarray:
        return towards(world.goal - world.data.qpos, world.speed_mps * PERIOD_S)


class Wander:
    """Another direction every now and then, which is over the rim at last."""

    def reset(self, world: World, rng: np.random.Generator) -> None:
        self.rng, self.action = rng, rng.uniform(-1, 1, 2)

    def act(self, world: World) -> np.ndarray:
        if self.rng.random() < 0.2:
            self.action = self.rng.uniform(-1, 1, 2)
        return self.action


def objective(now: Situation) -> Objective:
    if now.goal_moment is not None:
        return Toward(now.goal_moment) + now.doubt * Disagreement()
    x, y = (float(value) for value in now.goal_state)
    return Goal({"x_m": x, "y_m": y}, end=0)


TASK = Task(
    name="point-mass",
    env_id="",
    summary="a point mass goes to a place",
    instruction="go there",
    tags=frozenset({"smoke"}),
    build=Env,
    period_s=PERIOD_S,
    episode_steps=STEPS,
    hold=(0.0, 0.0),
    actions=("velocity_x", "velocity_y"),
    proprio=("velocity_x", "velocity_y"),
    signals={"x_m": "regression", "y_m": "regression", "rim": "regression", "fell": "event"},
    tops={"rim": 1.2},
    training={"shift_px": 0},
    play=Wander,
    scripts={"script-best": Straight},
    oracles={"oracle": Physics},
    mpc=MPCConfig((-1.0,) * 2, (1.0,) * 2, horizon=5, period_s=PERIOD_S, knots=2),
    objective=objective,
    levels=("near", "far"),
    level="far",
    options={"pace": Option(tuple(SPEED_MPS), "how far an action goes")},
    changeable=frozenset({"level", "pace"}),
    harm=Harm(event="fell", strain="rim", words="Fell over the rim"),
    goal=("x", "y"),
    goal_signals=("x_m", "y_m"),
)
