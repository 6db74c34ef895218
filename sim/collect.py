"""Collect episodes into a LeRobotDataset v3.0: scripted-and-noise play, or a planner's own attempts.

    collect(CollectConfig(episodes=1200, seed=0), Path("data/play"))
    collect(CollectConfig(arm="arm5+arm6", camera="front+left", jacket="cloth"), Path("data/others"))

Worker processes step and render; this process writes. Episode i of seed s is layout s * 1_000_000 + i of the train
split, so no evaluation layout can ever be seen. An episode goes on for a few steps after the dog wakes or the jacket
arrives, because what that looks like must be learnt too: a model that never saw arrival cannot imagine it.
"""

import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from rehearse import __version__
from rehearse.errors import ConfigError
from rehearse.sim.agents import HOLD, SIGNALS, Agent, BehaviourAgent
from rehearse.sim.arms import ARMS
from rehearse.sim.cameras import CAMERAS
from rehearse.sim.dog_on_jacket.behaviours import NoisyPlay
from rehearse.sim.dog_on_jacket.env import EPISODE_STEPS, JACKETS, PROPRIO_NAMES, DogOnJacketEnv
from rehearse.sim.dog_on_jacket.factors import LEVELS
from rehearse.sim.dog_on_jacket.world import within_workspace
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.world_model.data import Clip, LeRobotWriter

TASK = "bring the jacket without waking the dog"
STEPS_AFTER_END = 4
DISTURBANCE_TOP = 2.0  # the signal is cut here: far beyond waking there is nothing to tell apart


@dataclass(frozen=True)
class CollectConfig:
    """What to collect. Level, jacket, arm and camera may each be several joined by '+'; combinations take turns."""

    episodes: int = 1500
    level: str = "half"
    seed: int = 0
    workers: int = os.cpu_count() or 1
    image_size: int = 64
    jacket: str = "patch"
    arm: str = "arm7"
    camera: str = "front"

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ConfigError(f"episodes must be at least 1, got {self.episodes}")
        for name, known in (("level", LEVELS), ("jacket", JACKETS), ("arm", ARMS), ("camera", CAMERAS)):
            if unknown := set(getattr(self, name).split("+")) - set(known):
                raise ConfigError(f"unknown {name} {sorted(unknown)}; choose from {', '.join(known)}")

    def turn(self, index: int) -> tuple[str, str, str, str]:
        """Level, jacket, arm and camera of episode ``index``."""
        several = (names.split("+") for names in (self.level, self.jacket, self.arm, self.camera))
        turns = list(itertools.product(*several))
        return turns[index % len(turns)]


def noisy_play() -> Agent:
    """The default behaviour of collection."""
    return BehaviourAgent(NoisyPlay())


def record_episode(env: DogOnJacketEnv, agent: Agent, layout: int) -> Clip:
    """Run one episode and return it as a Clip of T frames, T - 1 actions and one of padding.

    Actions are recorded as the arm carried them out: one that pushes against the edge of the workspace moves nothing,
    and a model that had to find that out by itself would be wrong there, where an optimiser soon looks.
    """
    rng = np.random.default_rng((7, layout))
    observation, info = env.reset(options={"layout": layout})
    agent.reset(env, observation, rng)
    frames, proprio, actions, infos = [observation["image"]], [observation["proprio"]], [], [info]
    after_end = 0
    for _ in range(EPISODE_STEPS + STEPS_AFTER_END):
        action = within_workspace(agent.act(env), env.world.target_m)
        observation, _, _, _, info = env.step(action)
        agent.saw(action, observation)
        actions.append(action)
        frames.append(observation["image"])
        proprio.append(observation["proprio"])
        infos.append(info)
        after_end += info["woken"] or info["success"]
        if after_end > STEPS_AFTER_END:
            break
    actions.append(HOLD)
    signals = {name: np.array([i[name] for i in infos], bool if name == "woken" else np.float32) for name in SIGNALS}
    signals["disturbance"] = signals["disturbance"].clip(max=DISTURBANCE_TOP)
    return Clip(
        frames=np.stack(frames),
        actions=np.stack(actions).astype(np.float32),
        proprio=np.stack(proprio),
        signals=signals,
        task=TASK,
    )


_worker: tuple[dict[tuple[str, str], DogOnJacketEnv], Agent] | None = None


def _start_worker(config: CollectConfig, make_agent: Callable[[], Agent]) -> None:
    global _worker
    import torch

    torch.set_num_threads(1)
    envs = {
        (jacket, arm): DogOnJacketEnv(jacket=jacket, arm=arm, image_size=config.image_size, terminate_when_woken=False)
        for jacket, arm in itertools.product(config.jacket.split("+"), config.arm.split("+"))
    }
    _worker = envs, make_agent()


def _work(config: CollectConfig, index: int) -> Clip:
    envs, agent = _worker
    level, jacket, arm, camera = config.turn(index)
    env = envs[jacket, arm]
    env.level, env.camera = level, camera
    return record_episode(env, agent, config.seed * LAYOUTS_PER_SEED + index)


def episodes(config: CollectConfig, make_agent: Callable[[], Agent] = noisy_play) -> Iterator[Clip]:
    """Clips in order of their index, from ``config.workers`` processes."""
    context = multiprocessing.get_context("spawn")  # a forked process cannot share a GL context
    with context.Pool(config.workers, _start_worker, (config, make_agent)) as pool:
        yield from pool.imap(partial(_work, config), range(config.episodes))


def collect(
    config: CollectConfig,
    path: Path,
    make_agent: Callable[[], Agent] = noisy_play,
    on_episode: Callable[[Clip], None] = lambda clip: None,
    behaviour: str = "noisy play",
) -> Path:
    """Write ``config.episodes`` episodes to ``path``; a failed or killed run leaves no dataset there."""
    provenance = {
        "task": "dog-on-jacket",
        "code_version": __version__,
        "split": "train",
        "behaviour": behaviour,
        **asdict(config),
    }
    with LeRobotWriter(
        path,
        fps=5,
        robot_type=f"rehearse_{config.arm}",
        provenance=provenance,
        names={
            "observation.state": list(PROPRIO_NAMES),
            "action": ["velocity_x", "velocity_y", "velocity_z", "grip"],
        },
    ) as writer:
        for clip in episodes(config, make_agent):
            writer.add(clip)
            on_episode(clip)
    return path
