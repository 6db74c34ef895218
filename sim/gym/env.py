"""Anybody's Gymnasium environment as a TaskEnv: its picture and its observation, its reward and its end as signals.

    env = GymEnv("Reacher-v5", split="test")
    observation, info = env.reset(options={"layout": 3})          # image (64,64,3), proprio (P,)

``image`` is what ``render()`` draws, made small. ``proprio`` is the environment's own observation, flattened: whoever
wants pixels alone must choose an environment that observes nothing else. Actions (A,) in [-1, 1] are stretched to the
environment's bounds. Layout n of a split is a seed of ``reset``, and splits share none. ``info`` holds ``reward`` and
``ended`` (terminated) of the last step, ``progress``, which is the return so far, and ``success``: what the environment
says of it, or else whether the return has reached its ``reward_threshold`` when the episode is over.
"""

import math
from typing import Any
from urllib.parse import parse_qsl

import gymnasium
import mujoco
import numpy as np

from rehearse.errors import ConfigError, SetupError
from rehearse.sim.actions import checked_action
from rehearse.sim.layouts import SPLITS, layout_seed
from rehearse.world_model.data.resize import resize

MAX_LAYOUT = 2**31 - 1
USUAL_FPS = 20  # where an environment does not say how fast it is
LONGEST_STEPS = 1000
SAID = ("is_success", "success")  # how environments spell it
REMEDY = "pip install 'gymnasium[mujoco]', or the package that registers it, named before the id: gym:package:id"


def open_gym(name: str, size: int = 64) -> gymnasium.Env:
    """The environment that draws pictures; SetupError or ConfigError say why there is none.

    What its maker wants to be told stands behind the id, as in a URL: ``Meta-World/MT1?env_name=reach-v3``. Where it
    may be told, it draws pictures twice as large as ``size`` and without shadows, which takes a tenth of the time.
    """
    made_of, _, words = name.partition("?")
    told = dict(parse_qsl(words, strict_parsing=True)) if words else {}
    try:
        try:
            made = gymnasium.make(made_of, render_mode="rgb_array", width=2 * size, height=2 * size, **told)
        except TypeError:  # it has a size of its own
            made = gymnasium.make(made_of, render_mode="rgb_array", **told)
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
        raise SetupError(f"{name} needs something that is not installed ({error}); {REMEDY}") from error
    except (gymnasium.error.Error, TypeError) as error:
        raise ConfigError(f"Gymnasium cannot make {name!r}: {error}; {REMEDY}") from error
    except Exception as error:  # whatever a package raises that was written for another MuJoCo than is installed
        raise SetupError(
            f"{name} breaks at its start ({type(error).__name__}: {error}) with MuJoCo {mujoco.__version__}; "
            "see in its package which versions it wants"
        ) from error
    box = made.action_space
    if not isinstance(box, gymnasium.spaces.Box) or len(box.shape) != 1 or not np.isfinite([box.low, box.high]).all():
        made.close()
        raise ConfigError(f"{name} acts by {box}; only a bounded Box of one dimension can be planned for")
    if isinstance(model := getattr(made.unwrapped, "model", None), mujoco.MjModel):
        model.light_castshadow[:] = False
        model.vis.quality.offsamples = 0
    return made


def fps_of(env: gymnasium.Env) -> int:
    """Steps per second, to the next whole number."""
    period_s = getattr(env.unwrapped, "dt", None)
    if isinstance(period_s, float) and period_s > 0:
        return max(1, round(1 / period_s))
    return int(env.metadata.get("render_fps") or USUAL_FPS)


class GymEnv(gymnasium.Env):
    """See the module's first lines."""

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(
        self,
        name: str,
        split: str = "train",
        image_size: int = 64,
        render_mode: str | None = None,
        render_size: tuple[int, int] = (480, 640),
    ) -> None:
        layout_seed(split, 0)  # refuses an unknown one
        self.inner = open_gym(name, image_size)
        self.world = self.inner.unwrapped
        self.split, self.image_size, self.render_mode = split, image_size, render_mode
        self.period_s = 1 / fps_of(self.inner)
        low, high = self.inner.action_space.low, self.inner.action_space.high
        self._middle, self._half = (high + low) / 2, (high - low) / 2
        self._names = tuple(f"number {i}" for i in range(len(low)))
        self._solved = math.inf if self.inner.spec.reward_threshold is None else self.inner.spec.reward_threshold
        self._limit = self.inner.spec.max_episode_steps or LONGEST_STEPS
        size = gymnasium.spaces.flatdim(self.inner.observation_space)
        self.observation_space = gymnasium.spaces.Dict(
            {
                "image": gymnasium.spaces.Box(0, 255, (image_size, image_size, 3), np.uint8),
                "proprio": gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32),
            }
        )
        self.action_space = gymnasium.spaces.Box(-1, 1, low.shape, np.float32)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Start layout ``options["layout"]`` of this split, or one drawn with the seed."""
        super().reset(seed=seed)
        layout = (options or {}).get("layout")
        self.layout = int(self.np_random.integers(MAX_LAYOUT)) if layout is None else int(layout)
        drawn = int(np.random.SeedSequence(layout_seed(self.split, self.layout)).generate_state(1)[0])
        number = drawn % (MAX_LAYOUT // len(SPLITS)) * len(SPLITS) + SPLITS.index(self.split)
        self._seen, told = self.inner.reset(seed=number)
        self.steps, self.reward, self.total = 0, 0.0, 0.0
        return self.observe(), self._info(told, ended=False, over=False)

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        """One step of the environment."""
        stretched = self._middle + self._half * checked_action(action, self._names)
        self._seen, reward, ended, cut, told = self.inner.step(stretched.astype(self.inner.action_space.dtype))
        self.steps, self.reward, self.total = self.steps + 1, float(reward), self.total + float(reward)
        cut = cut or self.steps >= self._limit
        info = self._info(told, ended, ended or cut)
        return self.observe(), self.reward, bool(ended), bool(cut), info

    def observe(self) -> dict[str, np.ndarray]:
        """What is seen and told now."""
        told = gymnasium.spaces.flatten(self.inner.observation_space, self._seen)
        return {
            "image": resize(self._picture()[None], self.image_size)[0],
            "proprio": np.asarray(told, np.float32),
        }

    def render(self) -> np.ndarray | None:
        """The environment's own picture, when render_mode is rgb_array."""
        return self._picture() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Free the environment."""
        self.inner.close()

    def _picture(self) -> np.ndarray:
        picture = np.asarray(self.inner.render())
        if picture.ndim != 3 or picture.shape[-1] != 3 or picture.dtype != np.uint8:
            raise ConfigError(
                f"{self.inner.spec.id} draws {picture.dtype} of shape {picture.shape}; pictures are (h,w,3) uint8"
            )
        return np.ascontiguousarray(picture)

    def _info(self, told: dict, ended: bool, over: bool) -> dict[str, Any]:
        said = [bool(told[name]) for name in SAID if name in told]
        return {
            "reward": self.reward,
            "ended": bool(ended),
            "progress": self.total,
            "success": any(said) if said else over and self.total >= self._solved,
            "time_s": self.steps * self.period_s,
            "layout": self.layout,
        }
