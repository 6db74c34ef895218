"""What a model dreams: it watches the beginning of an episode and imagines the rest, beside what really happened.

    stage = Simulated(task, env, make_agent(task, "script-best"), layout=2, context=3)      # or Recorded(clip, 3)
    belief = watch(model, stage.clip)                        # of the context alone
    actions = stage.finish()                                 # (H,A): the episode's own
    dream = imagine(model, belief, actions, stage, "layout 2", "its own actions", 0.2)

A stage is where the truth comes from. ``Simulated`` does any action in MuJoCo; ``Recorded`` knows what followed its own
actions only. Letters: T true moments, C of them observed, H imagined steps, A action dimension, K ensemble members.
Moment C is the first imagined one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from rehearse.errors import ConfigError, DataError
from rehearse.sim.agents import Agent
from rehearse.sim.recording import STEPS_AFTER_END
from rehearse.sim.task import Task, TaskEnv
from rehearse.world_model import Belief, History, WorldModel
from rehearse.world_model.data import Clip

MOST_STEPS = 200  # of a dream that is not the episode's own: several times as long as any episode


@dataclass(frozen=True)
class Dreamed:
    """H imagined moments, and the T true ones: T is C + H, or C where nobody knows what would have happened."""

    title: str  # which episode
    note: str  # what was observed and what imagined
    period_s: float
    context: int  # C
    truth: np.ndarray  # (T,h,w,3) uint8
    imagined: np.ndarray  # (H,h,w,3) uint8
    true: dict[str, np.ndarray]  # {signal: (T,)}
    said: dict[str, np.ndarray]  # {signal: (K,H)}
    disagreement: np.ndarray  # (H,)
    actions: np.ndarray  # (H,A)
    events: frozenset[str]  # the signals that are chances, 0 .. 1

    @property
    def comparable(self) -> bool:
        """Whether the truth goes on beside what is imagined."""
        return len(self.truth) > self.context

    def lead_s(self, moment: int) -> float:
        """Time from the last observed moment to ``moment``; not positive within the context."""
        return (moment - self.context + 1) * self.period_s


class Stage(Protocol):
    """Where a dream's truth comes from."""

    context: int

    @property
    def clip(self) -> Clip:
        """All that is known to have happened."""

    def act(self, action: np.ndarray) -> np.ndarray:
        """Do ``action`` (A,); returns it as it was carried out."""

    def finish(self) -> np.ndarray:
        """Let the episode take its own course; returns its actions after the context (H,A)."""


class Simulated:
    """A layout of a task, in which an agent acts up to the last observed moment and in ``finish``."""

    def __init__(self, task: Task, env: TaskEnv, agent: Agent, layout: int, context: int, seed: int = 0) -> None:
        self.task, self.env, self.agent, self.context = task, env, agent, _checked_context(context)
        if context >= task.episode_steps:
            raise ConfigError(f"context is {context}; an episode of {task.name} has {task.episode_steps} steps")
        observation, info = env.reset(options={"layout": layout})
        agent.reset(env, observation, np.random.default_rng((seed, layout)))
        self._sensed, self._infos, self._actions = [observation], [info], []
        for _ in range(context - 1):
            self.act(agent.act(env))

    @property
    def clip(self) -> Clip:
        """What happened so far."""
        return Clip(
            frames=np.stack([sensed["image"] for sensed in self._sensed]),
            actions=np.stack([*self._actions, np.array(self.task.hold)]),
            proprio=np.stack([sensed["proprio"] for sensed in self._sensed]),
            signals=self.task.signals_of(self._infos),
        )

    def act(self, action: np.ndarray) -> np.ndarray:
        """One step; motion ends where the robot's does, and so it is imagined."""
        action = self.task.carried_out(action, self.env.world)
        observation, _, _, _, info = self.env.step(action)
        self.agent.saw(action, observation)
        self._actions.append(action)
        self._sensed.append(observation)
        self._infos.append(info)
        return action

    def finish(self) -> np.ndarray:
        """The agent goes on until the time is up, or a little beyond success or harm, as in the training data."""
        while self.env.steps < self.task.episode_steps:
            if sum(map(self.task.over, self._infos)) > STEPS_AFTER_END:
                break
            self.act(self.agent.act(self.env))
        return _actions_after(self.clip, self.context)


class Recorded:
    """An episode of a dataset; any action may be imagined, but only what followed its own is known."""

    def __init__(self, episode: Clip, context: int) -> None:
        self.episode, self.context, self._finished = episode, _checked_context(context), False
        _check_rest(episode, context)

    @property
    def clip(self) -> Clip:
        """The context, or the whole episode when its own actions are imagined."""
        if self._finished:
            return self.episode
        whole, seen = self.episode, slice(self.context)
        return Clip(
            whole.frames[seen],
            None if whole.actions is None else whole.actions[seen],
            None if whole.proprio is None else whole.proprio[seen],
            {name: values[seen] for name, values in whole.signals.items()},
            views={name: values[seen] for name, values in whole.views.items()},
        )

    def act(self, action: np.ndarray) -> np.ndarray:
        """Nothing happens: what would have followed is not known."""
        return action

    def finish(self) -> np.ndarray:
        """The recorded rest."""
        self._finished = True
        return _actions_after(self.episode, self.context)

    def infer(self, model: WorldModel) -> np.ndarray:
        """The recorded rest, in the latent actions (H,E) of a model that knows no others."""
        self._finished = True
        with torch.no_grad():
            _, led, _ = model.follow(History(self.episode.frames, views=self.episode.views))
        return led[self.context :].cpu().numpy()


def watch(model: WorldModel, seen: Clip) -> Belief:
    """What the model believes after the moments of ``seen``."""
    return model.observe(History(seen.frames, seen.proprio, seen.actions, views=seen.views))


def decoded(
    model: WorldModel, belief: Belief, actions: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Actions (H,A) imagined: pictures (H,h,w,3) uint8, signals {name: (K,H)} and disagreement (H,)."""
    imagined = model.imagine(belief, torch.as_tensor(np.asarray(actions), dtype=torch.float32)[None])
    said = {name: values[:, 0].float().cpu().numpy() for name, values in imagined.signals.items()}
    pictures = model.decode(imagined.latents[0]).cpu().numpy()
    return pictures, said, imagined.disagreement[0].float().cpu().numpy()


def imagine(
    model: WorldModel, belief: Belief, actions: np.ndarray, stage: Stage, title: str, note: str, period_s: float
) -> Dreamed:
    """The dream of ``actions`` (H,A), which the stage has carried out, from a belief of its context."""
    clip = stage.clip
    pictures, said, disagreement = decoded(model, belief, actions)
    return Dreamed(
        title=title,
        note=note,
        period_s=period_s,
        context=stage.context,
        truth=clip.frames,
        imagined=pictures,
        true={name: clip.signals[name] for name in said if name in clip.signals},
        said=said,
        disagreement=disagreement,
        actions=np.asarray(actions),
        events=frozenset(name for name, kind in model.config.signals.items() if kind == "event"),
    )


def read_actions(path: Path, width: int) -> np.ndarray:
    """Actions (H, ``width``) of a .npy file, or of a .csv file with one action a line; DataError says what is wrong."""
    if path.suffix not in (".npy", ".csv"):
        raise DataError(f"{path}: actions are read from .npy or .csv (or steered: --actions keyboard)")
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the actions as a .npy or .csv of {width} columns")
    try:
        if path.suffix == ".npy":
            actions = np.load(path, allow_pickle=False)
        else:
            lines = path.read_text().splitlines()
            actions = np.loadtxt(lines, delimiter=",", ndmin=2) if any(map(str.strip, lines)) else np.empty((0, width))
        actions = actions.astype(np.float32)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a table of numbers ({_first_line(error)})") from error
    if actions.ndim != 2 or actions.shape[1] != width or not 1 <= len(actions) <= MOST_STEPS:
        raise DataError(f"{path}: actions are {actions.shape}; expected (H, {width}) with H from 1 to {MOST_STEPS}")
    if not np.isfinite(actions).all():
        row = int(np.argmin(np.isfinite(actions).all(1)))
        raise DataError(f"{path}: NaN or infinite value in row {row}; every action must be finite")
    return actions


def _checked_context(context: int) -> int:
    if context < 1:
        raise ConfigError(f"context is {context}; the model must observe at least 1 moment before it can imagine")
    return context


def _check_rest(clip: Clip, context: int) -> None:
    if len(clip) <= context:
        raise ConfigError(f"the episode has {len(clip)} moments; after a context of {context} none is left to imagine")


def _actions_after(clip: Clip, context: int) -> np.ndarray:
    _check_rest(clip, context)
    if clip.actions is None:
        raise DataError("this dataset has no actions; say with --actions what is to be imagined")
    return clip.actions[context - 1 : len(clip) - 1]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
