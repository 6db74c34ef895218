"""Learn, act, learn from what happened: rounds of collect -> train -> plan -> collect as one resumable procedure.

    improve(RoundsConfig(rounds=2), [Path("data/play")], Path("runs/dog"))

Round 0 trains on the given datasets. Every later round lets the planner do the task with the model so far, at several
search sizes, noise levels and appetites for risk, and trains on with its attempts: an optimiser finds the mistakes of
a model, so the model must be shown what came of them (as in DAgger, Ross et al. 2011, and PETS, Chua et al. 2018), and
what would have come of its other plans (branching.py).
Everything lies under ``out``: ``round-<r>/`` (checkpoints), ``round-<r>/attempts`` (datasets), and the last model.
What is already there is not done again, so a killed run goes on where it stopped.
"""

import dataclasses
import hashlib
import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from rehearse.errors import ConfigError
from rehearse.files import atomic_write
from rehearse.sim.branching import branching, can_branch
from rehearse.sim.collect import CollectConfig, collect, in_processes
from rehearse.sim.planner_agent import PlannerAgent, PlannerSettings
from rehearse.sim.task import Task, TaskEnv
from rehearse.sim.tasks import DEFAULT, get_task
from rehearse.world_model import TrainConfig, load, train
from rehearse.world_model.card import FILE, fingerprint
from rehearse.world_model.checkpoint import read_tensors, weights_path
from rehearse.world_model.data import ClipCache, LeRobotReader

WAYS = 5


@dataclass(frozen=True)
class RoundsConfig:
    """How often, and how much each time. ``share`` of every batch comes from the planner's own attempts.

    None by default. ``episodes``: attempts of a round. ``ways``: episodes made of each, itself and its branches; with
    1 nothing branches, which is what is left where a task cannot go back to a moment. docs/results.md says what either
    is worth.
    """

    rounds: int = 0
    task: str = DEFAULT
    episodes: int = 400
    ways: int | None = None  # WAYS, or 1 where nothing can branch
    steps: int = 1000
    learning_rate: float = 2.5e-3
    share: float = 0.5
    level: str | None = None
    seed: int = 1
    workers: int = CollectConfig.workers

    def __post_init__(self) -> None:
        task = get_task(self.task)
        task.checked_level(self.level or task.level)
        if self.ways is None:
            object.__setattr__(self, "ways", WAYS if can_branch(task) else 1)
        if self.rounds < 0 or min(self.episodes, self.ways, self.steps) < 1:
            raise ConfigError("rounds must be >= 0, episodes, ways and steps at least 1")
        if self.rounds and self.ways > 1 and not can_branch(task):
            raise ConfigError(f"{task.name} cannot go back to a moment, so nothing branches there; use 1 way")
        if not 0 < self.share < 1:
            raise ConfigError(f"share must lie between 0 and 1, got {self.share}")


class Attempts(PlannerAgent):
    """A planner whose search size, noise, fear of harm and doubt are drawn anew for every episode."""

    sizes, noises, fears, doubts = (16, 64, 512), (0.0, 0.05, 0.15), (0.5, 1.0, 5 / 3), (0.0, 1.0, 1.0)

    def __init__(self, checkpoint: Path, task: Task) -> None:
        super().__init__(task, load(checkpoint))

    def reset(self, env: TaskEnv, observation: dict, rng: np.random.Generator) -> None:
        """Draw this episode's character."""
        # A planner that never errs teaches nothing about the edge, so some attempts hardly mind doing harm, and some go
        # where the model does not know what will happen.
        noise, futures, fear, doubt = (rng.choice(x) for x in (self.noises, self.sizes, self.fears, self.doubts))
        self.use(PlannerSettings(int(futures), fear=float(fear), doubt=float(doubt), noise=float(noise)))
        super().reset(env, observation, rng)


def improve(
    config: RoundsConfig,
    training: TrainConfig,
    datasets: Sequence[Path],
    out: Path,
    on_stage: Callable[[str], None] = lambda text: None,
    on_progress: Callable[[dict], None] | None = None,
    on_episode: Callable[[int, int], None] = lambda count, total: None,
) -> Path:
    """Run all rounds; returns the final checkpoint's weights, ``out/model.safetensors``.

    ``on_stage`` is told what begins, ``on_progress`` what ``train`` tells of a step, ``on_episode`` how many episodes
    of how many were recorded.
    """
    attempts: list[Path] = []
    previous: Path | None = None
    for round_number in range(config.rounds + 1):
        folder = out / f"round-{round_number}"
        if previous is not None:
            attempts.append(_attempt(config, round_number, previous, folder, on_stage, on_episode))
            training = dataclasses.replace(
                training,
                steps=config.steps,
                learning_rate=config.learning_rate,
                init_from=str(previous),
                sampling_weights=dataset_weights(config.share, len(datasets), len(attempts)),
            )
        on_stage(f"round {round_number}: training, {training.steps} steps")
        paths = [*datasets, *attempts]
        caches = [ClipCache.open([path], image_size=training.model.image_size) for path in paths]
        for cache in caches:
            get_task(config.task).check_data(cache)
        previous = train(training, caches, folder, on_progress=on_progress, data=[_provenance(p) for p in paths]).path
    for source in (*previous.parent.glob(FILE), previous.with_suffix(".json"), previous):
        with atomic_write(weights_path(out).with_name(source.name)) as target:
            shutil.copyfile(source, target)
    return weights_path(out)


def _attempt(
    config: RoundsConfig,
    number: int,
    checkpoint: Path,
    folder: Path,
    on_stage: Callable[[str], None],
    on_episode: Callable[[int, int], None],
) -> Path:
    path = folder / "attempts"
    if not path.exists():
        each = "" if config.ways == 1 else f", {config.ways} episodes of each"
        on_stage(f"round {number}: {config.episodes} attempts with the model so far{each}")
        # The seeds of attempts start far above those of play, so that no layout is met twice.
        seed = 100 * (config.seed + 1) + number
        asked = CollectConfig(config.task, config.episodes * config.ways, config.level, seed, config.workers)
        run = in_processes if config.ways == 1 else partial(branching, config.ways)
        keep = {"weights": _digest(checkpoint), "ways": str(config.ways)}
        count = itertools.count(1)
        recorded = lambda take: on_episode(next(count), asked.episodes)  # noqa: E731
        collect(asked, path, partial(Attempts, checkpoint), recorded, "attempts of the planner", run, keep)
    return path


def dataset_weights(share: float, datasets: int, attempts: int) -> tuple[float, ...]:
    """The given datasets share what the attempts leave; the newest attempts weigh as much as all older together."""
    recency = [2.0 ** (i - 1) if i else 1.0 for i in range(attempts)]
    return tuple([(1 - share) / datasets] * datasets + [share * weight / sum(recency) for weight in recency])


def _digest(checkpoint: Path) -> str:
    """What the weights are, whenever they were saved."""
    digest = hashlib.sha256()
    for name, tensor in sorted(read_tensors(checkpoint)[0].items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def _provenance(path: Path) -> dict:
    reader = LeRobotReader(path)
    counts = {"episodes": len(reader), "frames": int(reader.lengths.sum())}
    return counts | {"fingerprint": fingerprint(path)} | reader.provenance
