"""Our side of the comparisons: training for a number of CPU-seconds, and planning towards a goal image.

trained, spent = train_for(config, Arrays.load("data.npz"), 110.0, folder)
planner = towards(trained.model, goal_image, CEMConfig(futures=400), MPC_CONFIG)
plan = planner.plan(History(frames, None, actions), time_s, generator)
"""

import dataclasses
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from rehearse.planner import MPC, CEMConfig, MPCConfig, Toward
from rehearse.sim.planner_agent import LearnedDynamics
from rehearse.world_model import History, ModelConfig, TrainConfig, Trained, WorldModel, preset, train
from rehearse.world_model.data import Clip, ClipCache

PROBE_STEPS = 12


@dataclass(frozen=True)
class Arrays:
    """Episodes in a row, as a Dataset: frames (M,h,w,3), actions (M,A), starts and lengths (E,); no other sense."""

    frames: np.ndarray
    actions: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    fps: float = 1.0  # a step is a step: nothing else is learnt from beside it
    proprio_dim: int = 0
    signal_kinds: dict[str, str] = field(default_factory=dict)
    views: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Arrays":
        with np.load(path) as stored:
            return cls(*(stored[name] for name in ("frames", "actions", "starts", "lengths")))

    @property
    def action_dim(self) -> int:
        return self.actions.shape[1]

    def __len__(self) -> int:
        return len(self.starts)

    def subset(self, episodes: list[int]) -> "Arrays":
        return dataclasses.replace(self, starts=self.starts[episodes], lengths=self.lengths[episodes])

    def episode(self, i: int) -> Clip:
        rows = slice(self.starts[i], self.starts[i] + self.lengths[i])
        return Clip(self.frames[rows], self.actions[rows])

    def sample(self, batch: int, length: int, generator: torch.Generator, *, min_valid: int = 2) -> dict:
        """Windows of episodes that are at least as long, every episode as likely."""
        which, where = torch.rand(2, batch, generator=generator).numpy()
        episode = (which * len(self)).astype(int)
        first = self.starts[episode] + (where * (self.lengths[episode] - length + 1)).astype(int)
        rows = first[:, None] + np.arange(length)
        batch_of = {"frames": torch.from_numpy(self.frames[rows]), "action": torch.from_numpy(self.actions[rows])}
        return batch_of | {"signals": {}, "valid": torch.ones(batch, length, dtype=torch.bool)}


@dataclass(frozen=True)
class PicturesOnly:
    """A ClipCache without its proprioception."""

    cache: ClipCache
    proprio_dim: int = 0
    views: tuple[str, ...] = ()

    @property
    def fps(self) -> float:
        return self.cache.fps

    @property
    def action_dim(self) -> int:
        return self.cache.action_dim

    @property
    def signal_kinds(self) -> dict[str, str]:
        return self.cache.signal_kinds

    def __len__(self) -> int:
        return len(self.cache)

    def subset(self, episodes: list[int]) -> "PicturesOnly":
        return PicturesOnly(self.cache.subset(episodes))

    def episode(self, i: int) -> Clip:
        return dataclasses.replace(self.cache.episode(i), proprio=None)

    def sample(self, batch: int, length: int, generator: torch.Generator, *, min_valid: int = 2) -> dict:
        drawn = self.cache.sample(batch, length, generator, min_valid=min_valid)
        return {name: value for name, value in drawn.items() if name != "proprio"}


def train_for(config: TrainConfig, dataset: object, seconds: float, out_dir: Path) -> tuple[Trained, float]:
    """The checkpoint of a training of about so many CPU-seconds, its closing evaluation included; and the true number.

    How many steps that makes is found by a few steps of another training; they are not counted.
    """
    stamps: list[float] = []
    probe = dataclasses.replace(config, steps=PROBE_STEPS)
    note = lambda now: stamps.append(time.process_time())  # noqa: E731
    with tempfile.TemporaryDirectory() as elsewhere:
        begin = time.process_time()
        train(probe, dataset, elsewhere, on_progress=note)
        around = time.process_time() - begin - (stamps[-1] - stamps[0]) * PROBE_STEPS / (PROBE_STEPS - 1)
    per_step = float(np.median(np.diff(stamps)))
    steps = max(1, int((seconds - around) / per_step))
    begin = time.process_time()
    trained = train(dataclasses.replace(config, steps=steps, save_every=steps), dataset, out_dir, resume=False)
    return trained, time.process_time() - begin


def moment_of(model: WorldModel, image: np.ndarray) -> torch.Tensor:
    """What a single picture (h,w,3) is encoded to, (D,): a goal for ``Toward``."""
    return model.observe(History(image[None], None, None)).moment[0]


def towards(model: WorldModel, goal: np.ndarray, search: CEMConfig, config: MPCConfig) -> MPC:
    """A planner whose cost is the squared distance to the goal's moment, over the whole path."""
    return MPC(LearnedDynamics(model), Toward(moment_of(model, goal)), search, config)


def lewm_sized(action_dim: int) -> ModelConfig:
    """Our architecture with the picture, the latent width and the number of dynamics parameters of LeWM (10.8 M)."""
    model = preset("tiny").model
    widths = dict(latent_dim=192, state_dim=1328, predictor_width=1328)
    return dataclasses.replace(model, action_dim=action_dim, image_size=224, **widths)
