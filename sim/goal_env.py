"""Base of the Gymnasium environments of goal tasks: layouts, pictures, rewards; the physics is a GoalWorld.

    env = gymnasium.make("rehearse/Push-v0", split="test")
    observation, info = env.reset(options={"layout": 3})
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())

Observation: ``image`` and ``goal`` (size, size, 3) uint8, ``proprio`` (P,) and ``goal_state`` (G,) float32. ``goal``
shows a state in which the goal is reached, under the light and from the camera of this layout. Action (A,) in [-1, 1],
at 5 Hz. An episode ends with success, with harm where a world knows of any (unless ``stop_at_harm`` is False), or after
``episode_steps``. Reward: progress made, +1 for success, -1 for harm that ends it, -0.01 a step.
``info`` holds success, progress (0 .. 1), distance_m to the goal, every signal of the task, time_s and layout.

    env.reset(options={"layout": 3, "variations": {"friction": 0.5, "latency": 1.0}})     # see rehearse.sim.variation
    state = env.state(); ...; env.reset(options={"state": state})                           # that moment again
"""

from collections.abc import Collection, Mapping
from typing import Any

import gymnasium
import mujoco
import numpy as np

from rehearse.errors import ConfigError, DataError
from rehearse.sim.actions import checked_action
from rehearse.sim.cameras import FRONT, Pose, move
from rehearse.sim.gl import close_renderer, open_renderer
from rehearse.sim.goal_world import PERIOD_S, GoalWorld
from rehearse.sim.layouts import SPLITS, layout_seed
from rehearse.sim.link import Link
from rehearse.sim.variation import BACKGROUND, FACTORS, NONE, checked, varied_in

STEP_PRICE = 0.01
MAX_LAYOUT = 2**31 - 1
CAMERA, FILM = "camera", "film"  # every scene has these two: for the robot, and for people


class GoalEnv(gymnasium.Env):
    """See the module's first lines. ``fixed`` names factors that are held at the middle of their range.

    ``variations``: {factor: strength} of every episode for which ``reset`` is told no others.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}

    def __init__(
        self,
        world: GoalWorld,
        episode_steps: int,
        split: str = "train",
        fixed: Collection[str] = (),
        image_size: int = 64,
        render_mode: str | None = None,
        render_size: tuple[int, int] = (480, 640),
        variations: Mapping[str, float] = NONE,
        stop_at_harm: bool = True,
    ) -> None:
        if split not in SPLITS:
            raise ConfigError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
        self.world, self.episode_steps, self.split, self.fixed = world, episode_steps, split, frozenset(fixed)
        self.image_size, self.render_mode, self.render_size = image_size, render_mode, render_size
        self.variations = checked(variations, varied_in(world.factors_kind))
        self.stop_at_harm = stop_at_harm
        box, size = gymnasium.spaces.Box, image_size
        numbers = lambda names: box(-np.inf, np.inf, (len(names),), np.float32)  # noqa: E731
        self.observation_space = gymnasium.spaces.Dict(
            {
                "image": box(0, 255, (size, size, 3), np.uint8),
                "proprio": numbers(world.proprio),
                "goal": box(0, 255, (size, size, 3), np.uint8),
                "goal_state": numbers(world.goal),
            }
        )
        self.action_space = box(-1, 1, (len(world.action_names),), np.float32)
        model = world.model
        self._nominal_look = model.light_diffuse.copy(), model.cam_pos.copy()
        self._background = {
            i: model.mat_rgba[model.geom_matid[i]].copy() if model.geom_matid[i] >= 0 else model.geom_rgba[i].copy()
            for i in range(model.ngeom)
            if model.geom(i).name in BACKGROUND
        }
        self._goal_data = mujoco.MjData(world.model)
        self._camera: mujoco.Renderer | None = None
        self._film: mujoco.Renderer | None = None

    # -- Gymnasium -----------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Start layout ``options["layout"]`` of this split, or one drawn with the seed; or go to ``options["state"]``.

        ``options["variations"]``: {factor: strength} of this episode, instead of the environment's own.
        """
        super().reset(seed=seed)
        options = options or {}
        if (state := options.get("state")) is not None:
            self._go_to(state)
        else:
            layout = options.get("layout")
            layout = int(self.np_random.integers(MAX_LAYOUT)) if layout is None else int(layout)
            self._lay_out(layout, options.get("variations", self.variations))
        return self.observe(), self._info()

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        """One control period of 0.2 s."""
        self.world.step(self._link.sent(checked_action(action, self.world.action_names)))
        told = self.account()
        return self.observe(), *told

    def account(self) -> tuple[float, bool, bool, dict]:
        """Reward, terminated, truncated and info after a control period."""
        self.steps += 1
        info = self._info()
        stopped = self.stop_at_harm and self.world.harm is not None and info[self.world.harm]
        reward = info["progress"] - self._progress - STEP_PRICE + float(info["success"]) - float(stopped)
        self._progress = info["progress"]
        terminated = info["success"] or stopped
        return float(reward), terminated, self.steps >= self.episode_steps and not terminated, info

    def render(self) -> np.ndarray | None:
        """A film frame (height, width, 3) with shadows and the goal marked, when render_mode is rgb_array."""
        if self.render_mode != "rgb_array":
            return None
        if self._film is None:
            self._film = self._renderer(*self.render_size, pretty=True)
        return self._draw(self._film, self.world.data, FILM, pretty=True)

    def close(self) -> None:
        """Free the renderers."""
        for renderer in (self._camera, self._film):
            if renderer is not None:
                close_renderer(renderer)
        self._camera = self._film = None

    # -- any moment of any layout ----------------------------------------------------------------------------------

    def state(self) -> dict[str, np.ndarray]:
        """This moment of this episode, as arrays; an environment of the same split goes on from it bit for bit."""
        return {
            "layout": np.int64(self.layout),
            "steps": np.int64(self.steps),
            "progress": np.float64(self._progress),
            "physics": self.world.get_state(),
            "variations": np.array([self._varied.get(name, 0.0) for name in FACTORS]),
            **self._link.state(),
        }

    def _go_to(self, state: Mapping[str, np.ndarray]) -> None:
        if missing := {"layout", "steps", "progress", "physics", "variations", "on_their_way", "shown"} - set(state):
            raise DataError(f"state has no {', '.join(sorted(missing))}: use what env.state() gave")
        varied = {
            name: float(strength) for name, strength in zip(FACTORS, state["variations"], strict=True) if strength
        }
        self._lay_out(int(state["layout"]), varied)
        self.world.set_state(state["physics"])
        self._link.restore(state)
        self.steps, self._progress = int(state["steps"]), float(state["progress"])

    def _lay_out(self, layout: int, variations: Mapping[str, float]) -> None:
        self.layout, self.steps, self._progress = layout, 0, 0.0
        self._varied = checked(variations, varied_in(self.world.factors_kind))
        self.world.reset(np.random.default_rng(layout_seed(self.split, layout)), self.fixed, self._varied)
        factors = self.world.factors
        self._link = Link(
            layout, self.world.hold, round(factors.latency_steps), factors.dropped_share, factors.frozen_share
        )
        self._set_appearance()
        self._goal = None

    # -- pictures ------------------------------------------------------------------------------------------------

    def observe(self) -> dict[str, np.ndarray]:
        """What the robot senses now, and what it is asked for."""
        if self._camera is None:
            self._camera = self._renderer(self.image_size, self.image_size, pretty=False)
        if self._goal is None:
            self._goal = self._picture_goal()
        return {
            "image": self._link.seen(self.steps, lambda: self._draw(self._camera, self.world.data, CAMERA)),
            "proprio": self.world.proprioception(),
            "goal": self._goal.copy(),
            "goal_state": self.world.goal_state.astype(np.float32),
        }

    def _picture_goal(self) -> np.ndarray:
        mujoco.mj_resetData(self.world.model, self._goal_data)
        self.world.pose_goal(self._goal_data)
        mujoco.mj_kinematics(self.world.model, self._goal_data)
        mujoco.mj_camlight(self.world.model, self._goal_data)
        return self._draw(self._camera, self._goal_data, CAMERA)

    def _renderer(self, height: int, width: int, pretty: bool) -> mujoco.Renderer:
        # Multisampling is fixed when a context is made, and as dear as shadows: for people only.
        self.world.model.vis.quality.offsamples = 4 if pretty else 0
        return open_renderer(self.world.model, height, width, owner=self)

    def _draw(self, renderer: mujoco.Renderer, data: mujoco.MjData, camera: str, pretty: bool = False) -> np.ndarray:
        renderer.update_scene(data, camera)
        if camera == CAMERA and self._pose != FRONT:
            move(renderer.scene, self._pose)
        # Shadows cost ten times the rest: on for people, off for data.
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            renderer.scene.flags[flag] = pretty
        if pretty:
            self.world.mark_goal(renderer.scene)
        return renderer.render().copy()

    def _set_appearance(self) -> None:
        """Light, camera and background of this layout."""
        model, factors = self.world.model, self.world.factors
        diffuse, camera = self._nominal_look
        model.light_pos[0, :2] = factors.light_x_m, factors.light_y_m
        model.light_diffuse[:] = diffuse * factors.brightness
        model.cam_pos[:] = camera + np.array([factors.camera_x_m, factors.camera_y_m, factors.camera_z_m])
        self._pose = Pose(factors.camera_azimuth_deg, factors.camera_elevation_deg)
        for geom, rgba in self._background.items():
            model.geom_rgba[geom] = rgba * [
                factors.background_red,
                factors.background_green,
                factors.background_blue,
                1,
            ]
        mujoco.mj_camlight(model, self.world.data)  # else the first frame would show the layout before

    def _info(self) -> dict[str, Any]:
        return {**self.world.outcome(), "time_s": self.steps * PERIOD_S, "layout": self.layout}
