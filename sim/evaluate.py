"""Evaluation: every method on the same held-out layouts, one row per episode, one summary row per method.

    report = evaluate(EvalConfig(level="half", episodes=100, methods=("script-best", "planner-512")))

Pairing: episode i of seed s is test layout s * 1_000_000 + i for every method. Success means delivered within the time
limit with the dog asleep all along. Rates come with Wilson 95 % intervals (Wilson 1927; scipy).
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
from scipy.stats import binomtest

from rehearse.errors import ConfigError
from rehearse.sim.agents import Agent, make_agent
from rehearse.sim.arms import ARMS
from rehearse.sim.cameras import CAMERAS
from rehearse.sim.dog_on_jacket.env import JACKETS, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.factors import LEVELS
from rehearse.sim.latency import Delayed
from rehearse.sim.layouts import LAYOUTS_PER_SEED

TASKS = ("dog-on-jacket",)
METHODS = (
    *("nothing", "random", "script-fast", "script-best"),
    *("planner-1", "planner-8", "planner-64", "planner-512", "planner-4096"),
    "oracle",
)
NOTHING_DONE: Mapping = MappingProxyType({})


@dataclass(frozen=True)
class EvalConfig:
    """What to evaluate. ``split`` stays ``test`` for every figure that is quoted.

    ``delay_steps``: actions arrive so many control periods (0.2 s) late; ``compensate``: planners are told.
    """

    task: str = "dog-on-jacket"
    level: str = "half"
    episodes: int = 20
    seed: int = 0
    methods: tuple[str, ...] = METHODS
    checkpoint: Path | None = None
    jacket: str = "patch"
    split: str = "test"
    delay_steps: int = 0
    compensate: bool = True
    workers: int = os.cpu_count() or 1
    arm: str = "arm7"
    camera: str = "front"

    def __post_init__(self) -> None:
        for name, known in (
            ("task", TASKS),
            ("level", LEVELS),
            ("jacket", JACKETS),
            ("arm", ARMS),
            ("camera", CAMERAS),
        ):
            if (value := getattr(self, name)) not in known:
                raise ConfigError(f"unknown {name} {value!r}; choose one of {', '.join(known)}")
        if self.split == "train":
            raise ConfigError("training layouts are not for evaluation: choose split test or validation")
        if self.episodes < 1 or self.workers < 1 or self.delay_steps < 0:
            raise ConfigError("episodes and workers must be at least 1, the delay not negative")
        if not self.methods:
            raise ConfigError("no methods given")
        for method in self.methods:
            make_agent(method, self.checkpoint)  # an unknown name or checkpoint is refused before any episode runs


@dataclass(frozen=True)
class Episode:
    """One episode of one method; ``disturbance`` is its peak (1 wakes), ``cpu_ms`` the CPU time per decision."""

    method: str
    layout: int
    success: bool
    woken: bool
    time_s: float
    disturbance: float
    progress: float
    steps: int
    futures: int
    cpu_ms: float


@dataclass(frozen=True)
class Report:
    """Summary rows by method, and the episodes that they were made of."""

    rows: list[dict]
    episodes: list[Episode]

    def to_dict(self) -> dict:
        """JSON-able."""
        return {"rows": self.rows, "episodes": [asdict(episode) for episode in self.episodes]}


_worker: tuple[EvalConfig, DogOnJacketEnv] | None = None


def _start_worker(config: EvalConfig) -> None:
    global _worker
    import torch

    torch.set_num_threads(1)
    _worker = config, env_for(config)


def env_for(config: EvalConfig, render_mode: str | None = None) -> DogOnJacketEnv:
    """The environment of an evaluation."""
    return DogOnJacketEnv(
        level=config.level,
        split=config.split,
        jacket=config.jacket,
        arm=config.arm,
        camera=config.camera,
        render_mode=render_mode,
    )


def agent_for(config: EvalConfig, method: str) -> Agent:
    """The agent of a method under the conditions of an evaluation."""
    agent = make_agent(method, config.checkpoint)
    return Delayed(agent, config.delay_steps, config.compensate) if config.delay_steps else agent


def _work(config: EvalConfig, item: tuple[str, int]) -> Episode:
    return run_episode(_worker[1], agent_for(config, item[0]), item[0], item[1], config.seed)


def run_episode(
    env: DogOnJacketEnv,
    agent: object,
    method: str,
    layout: int,
    seed: int = 0,
    on_step: Callable[[DogOnJacketEnv, object, dict], None] = lambda env, agent, info: None,
) -> Episode:
    """One episode; ``on_step`` is called after the reset and after every step."""
    observation, info = env.reset(options={"layout": layout})
    agent.reset(env, observation, np.random.default_rng((seed, layout)))
    on_step(env, agent, info)
    peak, futures, cpu_s, done = 0.0, 0, 0.0, False
    while not done:
        begin = time.process_time()
        action = agent.act(env)
        cpu_s += time.process_time() - begin
        observation, _, terminated, truncated, info = env.step(action)
        agent.saw(action, observation)
        on_step(env, agent, info)
        peak, done = max(peak, info["disturbance"]), terminated or truncated
        futures += agent.last_plan.futures if agent.last_plan else 0
    steps = env.steps
    return Episode(
        method=method,
        layout=layout,
        success=bool(info["success"]),
        woken=bool(info["woken"]),
        time_s=round(info["time_s"], 3),
        disturbance=round(peak, 4),
        progress=round(info["progress"], 4),
        steps=steps,
        futures=round(futures / steps),
        cpu_ms=round(1e3 * cpu_s / steps, 2),
    )


def run_episodes(config: EvalConfig, done: Mapping[tuple[str, int], Episode] = NOTHING_DONE) -> Iterator[Episode]:
    """All episodes, as they finish; the dear methods first, so that no core waits at the end.

    Those that are ``done`` are not run again, and come first.
    """
    layouts = [config.seed * LAYOUTS_PER_SEED + i for i in range(config.episodes)]
    wanted = [(method, layout) for method in reversed(config.methods) for layout in layouts]
    yield from (done[item] for item in wanted if item in done)
    items = [item for item in wanted if item not in done]
    if not items:
        return
    context = multiprocessing.get_context("spawn")  # a forked process cannot share a GL context
    with context.Pool(min(config.workers, len(items)), _start_worker, (config,)) as pool:
        yield from pool.imap_unordered(partial(_work, config), items)


def evaluate(
    config: EvalConfig,
    on_episode: Callable[[Episode], None] = lambda episode: None,
    done: Mapping[tuple[str, int], Episode] = NOTHING_DONE,
) -> Report:
    """Run and summarise; rows in the order of ``config.methods``. ``done``: episodes of an earlier run (ledger.py)."""
    episodes = []
    for episode in run_episodes(config, done):
        episodes.append(episode)
        on_episode(episode)
    episodes.sort(key=lambda e: (config.methods.index(e.method), e.layout))
    rows = [summarise(method, [e for e in episodes if e.method == method]) for method in config.methods]
    return Report(rows, episodes)


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson 95 % interval of a rate."""
    interval = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return round(float(interval.low), 4), round(float(interval.high), 4)


def summarise(method: str, episodes: Sequence[Episode]) -> dict:
    """One row: rates with intervals; ``time_s`` is the mean over successes (None without any)."""
    n = len(episodes)
    success, woken = sum(e.success for e in episodes), sum(e.woken for e in episodes)
    times = [e.time_s for e in episodes if e.success]
    (success_low, success_high), (woken_low, woken_high) = wilson(success, n), wilson(woken, n)
    return {
        "method": method,
        "n": n,
        "success": round(success / n, 4),
        "success_low": success_low,
        "success_high": success_high,
        "woken": round(woken / n, 4),
        "woken_low": woken_low,
        "woken_high": woken_high,
        "time_s": round(float(np.mean(times)), 3) if times else None,
        "disturbance_median": round(float(np.median([e.disturbance for e in episodes])), 4),
        "progress_mean": round(float(np.mean([e.progress for e in episodes])), 4),
        "futures": round(float(np.mean([e.futures for e in episodes]))),
        "cpu_ms": round(float(np.mean([e.cpu_ms for e in episodes])), 2),
    }
