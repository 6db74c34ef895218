"""Evaluation: every method on the same held-out layouts, one row per episode, one summary row per method.

    report = evaluate(EvalConfig(task="dog-on-jacket", episodes=100, methods=("script-best", "planner-512")))

Pairing: episode i of seed s is test layout s * 1_000_000 + i for every method. Success is what the task calls so; where
something can be harmed, it is success without harm.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from rehearse.errors import ConfigError, RehearseError, SetupError
from rehearse.planner import save_tree
from rehearse.sim.agents import USUAL, Agent, make_agent, methods_of
from rehearse.sim.episode import Episode, summarise
from rehearse.sim.latency import Clock
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.planner_agent import PlannerSettings
from rehearse.sim.sequential import Trial
from rehearse.sim.starts import start_of
from rehearse.sim.task import Task, TaskEnv
from rehearse.sim.tasks import DEFAULT, get_task
from rehearse.sim.telemetry import Telemetry
from rehearse.sim.variation import checked
from rehearse.sim.workers import in_workers

Item = tuple[str, int]  # method and layout
NOTHING_DONE: Mapping[Item, Episode] = MappingProxyType({})


@dataclass(frozen=True)
class EvalConfig:
    """What to evaluate. ``split`` stays ``test`` for every figure that is quoted.

    None takes what is usual in the task: its level, its methods. ``fewer``: {method: episodes}, of the first layouts,
    for what takes long. ``options`` are the task's own. ``planner``: how planners plan, but for what their names say.
    ``delay_steps``: actions arrive so many control periods late; ``measured``: by as many as their planning took;
    ``compensate``: planners are told (latency.py). ``variations``: {factor: strength} of what goes otherwise than in
    training (variation.py), but for latency, which is a clock's. ``trees``: a folder for what planners imagined, a file
    an episode.
    """

    task: str = DEFAULT
    level: str | None = None
    episodes: int = 20
    seed: int = 0
    methods: tuple[str, ...] | None = None
    fewer: Mapping[str, int] = field(default_factory=dict)
    checkpoint: Path | None = None
    policy: Path | None = None  # that ``cloning`` follows
    options: Mapping[str, str] = field(default_factory=dict)
    planner: PlannerSettings = USUAL
    split: str = "test"
    delay_steps: int = 0
    measured: bool = False
    compensate: bool = True
    variations: Mapping[str, float] = field(default_factory=dict)
    trees: Path | None = None
    workers: int = os.cpu_count() or 1

    def __post_init__(self) -> None:
        task = get_task(self.task)
        usual = {
            "level": task.checked_level(self.level),
            "options": task.checked_options(self.options),
            "methods": methods_of(task) if self.methods is None else tuple(dict.fromkeys(self.methods)),  # each once
            "variations": _changing(self.variations, task),
            "planner": usual_planner(task, self.planner),
        }
        for name, value in usual.items():
            object.__setattr__(self, name, value)
        if self.split == "train":
            raise ConfigError("training layouts are not for evaluation: choose split test or validation")
        if self.episodes < 1 or self.workers < 1 or self.delay_steps < 0:
            raise ConfigError("episodes and workers must be at least 1, the delay not negative")
        if not self.methods:
            raise ConfigError("no methods given")
        for method, episodes in self.fewer.items():
            if method not in self.methods or episodes < 1:
                raise ConfigError(f"fewer: {method}={episodes}: give a number to one of {', '.join(self.methods)}")
        _ = self.clock  # which refuses two latencies at once
        for method in self.methods:  # an unknown name or checkpoint is refused before any episode runs
            make_agent(task, method, self.checkpoint, self.planner, self.policy)

    @property
    def clock(self) -> Clock:
        """How late actions come."""
        return Clock(self.delay_steps, self.measured, self.compensate)

    def layouts_of(self, method: str) -> range:
        """What it meets: the first of all, where it has fewer episodes."""
        first = self.seed * LAYOUTS_PER_SEED
        return range(first, first + min(self.episodes, self.fewer.get(method, self.episodes)))

    @property
    def items(self) -> list[Item]:
        """Every episode: method by method, layouts in order."""
        return [(method, layout) for method in self.methods for layout in self.layouts_of(method)]


def usual_planner(task: Task, planner: PlannerSettings) -> PlannerSettings:
    """The settings with what they leave to the task, so that it is written down with the results."""
    return replace(planner, scout=task.two_levels) if planner.scout is None else planner


def _changing(variations: Mapping[str, float], task: Task) -> dict[str, float]:
    """Those that change anything; ConfigError for latency, which planners could not be told of here."""
    if "latency" in variations:
        raise ConfigError(
            "latency is no variation in an evaluation but its clock, which planners can be told of: "
            "give --clock fixed:400, or in a suite clocks"
        )
    return {name: strength for name, strength in checked(variations, task.variations).items() if strength}


Runner = Callable[[EvalConfig, Sequence[Item]], Iterator[Episode]]


@dataclass(frozen=True)
class Report:
    """Summary rows by method, and the episodes that they were made of, of one task.

    ``decision``: of an evaluation that stopped by itself (sequential.py).
    """

    task: Task
    rows: list[dict]
    episodes: list[Episode]
    decision: dict | None = None

    def to_dict(self) -> dict:
        """JSON-able."""
        told = {"rows": self.rows, "episodes": [episode.to_row(self.task.harm) for episode in self.episodes]}
        return told if self.decision is None else {**told, "decision": self.decision}


_worker: tuple[EvalConfig, TaskEnv] | None = None


def start_worker(config: EvalConfig) -> None:
    """Prepare this process for the episodes of an evaluation."""
    global _worker
    import torch

    torch.set_num_threads(1)
    _worker = config, env_for(config)


def env_for(config: EvalConfig, render_mode: str | None = None, render_size: tuple[int, int] = (480, 640)) -> TaskEnv:
    """The environment of an evaluation; SetupError if the task fails to make it."""
    film = dict(render_mode=render_mode, render_size=render_size)
    try:
        return get_task(config.task).make_env(
            config.level, config.split, config.options, variations=config.variations, **film
        )
    except RehearseError:
        raise
    except Exception as error:  # whatever a task of somebody's own may raise
        said = f"{type(error).__name__}: {error}"
        raise SetupError(f"the environment of {config.task} cannot be made ({said}); --debug shows where") from error


def agent_for(config: EvalConfig, method: str, delays: Sequence[int] | None = None) -> Agent:
    """The agent of a method under the conditions of an evaluation; ``delays``: those of an episode to live again."""
    task = get_task(config.task)
    agent = make_agent(task, method, config.checkpoint, config.planner, config.policy)
    return config.clock.late(agent, task, delays)


def work(config: EvalConfig, item: Item) -> Episode:
    """One episode, in a process that ``start_worker`` has prepared."""
    method, layout = item
    task, plans = get_task(config.task), []

    def remember(env: TaskEnv, agent: Agent, info: dict) -> None:
        if env.steps and agent.last_plan is not None:
            plans.append(agent.last_plan)

    episode = run_episode(task, _worker[1], agent_for(config, method), method, layout, config.seed, remember)
    if config.trees is not None and plans:
        about = {"task": config.task, "method": method, "layout": str(layout), "success": str(episode.success)}
        save_tree(plans, config.trees / f"{method}-{layout}.safetensors", about)
    return episode


def run_episode(
    task: Task,
    env: TaskEnv,
    agent: Agent,
    method: str,
    layout: int,
    seed: int = 0,
    on_step: Callable[[TaskEnv, Agent, dict], None] = lambda env, agent, info: None,
) -> Episode:
    """One episode; ``on_step`` is called after the reset and after every step."""
    observation, info = env.reset(options={"layout": layout})
    start = start_of(env, observation)
    telemetry = Telemetry(task)
    agent.reset(env, observation, np.random.default_rng((seed, layout)))
    on_step(env, agent, info)
    strain, cpu_s, done = 0.0, 0.0, False
    while not done:
        begin = time.process_time()
        action = agent.act(env)
        cpu_s += time.process_time() - begin
        telemetry.decided(agent, action)
        observation, _, terminated, truncated, info = env.step(action)
        agent.saw(action, observation)
        on_step(env, agent, info)
        done = terminated or truncated
        if task.harm is not None:
            strain = max(strain, info[task.harm.strain])
    steps = env.steps
    return Episode(
        method=method,
        layout=layout,
        success=bool(info[task.success]),
        harmed=None if task.harm is None else task.harmed(info),
        time_s=round(info["time_s"], 3),
        strain=None if task.harm is None else round(strain, 4),
        progress=round(info["progress"], 4),
        steps=steps,
        cpu_ms=round(1e3 * cpu_s / steps, 2),
        start=start,
        delays=tuple(getattr(agent, "delays", ())),
        **telemetry.to_row(),
    )


def in_processes(config: EvalConfig, items: Sequence[Item]) -> Iterator[Episode]:
    """Run the items in ``config.workers`` processes of this machine."""
    return in_workers(partial(work, config), items, config.workers, start_worker, (config,))


def run_episodes(
    config: EvalConfig, done: Mapping[Item, Episode] = NOTHING_DONE, run: Runner = in_processes, by_layout: bool = False
) -> Iterator[Episode]:
    """All episodes, as they finish; the dear methods first, so that no core waits at the end, or layout by layout.

    Those that are ``done`` are not run again, and come first. ``run``: where they run, here or elsewhere (on_ray.py).
    """
    wanted = [(method, layout) for method in reversed(config.methods) for layout in config.layouts_of(method)]
    if by_layout:
        wanted.sort(key=lambda item: item[1])
    yield from (done[item] for item in wanted if item in done)
    items = [item for item in wanted if item not in done]
    if items:
        yield from run(config, items)


def evaluate(
    config: EvalConfig,
    on_episode: Callable[[Episode], None] = lambda episode: None,
    done: Mapping[Item, Episode] = NOTHING_DONE,
    run: Runner = in_processes,
    trial: Trial | None = None,
) -> Report:
    """Run and summarise; rows in the order of ``config.methods``. ``done``: episodes of an earlier run (ledger.py).

    With a ``trial`` it ends as soon as that is decided, and reports the layouts on which the decision rests.
    """
    episodes = []
    with closing(run_episodes(config, done, run, by_layout=trial is not None)) as running:
        for episode in running:
            episodes.append(episode)
            on_episode(episode)
            if trial is not None and trial.saw(episode):
                break
    if trial is not None:
        episodes = [episode for episode in episodes if trial.counts(episode)]
    episodes.sort(key=lambda e: (config.methods.index(e.method), e.layout))
    task = get_task(config.task)
    rows = [summarise(method, [e for e in episodes if e.method == method], task.harm) for method in config.methods]
    return Report(task, rows, episodes, None if trial is None else trial.decision())
