"""Gymnasium environment ``rehearse/DogOnJacket-v0``: fetch the jacket, let the dog sleep.

    env = gymnasium.make("rehearse/DogOnJacket-v0", level="half", split="test")
    observation, info = env.reset(options={"layout": 3})
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())

Observation: ``image`` (size, size, 3) uint8 from ``camera``, ``proprio`` (10,) float32, and, if ``views`` names more
cameras, their images under ``views``. Action (4,) in [-1, 1]: gripper velocity x, y, z (1 is 0.4, 0.4, 0.3 m/s) and
grip (> 0 closed), at 5 Hz; with ``control="joint"`` (J + 1,): velocity of the arm's J joints (1 is 1 rad/s) and grip.
An episode ends when the jacket's middle is in the drop zone (success), when the dog wakes (failure), or after 4 s.
Reward: progress made, +1 for success, -1 for waking, -0.01 a step.
``info`` holds success, woken, disturbance (1 wakes), progress (0 .. 1), distance_m, dog_speed_mps, dog_turn_radps,
dog_shift_m (see Outcome in world.py), sleep_depth, time_s and layout.
"""

from collections.abc import Mapping
from dataclasses import asdict, astuple

import gymnasium
import mujoco
import numpy as np

from rehearse.errors import ConfigError, DataError
from rehearse.sim.actions import checked_action
from rehearse.sim.arms import ARMS
from rehearse.sim.cameras import CAMERAS, FRONT, Pose, move
from rehearse.sim.dog_on_jacket import oddities
from rehearse.sim.dog_on_jacket.factors import LEVELS, VARIATIONS, sample_factors
from rehearse.sim.dog_on_jacket.world import ACTION_NAMES, PERIOD_S, Outcome, World
from rehearse.sim.gl import close_renderer, open_renderer
from rehearse.sim.layouts import SPLITS, layout_seed
from rehearse.sim.link import Link
from rehearse.sim.variation import BACKGROUND, FACTORS, NONE, checked

EPISODE_STEPS = 20
JACKETS = ("patch", "cloth")
STEP_PRICE = 0.01
MAX_LAYOUT = 2**31 - 1
# What a state of an episode holds: of the environment, of the world and its sleeping dog, of the link to the robot.
STATE = {
    *("layout", "steps", "progress", "variations", "outcome"),
    *("physics", "sensors", "q_rad", "target_m"),
    *("level", "velocity", "origin", "sleep_depth", "woken", "rows", "still"),
    *("on_their_way", "shown"),
}


class DogOnJacketEnv(gymnasium.Env):
    """See the module's first lines. ``fixed`` names factors that are held at the middle of their range.

    ``variations``: {factor: strength} of every episode for which ``reset`` is told no others (sim/variation.py).
    ``oddity`` makes every episode strange (oddities.py). ``level`` and ``camera`` may be changed between episodes;
    ``arm`` and ``jacket`` are built in.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}

    def __init__(
        self,
        level: str = "half",
        split: str = "train",
        jacket: str = "patch",
        control: str = "cartesian",
        start: str = "held",
        fixed: tuple[str, ...] = (),
        image_size: int = 64,
        terminate_when_woken: bool = True,
        render_mode: str | None = None,
        render_size: tuple[int, int] = (480, 640),
        arm: str = "arm7",
        camera: str = "front",
        views: tuple[str, ...] = (),
        oddity: str | None = None,
        variations: Mapping[str, float] = NONE,
    ) -> None:
        for name, value, known in (
            ("level", level, LEVELS),
            ("split", split, SPLITS),
            ("jacket", jacket, JACKETS),
            ("control", control, ("cartesian", "joint")),
            ("start", start, ("held", "above")),
            ("arm", arm, ARMS),
            *(("camera", name, CAMERAS) for name in (camera, *views)),
            ("oddity", oddity, (None, *oddities.ODDITIES)),
        ):
            if value not in known:
                raise ConfigError(f"unknown {name} {value!r}; choose one of {', '.join(map(str, known))}")
        self.level, self.split, self.start, self.control = level, split, start, control
        self.fixed, self.terminate_when_woken = frozenset(fixed), terminate_when_woken
        self.render_mode, self.render_size = render_mode, render_size
        self.camera, self.views, self.oddity = camera, views, oddity
        self.variations = checked(variations, VARIATIONS)
        self.world = World(jacket, ARMS[arm])
        self.image_size = image_size
        image = gymnasium.spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)
        proprio = gymnasium.spaces.Box(-np.inf, np.inf, (len(PROPRIO_NAMES),), np.float32)
        spaces = {"image": image, "proprio": proprio}
        if views:
            spaces["views"] = gymnasium.spaces.Dict(dict.fromkeys(views, image))
        self.observation_space = gymnasium.spaces.Dict(spaces)
        self._actions = ACTION_NAMES if control == "cartesian" else (*ARMS[arm].joints, "grip")
        self.action_space = gymnasium.spaces.Box(-1, 1, (len(self._actions),), np.float32)
        self._camera = None
        self._film = None

    # -- Gymnasium -----------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Start layout ``options["layout"]`` of this split, or one drawn with the seed; or go to ``options["state"]``.

        ``options["variations"]``: {factor: strength} of this episode, instead of the environment's own.
        """
        super().reset(seed=seed)
        options = options or {}
        if (state := options.get("state")) is not None:
            return self._go_to(state)
        layout = options.get("layout")
        layout = int(self.np_random.integers(MAX_LAYOUT)) if layout is None else int(layout)
        return self._lay_out(layout, options.get("variations", self.variations))

    def _lay_out(self, layout: int, variations: Mapping[str, float]) -> tuple[dict, dict]:
        self.layout, self._varied = layout, checked(variations, VARIATIONS)
        rng = np.random.default_rng(layout_seed(self.split, self.layout))
        self.factors = factors = sample_factors(LEVELS[self.level], rng, self.fixed, self._varied)
        self.world.reset(self.factors, held=self.start == "held")
        hold = (*[0.0] * (self.action_space.shape[0] - 1), 1.0)
        self._link = Link(layout, hold, round(factors.latency_steps), factors.dropped_share, factors.frozen_share)
        # Its own generator: a strange episode is otherwise the episode that it would have been.
        self._strange = oddities.draw(self.oddity, np.random.default_rng((11, self.layout)))
        self._set_appearance()
        self.steps, self._progress = 0, 0.0
        distance = float(self.world.distance_m(self.world.jacket_start))
        self._outcome = Outcome(0.0, False, 0.0, False, distance, 0.0, 0.0, 0.0)
        return self.observe(), self._info(**asdict(self._outcome))

    def state(self) -> dict[str, np.ndarray]:
        """This moment of this episode, as arrays; an environment of the same settings goes on from it bit for bit."""
        return {
            "layout": np.int64(self.layout),
            "steps": np.int64(self.steps),
            "progress": np.float64(self._progress),
            "variations": np.array([self._varied.get(name, 0.0) for name in FACTORS]),
            "outcome": np.array(astuple(self._outcome), float),
            **self.world.get_state(),
            **self._link.state(),
        }

    def _go_to(self, state: Mapping[str, np.ndarray]) -> tuple[dict, dict]:
        if missing := STATE - set(state):
            raise DataError(f"state has no {', '.join(sorted(missing))}: use what env.state() gave")
        varied = {
            name: float(strength) for name, strength in zip(FACTORS, state["variations"], strict=True) if strength
        }
        self._lay_out(int(state["layout"]), varied)
        self.world.set_state(state)
        self._link.restore(state)
        self.steps, self._progress = int(state["steps"]), float(state["progress"])
        kinds = [type(value) for value in astuple(self._outcome)]
        self._outcome = Outcome(*(kind(value) for kind, value in zip(kinds, state["outcome"], strict=True)))
        return self.observe(), self._info(**asdict(self._outcome))

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        """One control period of 0.2 s."""
        action = self._link.sent(checked_action(action, self._actions))
        outcome = self.world.step(action) if self.control == "cartesian" else self.world.step_joints(action)
        told = self.account(outcome)
        return self.observe(), *told

    def account(self, outcome: Outcome) -> tuple[float, bool, bool, dict]:
        """Reward, terminated, truncated and info after a control period of which this came."""
        self.steps, self._outcome = self.steps + 1, outcome
        reward = outcome.progress - self._progress - STEP_PRICE + float(outcome.success)
        woke_now = outcome.woken and self.terminate_when_woken
        reward -= float(woke_now)
        self._progress = outcome.progress
        info = self._info(**asdict(outcome))
        terminated = outcome.success or woke_now
        return float(reward), terminated, self.steps >= EPISODE_STEPS and not terminated, info

    def render(self) -> np.ndarray | None:
        """A film frame (height, width, 3) with shadows, from the arm's wide camera, when render_mode is rgb_array."""
        if self.render_mode != "rgb_array":
            return None
        if self._film is None:
            self._film = self._renderer(*self.render_size, pretty=True)
        return self._draw(self._film, self.world.arm.film, shadows=True)

    def close(self) -> None:
        """Free the renderers."""
        for renderer in (self._camera, self._film):
            if renderer is not None:
                close_renderer(renderer)
        self._camera = self._film = None

    # -- pictures ------------------------------------------------------------------------------------------------

    def _renderer(self, height: int, width: int, pretty: bool) -> mujoco.Renderer:
        # Multisampling is fixed when a context is made, and as dear as shadows: for people only.
        self.world.model.vis.quality.offsamples = 4 if pretty else 0
        return open_renderer(self.world.model, height, width, owner=self)

    def _draw(self, renderer: mujoco.Renderer, camera: str, shadows: bool, pose: Pose = FRONT) -> np.ndarray:
        renderer.update_scene(self.world.data, camera)
        if camera == "front":  # the robot's eye, not the film's
            pose = Pose(pose.azimuth + self._turned.azimuth, pose.elevation + self._turned.elevation, pose.roll)
        if pose != FRONT:
            move(renderer.scene, pose)
        if self._strange.thing is not None:
            oddities.stand(renderer.scene, self._strange.thing)
        # Shadows cost ten times the rest: on for people, off for data.
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = shadows
        return renderer.render().copy()

    def observe(self) -> dict:
        """What the robot senses now."""
        if self._camera is None:
            self._camera = self._renderer(self.image_size, self.image_size, pretty=False)
        pose = CAMERAS[self.camera] if self._strange.pose == FRONT else self._strange.pose
        observation = {
            "image": self._link.seen(self.steps, lambda: self._see(pose)),
            "proprio": self.world.proprioception(),
        }
        if self.views:
            observation["views"] = {name: self._see(CAMERAS[name]) for name in self.views}
        return observation

    def _see(self, pose: Pose) -> np.ndarray:
        """An image (size, size, 3) from ``pose``."""
        image = self._draw(self._camera, "front", shadows=False, pose=pose)
        return np.zeros_like(image) if self._strange.black else image

    def _set_appearance(self) -> None:
        """Light and camera of this layout; they change pictures, never physics."""
        model, factors = self.world.model, self.factors
        if not hasattr(self, "_nominal_look"):
            self._nominal_look = model.light_diffuse.copy(), model.cam_pos.copy()
            self._background = [i for i in range(model.ngeom) if model.geom(i).name in BACKGROUND]
        diffuse, camera = self._nominal_look
        model.light_pos[0, :2] = factors.light_x_m, factors.light_y_m
        model.light_diffuse[:] = diffuse * factors.brightness
        model.cam_pos[:] = camera + np.array(factors.camera_jitter_m)
        self._turned = Pose(factors.camera_azimuth_deg, factors.camera_elevation_deg)
        model.geom_rgba[self._background, :3] = (
            factors.background_red,
            factors.background_green,
            factors.background_blue,
        )
        mujoco.mj_camlight(model, self.world.data)  # else the first frame would show the layout before

    def _info(self, **outcome: float | bool) -> dict:
        return {
            **outcome,
            "sleep_depth": self.factors.sleep_depth,
            "time_s": self.steps * PERIOD_S if hasattr(self, "steps") else 0.0,
            "layout": self.layout,
        }


PROPRIO_NAMES = (
    *("grip_x", "grip_y", "grip_z"),
    *("lag_x", "lag_y", "lag_z"),
    *("force_x", "force_y", "force_z"),
    "holds",
)
