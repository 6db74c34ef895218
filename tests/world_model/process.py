"""A training on toy data in a process of its own, for tests that kill it or start several.

python -m tests.world_model.process train OUT '{"steps": 20, "batch": 4}'

``train`` is the real thing, ``spoiled`` the same on data that are not finite, ``exact`` a small network whose losses
draw and take statistics through rehearse.world_model.parallel.
"""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

from rehearse.errors import RehearseError
from rehearse.world_model import parallel
from rehearse.world_model.config import TrainConfig, preset
from rehearse.world_model.loop import Task, fit
from rehearse.world_model.losses import sigreg
from rehearse.world_model.parallel import gathered, together, uniform
from rehearse.world_model.train import train
from tests.world_model.toy import ToyData

ROOT = Path(__file__).resolve().parents[2]
SMALL = dict(length=8, rollout_steps=4, decode_frames=4, save_every=5)


def configured(**changes: object) -> TrainConfig:
    """The debug preset for the toy's small frames."""
    base = preset("debug", **SMALL | changes)
    return dataclasses.replace(base, model=dataclasses.replace(base.model, image_size=32))


def start(processes: int, what: str, out: Path, **changes: object) -> subprocess.Popen:
    """The training of ``configured(**changes)`` in so many new processes."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(torchrun if processes > 1 else ()), "-m", "tests.world_model.process"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command += [what, str(out), json.dumps(changes)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


class Spoiled(ToyData):
    """Its batches' last sequence is not finite; with two processes the second one meets it."""

    def sample(self, *args, **kwargs):
        batch = super().sample(*args, **kwargs)
        batch["signals"]["speed"][-1] = torch.nan
        return batch

    def subset(self, episodes):
        return Spoiled([self.clips[i] for i in episodes], self.friction[episodes])


class Network(nn.Module):
    """Reads speed off two moments of proprioception, through a BatchNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.whiten, self.read = nn.Linear(4, 16), nn.BatchNorm1d(16, affine=False), nn.Linear(16, 1)


def losses(model: Network, batch: dict, generator: torch.Generator) -> dict:
    """Of a random part of the sequences, so that processes have different numbers of rows."""
    chosen = uniform(len(batch["valid"]), generator=generator) < 0.7
    places, speeds = batch["proprio"][chosen], batch["signals"]["speed"][chosen]
    pairs = torch.cat([places[:, :-1], places[:, 1:]], -1).flatten(0, 1)
    moments = together(model.whiten, model.embed(pairs).tanh())
    errors = (model.read(moments).squeeze(-1) - 10 * speeds[:, 1:].flatten()).square()
    everybodys = gathered(torch.tensor([float(len(errors))])).mean()
    terms = {"speed": errors.sum() / everybodys, "sigreg": 0.01 * sigreg(gathered(moments), generator)}
    return terms | {"loss": terms["speed"] + terms["sigreg"]}


def main(what: str, out: str, changes: str) -> None:
    torch.set_num_threads(1)
    data, config = ToyData.make(12, seed=3), configured(**json.loads(changes))
    if what == "spoiled":
        data = Spoiled(data.clips, data.friction)
    silent = lambda now: None  # noqa: E731
    with parallel.joined(config.device):
        Path(out).mkdir(exist_ok=True)
        Path(out, f"{parallel.rank()}.pid").write_text(str(os.getpid()))
        if what != "exact":
            train(config, data, out, on_progress=silent)
            return
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = Network()
        task = Task(lambda generator: data.sample(config.batch, config.length, generator), losses)
        fit(model, task, config, Path(out), "exact", on_progress=silent)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except RehearseError as error:
        sys.exit(f"error: {error}")
