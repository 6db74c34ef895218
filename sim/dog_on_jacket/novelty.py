"""Does the model notice what it has never seen? Its doubt and its surprise in strange scenes, against ordinary ones.

    rows = measure(NoveltyConfig(layouts=50), checkpoint)

The planner acts for a few steps on evaluation layouts, ordinary ones and strange ones (oddities.py). At every
step its doubt is the disagreement of the ensemble over candidate plans; its surprise, the squared distance of the next
moment from the one that it had imagined; and its blindness, the squared error of the picture that it would draw of what
it sees, for what it has never seen it cannot draw. How well each tells strange from ordinary is an AUROC, with a
bootstrap interval over episodes.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rehearse.errors import ConfigError
from rehearse.sim.agents import make_agent
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.factors import LEVELS
from rehearse.sim.dog_on_jacket.oddities import ODDITIES
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.dog_on_jacket.world import PERIOD_S
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.planner_agent import PlannerAgent
from rehearse.sim.workers import in_workers
from rehearse.world_model.metrics import auroc

CANDIDATES = 32
RESAMPLES = 1000
SENSES = ("doubt", "surprise", "blindness")


@dataclass(frozen=True)
class NoveltyConfig:
    """Ordinary layouts, and as many others for every oddity; ``steps`` moments of each are judged."""

    layouts: int = 50
    steps: int = 4
    level: str = "half"
    seed: int = 0
    split: str = "test"
    workers: int = os.cpu_count() or 1

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ConfigError(f"unknown level {self.level!r}; choose one of {', '.join(LEVELS)}")
        if self.layouts < 2 or self.steps < 1:
            raise ConfigError("novelty needs at least 2 layouts and 1 step")


_worker: tuple[NoveltyConfig, dict[str | None, DogOnJacketEnv], PlannerAgent] | None = None


def _start_worker(config: NoveltyConfig, checkpoint: Path) -> None:
    global _worker
    torch.set_num_threads(1)
    envs = {kind: DogOnJacketEnv(level=config.level, split=config.split, oddity=kind) for kind in (None, *ODDITIES)}
    _worker = config, envs, make_agent(TASK, "planner-64", checkpoint)


def _episode(item: tuple[str | None, int]) -> tuple[str | None, list[tuple[float, ...]]]:
    """Doubt, surprise and blindness at the first steps of one episode."""
    config, envs, agent = _worker
    kind, index = item
    env, layout, felt = envs[kind], config.seed * LAYOUTS_PER_SEED + index, []
    observation, _ = env.reset(options={"layout": layout})
    agent.reset(env, observation, np.random.default_rng((config.seed, layout)))
    generator = torch.Generator().manual_seed(layout)
    for step in range(config.steps):
        history = agent.history()
        belief = agent.dynamics.observe(history)
        plans = agent.mpc.draw(history, step * PERIOD_S, CANDIDATES, generator)
        doubt = float(agent.dynamics.imagine(belief, plans).disagreement.mean())
        action = agent.act(env)
        taken = torch.as_tensor(action, dtype=torch.float32)[None, None]
        expected = agent.dynamics.imagine(belief, taken).latents[0, 0]
        observation, _, terminated, _, _ = env.step(action)
        agent.saw(action, observation)
        moment = agent.dynamics.observe(agent.history()).moment[0]
        surprise = float((moment - expected).square().mean())
        felt.append((doubt, surprise, blindness(agent, observation["image"])))
        if terminated:
            break
    return kind, felt


def blindness(agent: PlannerAgent, image: np.ndarray) -> float:
    """Mean squared error, in units of the full range of a pixel, of the picture drawn of what was seen last."""
    drawn = agent.dynamics.model.decode(agent.dynamics.observe(agent.history()).moment)[0].numpy()
    return float(np.mean((drawn / 255.0 - image / 255.0) ** 2))


def measure(
    config: NoveltyConfig, checkpoint: Path, on_episode: Callable[[], None] = lambda: None
) -> list[dict[str, float | int | str]]:
    """One row per oddity: AUROC of each of SENSES, with ``_low`` and ``_high``."""
    # Other layouts for every kind: what is told apart must be the strangeness, not the layout.
    items = [
        (kind, number * config.layouts + i)
        for number, kind in enumerate((None, *ODDITIES))
        for i in range(config.layouts)
    ]
    found: dict[str | None, list[np.ndarray]] = {kind: [] for kind in (None, *ODDITIES)}
    for kind, felt in in_workers(_episode, items, config.workers, _start_worker, (config, checkpoint), in_order=True):
        found[kind].append(np.array(felt))
        on_episode()
    return [_row(kind, found[None], found[kind]) for kind in ODDITIES]


def _row(kind: str, ordinary: Sequence[np.ndarray], strange: Sequence[np.ndarray]) -> dict[str, float | int | str]:
    row: dict[str, float | int | str] = {"oddity": kind, "episodes": len(strange)}
    rng = np.random.default_rng(0)
    again = lambda episodes: [episodes[i] for i in rng.integers(len(episodes), size=len(episodes))]  # noqa: E731
    for column, name in enumerate(SENSES):
        drawn = [_telling(again(ordinary), again(strange), column) for _ in range(RESAMPLES)]
        values = _telling(ordinary, strange, column), *np.quantile(drawn, [0.025, 0.975])
        row |= {f"{name}{tag}": round(float(v), 3) for tag, v in zip(("", "_low", "_high"), values, strict=True)}
    return row


def _telling(ordinary: Sequence[np.ndarray], strange: Sequence[np.ndarray], column: int) -> float:
    """AUROC over all steps of all episodes."""
    calm, odd = np.concatenate(ordinary)[:, column], np.concatenate(strange)[:, column]
    return auroc(np.concatenate([calm, odd]), np.repeat([0.0, 1.0], [len(calm), len(odd)]))
