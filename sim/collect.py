"""Collect episodes into a LeRobotDataset v3.0: scripted-and-noise play, or a planner's own attempts.

    collect(CollectConfig(episodes=1200, seed=0), Path("data/play"))
    collect(CollectConfig(options={"arm": "arm5+arm6", "camera": "front+left"}), Path("data/others"))
    collect(CollectConfig(task="reach", variations={"camera": 0.5, "background": 1}), Path("data/various"))

Worker processes step and render; this process writes. Episode i of seed s is layout s * 1_000_000 + i of the train
split, so no evaluation layout can ever be seen.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rehearse import __version__
from rehearse.errors import ConfigError
from rehearse.sim.agents import Agent, BehaviourAgent
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.recording import Recording
from rehearse.sim.takes import KeptTakes, Take
from rehearse.sim.task import Task, TaskEnv
from rehearse.sim.tasks import DEFAULT, get_task
from rehearse.sim.variation import FACTORS, checked
from rehearse.sim.workers import in_workers
from rehearse.world_model.data import LeRobotWriter


@dataclass(frozen=True)
class CollectConfig:
    """What to collect. Level and each option may be several joined by '+'; their combinations take turns.

    A level of None and options that are not given are the task's usual ones. ``variations``: {factor: strength} of what
    goes otherwise (variation.py); each episode takes a factor to a strength of its own, uniform from 0 to that one.
    """

    task: str = DEFAULT
    episodes: int = 1500
    level: str | None = None
    seed: int = 0
    workers: int = os.cpu_count() or 1
    image_size: int = 64
    options: Mapping[str, str] = field(default_factory=dict)
    variations: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ConfigError(f"episodes must be at least 1, got {self.episodes}")
        if self.workers < 1:
            raise ConfigError(f"workers must be at least 1, got {self.workers}")
        task = get_task(self.task)
        object.__setattr__(self, "level", self.level or task.level)
        object.__setattr__(self, "options", task.checked_options({}) | dict(self.options))
        for turn in self._turns():
            task.checked_level(turn.pop("level"))
            task.checked_options(turn)
        if "latency" in self.variations:
            raise ConfigError("latency cannot be collected: actions would be recorded as of when they were sent")
        object.__setattr__(self, "variations", checked(self.variations, task.variations))

    def layout(self, index: int) -> int:
        """Of episode ``index``, in the train split."""
        return self.seed * LAYOUTS_PER_SEED + index

    def varied(self, index: int) -> dict[str, float]:
        """How strongly each factor of variation acts in episode ``index``; its own chance, whatever else is varied."""
        strengths = np.random.default_rng((17, self.layout(index))).uniform(size=len(FACTORS))
        drawn = dict(zip(FACTORS, strengths, strict=True))
        return {name: most * float(drawn[name]) for name, most in self.variations.items()}

    def turn(self, index: int) -> dict[str, str]:
        """Level and options of episode ``index``."""
        turns = self._turns()
        return turns[index % len(turns)]

    def _turns(self) -> list[dict[str, str]]:
        several = {"level": self.level, **self.options}
        combinations = itertools.product(*(names.split("+") for names in several.values()))
        return [dict(zip(several, values)) for values in combinations]


Recorder = Callable[[CollectConfig, Callable[[Task], Agent], Sequence[int]], Iterator[Take]]


def noisy_play(task: Task) -> Agent:
    """The default behaviour of collection."""
    return BehaviourAgent(task.play())


def scripted(method: str, task: Task) -> Agent:
    """One of the task's scripts, to be learnt from as a demonstration."""
    return BehaviourAgent(task.scripts[method]())


def record_episode(task: Task, env: TaskEnv, agent: Agent, layout: int) -> Take:
    """Run one episode."""
    recording = Recording.begin(task, env, layout)
    agent.reset(env, recording.observations[0], np.random.default_rng((7, layout)))
    while not recording.over:
        agent.saw(*recording.do(agent.act(env)))
    return recording.take()


_worker: tuple[CollectConfig, Task, Agent, dict[tuple[str, ...], TaskEnv]] | None = None


def start_worker(config: CollectConfig, make_agent: Callable[[Task], Agent]) -> None:
    """Prepare this process for the episodes of a collection."""
    global _worker
    import torch

    torch.set_num_threads(1)
    task = get_task(config.task)
    _worker = config, task, make_agent(task), {}


def prepared(index: int) -> tuple[CollectConfig, Task, Agent, TaskEnv]:
    """What ``start_worker`` has prepared in this process, and the environment of episode ``index``."""
    config, task, agent, envs = _worker
    turn = config.turn(index)
    built_in = tuple(value for name, value in turn.items() if name not in task.changeable)
    if built_in not in envs:
        options, size = {name: turn[name] for name in task.options}, config.image_size
        envs[built_in] = task.make_env(turn["level"], "train", options, image_size=size, stop_at_harm=False)
    env = envs[built_in]
    for name in task.changeable:
        setattr(env, name, turn[name])
    if config.variations:
        env.variations = config.varied(index)
    return config, task, agent, env


def work(index: int) -> Take:
    """Record one episode, in a process that ``start_worker`` has prepared."""
    config, task, agent, env = prepared(index)
    return record_episode(task, env, agent, config.layout(index))


def in_processes(config: CollectConfig, make_agent: Callable[[Task], Agent], indices: Sequence[int]) -> Iterator[Take]:
    """Takes in the order of ``indices``, from ``config.workers`` processes of this machine."""
    return in_workers(work, indices, config.workers, start_worker, (config, make_agent), in_order=True)


def episodes(
    config: CollectConfig,
    make_agent: Callable[[Task], Agent] = noisy_play,
    run: Recorder = in_processes,
    kept: KeptTakes | None = None,
) -> Iterator[Take]:
    """Takes in order of their index: those that are kept, then those that ``run`` records, which are kept as well."""
    first = 0 if kept is None else min(kept.count, config.episodes)
    yield from (kept.read(index) for index in range(first))
    if first == config.episodes:
        return
    for take in run(config, make_agent, range(first, config.episodes)):
        if kept is not None:
            kept.add(take)
        yield take


def collect(
    config: CollectConfig,
    path: Path,
    make_agent: Callable[[Task], Agent] = noisy_play,
    on_episode: Callable[[Take], None] = lambda take: None,
    behaviour: str = "noisy play",
    run: Recorder = in_processes,
    keep: Mapping[str, str] | None = None,
) -> Path:
    """Write ``config.episodes`` episodes to ``path``; a failed or killed run leaves no dataset there.

    ``run``: where they are recorded, here or elsewhere (on_ray.py). With ``keep`` finished episodes wait in
    ``<path>.partial``, and the same collection goes on from there; it names what they depend on besides the
    configuration, such as the code.
    """
    task = get_task(config.task)
    provenance = {
        "task": config.task,
        "code_version": __version__,
        "split": "train",
        "behaviour": behaviour,
        **{name: getattr(config, name) for name in ("episodes", "level", "seed", "workers", "image_size")},
        **config.options,
        **({"variations": dict(config.variations)} if config.variations else {}),
    }
    kept = None
    if keep is not None:
        alike = {name: str(value) for name, value in provenance.items() if name not in ("episodes", "workers")}
        kept = KeptTakes.open(path.with_name(path.name + ".partial"), alike | dict(keep))
    with LeRobotWriter(
        path,
        fps=round(1 / task.period_s),
        robot_type=task.robot.format(**config.options),
        provenance=provenance,
        names={"observation.state": list(task.proprio), "action": list(task.actions)},
    ) as writer:
        for take in episodes(config, make_agent, run, kept):
            writer.add(take.clip)
            on_episode(take)
    if kept is not None:
        kept.remove()
    return path
