"""Training, read from top to bottom: datasets -> a checkpoint in ``out_dir``; killed, it goes on from there.

    trained = train(preset("tiny"), [ClipCache.open(["data/dog"])], "runs/dog")
    trained.model, trained.metrics, trained.path

``out_dir`` receives model.safetensors and model.json at the end, and training_state.safetensors while it
runs.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rehearse.errors import ConfigError, DataError
from rehearse.world_model import checkpoint
from rehearse.world_model.augment import shifted
from rehearse.world_model.config import TrainConfig
from rehearse.world_model.loop import Progress, Task, fit
from rehearse.world_model.losses import training_losses
from rehearse.world_model.metrics import evaluate
from rehearse.world_model.model import WorldModel
from rehearse.world_model.sampler import Dataset, Sampler, check_alike, split


@dataclass(frozen=True)
class Trained:
    """What training returns: the model, its metrics on held-out episodes, the path of its weights."""

    model: WorldModel
    metrics: dict[str, Any]
    path: Path


def train(
    config: TrainConfig,
    datasets: Dataset | Sequence[Dataset],
    out_dir: str | Path,
    *,
    resume: bool = True,
    on_progress: Progress | None = None,
    data: Sequence[Any] = (),
) -> Trained:
    """Train, evaluate on held-out episodes, write the checkpoint.

    ``on_progress`` is called after every step with step, steps, rate (frames/s), left_s and the losses;
    without it a progress bar is shown. ``data`` is provenance (paths, fingerprints) that is noted in the
    checkpoint.
    """
    datasets = list(datasets) if isinstance(datasets, list | tuple) else [datasets]
    check_alike(datasets)
    first, out_dir = datasets[0], Path(out_dir)
    shapes = dict(action_dim=first.action_dim, proprio_dim=first.proprio_dim, signals=dict(first.signal_kinds))
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, **shapes))
    kept, held = split(datasets, config.holdout, config.seed)
    sampler = Sampler(kept, config)
    fingerprint = json.dumps([dataclasses.asdict(config), [len(dataset) for dataset in datasets]], sort_keys=True)

    with torch.random.fork_rng(devices=[]):  # the caller's own random numbers stay as they were
        torch.manual_seed(config.seed)
        model = WorldModel(config.model)
    if config.init_from is None:
        fit_normalisation(model, kept)
    else:
        # The old normalisation goes with the old weights.
        model = _continued(config)
    model.to(config.device).train()

    def draw(generator: torch.Generator) -> dict:
        batch = sampler.sample(generator)
        return batch | {"frames": shifted(batch["frames"], config.shift_px, generator)}

    def losses(model: WorldModel, batch: dict, generator: torch.Generator) -> dict[str, Tensor]:
        return training_losses(model, batch, config, generator)

    fit(model, Task(draw, losses), config, out_dir, fingerprint, resume=resume, on_progress=on_progress)
    model.eval()
    metrics = evaluate(model, held or kept) | {"held_out": bool(held)}
    return Trained(model, metrics, checkpoint.save(model, out_dir, data=data, metrics=metrics))


def fit_normalisation(model: WorldModel, datasets: Sequence[Dataset], max_episodes: int = 500) -> None:
    """Set the model's buffers from up to ``max_episodes`` episodes, taken evenly from every dataset."""
    signals, proprio = [], []
    for dataset in datasets:
        count = len(dataset)
        every = max(1, count * len(datasets) // max_episodes)
        for clip in (dataset.episode(i) for i in range(0, count, every)):
            if model.heads.names:
                columns = [torch.as_tensor(clip.signals[name]).float() for name in model.heads.names]
                signals.append(torch.stack(columns, -1))
            if clip.proprio is not None:
                proprio.append(torch.as_tensor(clip.proprio).float())
    if signals:
        values = torch.cat(signals)
        for name, column in zip(model.heads.names, values.unbind(-1), strict=True):
            _refuse_unfinite(f"signal '{name}'", column)
        model.heads.fit(values)
    if model.config.proprio_dim:
        readings = torch.cat(proprio)
        _refuse_unfinite("proprio", readings)
        model.encoder.proprio_mean.copy_(readings.mean(0))
        # A sensor that never moved must not be blown up when it does.
        model.encoder.proprio_std.copy_(readings.std(0, correction=0).clamp(min=1e-3))


def _refuse_unfinite(name: str, values: Tensor) -> None:
    if not torch.isfinite(values).all():
        raise DataError(f"{name} in the training data has NaN or infinite values; repair or drop those episodes.")


def _continued(config: TrainConfig) -> WorldModel:
    model = checkpoint.load(config.init_from)
    for field in dataclasses.fields(config.model):
        old, new = getattr(model.config, field.name), getattr(config.model, field.name)
        if old != new:
            raise ConfigError(f"init_from {config.init_from} has {field.name} {old}, this training has {new}.")
    return model
