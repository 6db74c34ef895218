"""What goes otherwise than in training, one thing at a time and as strongly as is asked for.

    env = Perturbed(task.make_env(split="test"), Perturbation("lighting", 0.5))
    observation, info = env.reset(options={"layout": 3})           # the same layout, half as bright

A perturbation comes over a layout after it was laid out: what stands where stays. What is done to pictures is done to
the robot's alone, at every moment of the episode; a goal's picture shows the goal as it always did. Scripts and oracles
read the true world, so that physics disturbs them and pictures do not. Chance comes from the layout's number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from rehearse.errors import ConfigError
from rehearse.sim.starts import start_of
from rehearse.sim.task import TaskEnv

# Of a MuJoCo model, what the factors below change; put back before every layout.
CHANGED = (
    "light_diffuse",
    "light_specular",
    "cam_pos",
    "geom_rgba",
    "geom_size",
    "geom_rbound",
    "geom_friction",
    "flex_friction",
)
FROZEN_WITHIN_STEPS = 10  # a picture freezes in the first steps of an episode, before most of it is decided


@dataclass(frozen=True)
class Factor:
    """One thing that may go otherwise: what its strength says, where that is as usual, and its bounds."""

    meaning: str
    unit: str
    neutral: float
    low: float
    high: float


FACTORS = {
    "lighting": Factor("brightness of all lights, as a multiple", "×", 1.0, 0.0, 4.0),
    "background": Factor("share of another colour in the floor's, drawn per layout", "", 0.0, 0.0, 1.0),
    "camera": Factor("distance by which the camera stands elsewhere, in a direction drawn per layout", " m", 0.0, 0, 1),
    "size": Factor("size of the thing that the task names, as a multiple", "×", 1.0, 0.2, 3.0),
    "friction": Factor("sliding friction of everything, as a multiple", "×", 1.0, 0.05, 10.0),
    "dropped": Factor("chance that a frame does not come; the last one that came is seen", "", 0.0, 0.0, 1.0),
    "frozen": Factor(
        "seconds for which the picture stands still, from a moment drawn per layout", " s", 0.0, 0.0, 60.0
    ),
}
OF_PICTURES = ("dropped", "frozen")


@dataclass(frozen=True)
class Perturbation:
    """One factor at one strength; ConfigError for one that there is not."""

    factor: str
    strength: float

    def __post_init__(self) -> None:
        if self.factor not in FACTORS:
            raise ConfigError(f"unknown factor {self.factor!r}; choose one of {', '.join(FACTORS)}")
        known = FACTORS[self.factor]
        if not known.low <= self.strength <= known.high:
            raise ConfigError(
                f"{self.factor} is {self.strength:g}; it must lie between {known.low:g} and {known.high:g} "
                f"({known.meaning})"
            )

    @property
    def neutral(self) -> bool:
        """Whether nothing is changed."""
        return self.strength == FACTORS[self.factor].neutral

    def words(self) -> str:
        """Such as ``lighting 0.5×``."""
        return f"{self.factor} {self.strength:g}{FACTORS[self.factor].unit}"


class Perturbed:
    """A TaskEnv of which one thing is otherwise. ``sized``: the geoms that make up what ``size`` is about.

    Raises ConfigError if the task has nothing to which the factor applies.
    """

    def __init__(self, env: TaskEnv, perturbation: Perturbation, sized: tuple[str, ...] = (), period_s: float = 0.2):
        self.env, self.perturbation, self.period_s = env, perturbation, period_s
        self._sized = sized
        if perturbation.factor in OF_PICTURES:
            return
        self.model = getattr(env.world, "model", None)
        if not isinstance(self.model, mujoco.MjModel):
            raise ConfigError(f"{perturbation.factor} changes a MuJoCo model, and this task's world has none")
        if perturbation.factor == "size" and not sized:
            raise ConfigError("nothing in this task changes its size; leave the factor size out")
        self._usual = {name: getattr(self.model, name).copy() for name in CHANGED}
        head = self.model.vis.headlight
        self._usual_head = {name: np.array(getattr(head, name)) for name in ("ambient", "diffuse", "specular")}

    @property
    def world(self) -> Any:
        """The true world."""
        return self.env.world

    @property
    def steps(self) -> int:
        """Taken in this episode."""
        return self.env.steps

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Lay out, then perturb. ``laid_out`` is the hash of what was laid out."""
        self._put_back()
        observation, info = self.env.reset(seed=seed, options=options)
        self.laid_out = start_of(self.env, observation)
        self._rng = np.random.default_rng((13, int(info["layout"])))
        factor = self.perturbation.factor
        self._last: np.ndarray | None = None
        self._frozen_from = int(self._rng.integers(FROZEN_WITHIN_STEPS)) if factor == "frozen" else 0
        if factor not in OF_PICTURES:
            CHANGES[factor](self)
            mujoco.mj_camlight(self.model, self.world.data)
            observation = self.env.observe()
        return self._seen(observation), info

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        """One control period."""
        observation, *rest = self.env.step(action)
        return self._seen(observation), *rest

    def observe(self) -> dict:
        """What the robot's camera would give; a picture that was lost on the way stands in ``step``'s answer only."""
        return self.env.observe()

    def render(self) -> np.ndarray | None:
        """A film frame."""
        return self.env.render()

    def close(self) -> None:
        """Put the model back, and free the renderers."""
        self._put_back()
        self.env.close()

    def _put_back(self) -> None:
        if self.perturbation.factor in OF_PICTURES:
            return
        for name, values in self._usual.items():
            getattr(self.model, name)[:] = values
        for name, values in self._usual_head.items():
            getattr(self.model.vis.headlight, name)[:] = values

    def _seen(self, observation: dict) -> dict:
        """The picture that arrives: at some moments an older one."""
        factor, strength = self.perturbation.factor, self.perturbation.strength
        lost = False
        if factor == "dropped":
            lost = self._rng.uniform() < strength
        if factor == "frozen":
            lost = 0 < self.steps - self._frozen_from <= round(strength / self.period_s)
        if lost and self._last is not None:
            return {**observation, "image": self._last}
        self._last = observation["image"]
        return observation


def _lighting(env: Perturbed) -> None:
    strength = env.perturbation.strength
    env.model.light_diffuse[:] *= strength
    env.model.light_specular[:] *= strength
    for name in env._usual_head:
        getattr(env.model.vis.headlight, name)[:] *= strength


def _background(env: Perturbed) -> None:
    """The floor, or the table: the largest geom that stands still."""
    model, strength = env.model, env.perturbation.strength
    still = np.flatnonzero(model.geom_bodyid == 0)
    areas = [
        np.inf if model.geom_type[i] == mujoco.mjtGeom.mjGEOM_PLANE else model.geom_size[i, :2].prod() for i in still
    ]
    floor = still[int(np.argmax(areas))]
    colour = env._rng.uniform(0, 1, 3)
    model.geom_rgba[floor, :3] = (1 - strength) * model.geom_rgba[floor, :3] + strength * colour


def _camera(env: Perturbed) -> None:
    towards = env._rng.normal(size=3)
    env.model.cam_pos[:] += env.perturbation.strength * towards / np.linalg.norm(towards)


def _size(env: Perturbed) -> None:
    """Along x and y, so that what lies on a table goes on lying on it; a ball has but a radius."""
    ids = [env.model.geom(name).id for name in env._sized]
    env.model.geom_size[ids, :2] *= env.perturbation.strength
    env.model.geom_rbound[ids] *= max(1.0, env.perturbation.strength)


def _friction(env: Perturbed) -> None:
    for sliding in (env.model.geom_friction[:, 0], env.model.flex_friction[:, 0]):
        sliding *= env.perturbation.strength


CHANGES: dict[str, Callable[[Perturbed], None]] = {
    "lighting": _lighting,
    "background": _background,
    "camera": _camera,
    "size": _size,
    "friction": _friction,
}
