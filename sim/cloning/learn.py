"""Learn a policy from episodes by repeating their actions: the baseline that imagination is compared with.

    weights = clone(get_task("push"), [Path("data/push")], clone_config(steps=1500), Path("runs/cloned-push"))

Whole episodes are shown, because a memory begins where they begin. Where the task has a goal, the goal of an episode is
where it led to, so that every episode demonstrates something (hindsight: arXiv 1707.01495, 1906.05838). Where it has
none, only those episodes are repeated that came to their end without harm. A policy soon knows its demonstrations by
heart: what is kept is the step at which episodes that it was not shown were least unlikely.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from rehearse.errors import DataError
from rehearse.files import atomic_write
from rehearse.sim.cloning.policy import Policy, PolicyConfig
from rehearse.sim.task import Task
from rehearse.world_model import TrainConfig, checkpoint, loop
from rehearse.world_model.augment import shifted
from rehearse.world_model.data import ClipCache
from rehearse.world_model.losses import masked_mean
from rehearse.world_model.sampler import identity, split

DONE = 0.999  # of progress
BEST = "best.safetensors"
LOOK_EVERY, MOST_HELD = 50, 32  # steps; held-out episodes, for a look must cost little


def clone_config(**changes: Any) -> TrainConfig:
    """How a policy is trained; of TrainConfig what concerns the loop, the optimizer and the shifted pictures."""
    return TrainConfig(**{"steps": 1500, "batch": 32, "learning_rate": 4e-3, "tensorboard": False} | changes)


def clone(
    task: Task,
    paths: Sequence[Path],
    config: TrainConfig,
    out: Path,
    on_progress: loop.Progress = lambda now: None,
    data: Sequence[Any] = (),
) -> Path:
    """Train a policy on LeRobotDatasets of ``task`` and write it to ``out``; killed, the same call goes on.

    Returns the weights. ``data`` is provenance that is noted beside them.
    """
    cache = ClipCache.open(paths, image_size=config.model.image_size)
    _check(task, cache)
    chosen = [i for i in range(len(cache)) if task.goal or did_it(task, cache.episode(i).signals)]
    if not chosen:
        raise DataError(f"{cache}: none of {len(cache)} episodes did what was asked without harm; demonstrate it")
    (kept,), held = split([cache.subset(chosen)], config.holdout, config.seed)
    longest = int(kept.lengths.max())

    def draw(generator: torch.Generator) -> dict:
        batch = kept.sample(config.batch, longest, generator, min_valid=longest)
        batch["frames"] = shifted(batch["frames"], config.shift_px, generator)
        return batch

    def losses(policy: Policy, batch: dict, generator: torch.Generator) -> dict[str, Tensor]:
        surprise = unlikeliness(policy, task, batch)
        return {"loss": surprise, "unlikeliness": surprise}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        policy = Policy(PolicyConfig(len(task.actions), len(task.proprio), len(task.goal), config.model.image_size))
    _fit_normalisation(policy, task, kept)
    fingerprint = json.dumps(["clone", task.name, config.identity(), identity(kept)], sort_keys=True)
    best = Best(policy, task, (held or [kept])[0], out / BEST)

    def watched(now: dict) -> None:
        best.look(now["step"], last=now["step"] == now["steps"])
        on_progress(now)

    loop.fit(policy.train(), loop.Task(draw, losses), config, out, fingerprint, on_progress=watched)
    metrics = {"episodes": len(kept), "step": best.step, "unlikeliness": best.unlikeliness, "held_out": bool(held)}
    return checkpoint.save(best.taken(), out, data=data, metrics=metrics)


class Best:
    """The weights of the step at which held-out episodes were least unlikely; they lie in a file, for a kill."""

    def __init__(self, policy: Policy, task: Task, held: ClipCache, path: Path) -> None:
        self._policy, self._task, self._path = policy, task, path
        most = min(len(held), MOST_HELD)
        self._batch = held.subset(range(most)).sample(
            4 * most, int(held.lengths.max()), torch.Generator().manual_seed(0), min_valid=int(held.lengths.max())
        )
        told = checkpoint.read_tensors(path)[1] if path.exists() else {}
        self.step, self.unlikeliness = int(told.get("step", 0)), float(told.get("unlikeliness", "inf"))

    def look(self, step: int, last: bool = False) -> None:
        """Compare, now and then."""
        if step % LOOK_EVERY and not last:
            return
        self._policy.eval()
        with torch.no_grad():
            found = round(float(unlikeliness(self._policy, self._task, self._batch)), 4)
        self._policy.train()
        if found < self.unlikeliness:
            self.step, self.unlikeliness = step, found
            with atomic_write(self._path) as path:
                tensors = {name: tensor.contiguous() for name, tensor in self._policy.state_dict().items()}
                save_file(tensors, path, metadata={"step": str(step), "unlikeliness": str(found)})

    def taken(self) -> Policy:
        """The policy with these weights."""
        checkpoint.fill(self._policy, checkpoint.read_tensors(self._path)[0], self._path)
        return self._policy.eval()


def unlikeliness(policy: Policy, task: Task, batch: dict) -> Tensor:
    """How unlikely the policy finds what was done: the mean negative log-likelihood of the actions, in nats."""
    valid = batch["valid"]
    readings = {"frames": batch["frames"], "proprio": batch["proprio"]}
    # Padding would bend the whitening, and is left out.
    found = policy.encoder({name: values[valid] for name, values in readings.items()})
    moments = found.new_zeros(*valid.shape, found.shape[-1])
    moments = moments.masked_scatter(valid[..., None], found)
    mixture, _ = policy(moments, _goals(task, batch))
    acted = valid & torch.cat([valid[:, 1:], torch.zeros_like(valid[:, :1])], 1)  # an episode's last action is padding
    return masked_mean(-mixture.log_prob(batch["action"].clamp(-1, 1)), acted)


def _goals(task: Task, batch: dict) -> Tensor:
    """Where each episode led to, at all of its moments (B,T,G)."""
    length = batch["valid"].shape[1]
    if not task.goal:
        return torch.zeros(*batch["valid"].shape, 0)
    last = batch["valid"].sum(1) - 1
    ends = [batch["signals"][name][torch.arange(len(last)), last] for name in task.goal_signals]
    return torch.stack(ends, -1)[:, None].expand(-1, length, -1)


def did_it(task: Task, signals: dict[str, np.ndarray]) -> bool:
    """Whether an episode of which this was recorded came to its end, and without harm."""
    done = "progress" not in signals or bool((signals["progress"] >= DONE).any())
    return done and (task.harm is None or not signals[task.harm.event].any())


def _check(task: Task, cache: ClipCache) -> None:
    """Raise DataError unless the episodes are of this task's robot and tell what its goals are made of."""
    task.check_data(cache)
    if missing := sorted(set(task.goal_signals) - set(cache.signal_kinds)):
        raise DataError(f"{cache}: no signal {missing[0]!r}, by which {task.name} tells where an episode led to")
    if task.goal and not task.goal_signals:
        raise DataError(
            f"{task.name} does not say by which signals its goal is told; a policy cannot be told it either"
        )


def _fit_normalisation(policy: Policy, task: Task, cache: ClipCache, most: int = 500) -> None:
    clips = [cache.episode(i) for i in range(0, len(cache), max(1, len(cache) // most))]
    proprio = torch.from_numpy(np.concatenate([clip.proprio for clip in clips]))
    sense = policy.encoder.senses["proprio"]
    sense.mean.copy_(proprio.mean(0))
    sense.std.copy_(proprio.std(0, correction=0).clamp(min=1e-3))
    if task.goal:
        ends = torch.tensor([[clip.signals[name][-1] for name in task.goal_signals] for clip in clips])
        policy.goal_mean.copy_(ends.mean(0))
        policy.goal_std.copy_(ends.std(0, correction=0).clamp(min=1e-3))
