"""Training, read from top to bottom: datasets -> a checkpoint in ``out_dir``; killed, it goes on from there.

    trained = train(preset("tiny"), [ClipCache.open(["data/dog"])], "runs/dog")          # episodes with actions
    trained = train(preset("tiny"), [], "runs/video", videos=[...])                      # video alone: pretraining
    trained = train(preset("tiny", init_from="runs/video"), [few], "runs/taught")        # then a few with actions
    trained.model, trained.metrics, trained.path

Episodes with actions and video without may be learnt from together. ``out_dir`` receives model.safetensors and
model.json at the end, and training_state.safetensors while it runs.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rehearse.errors import DataError
from rehearse.world_model import checkpoint
from rehearse.world_model.augment import shifted
from rehearse.world_model.card import write_card
from rehearse.world_model.config import FREEZES, ModelConfig, TrainConfig
from rehearse.world_model.loop import Progress, Task, fit
from rehearse.world_model.losses import training_losses
from rehearse.world_model.metrics import evaluate
from rehearse.world_model.model import WorldModel
from rehearse.world_model.sampler import Dataset, Sampler, check_alike, identity, split

# Of a model that begins with video: what a bottleneck may say at most, and what it takes to speak it.
LATENT_ACTION_DIM, CONTROLLER_WIDTH = 16, 256
# What a checkpoint that is begun from decides: the network. The data decide the rest.
OF_THE_DATA = ("action_dim", "proprio_dim", "signals", "views", "latent_actions", "goals")


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
    videos: Sequence[Dataset] = (),
    resume: bool = True,
    on_progress: Progress | None = None,
    data: Sequence[Any] = (),
) -> Trained:
    """Train, evaluate on held-out episodes, write the checkpoint.

    ``videos`` are datasets of which only the frames are used. ``on_progress`` is called after every step with step,
    steps, rate (frames/s), left_s and the losses; without it a progress bar is shown. ``data`` is provenance (paths,
    fingerprints) that is noted in the checkpoint.
    """
    datasets = list(datasets) if isinstance(datasets, list | tuple) else [datasets]
    check_alike(datasets, videos)
    out_dir = Path(out_dir)
    config = dataclasses.replace(config, model=model_config(config, datasets, videos))
    kept, held = split(datasets, config.holdout, config.seed)
    films, unseen = split(list(videos), config.holdout, config.seed)
    learnt_from = [[identity(dataset) for dataset in group] for group in (datasets, videos)]
    fingerprint = json.dumps([config.identity(), learnt_from], sort_keys=True)

    model = begin(config, kept).to(config.device)
    samplers = {"episodes": Sampler(kept, config, config.sampling_weights)} if kept else {}
    samplers |= {"video": Sampler(films, config)} if films else {}

    def draw(generator: torch.Generator) -> dict:
        batch = {name: sampler.sample(generator) for name, sampler in samplers.items()}
        if films:  # whatever else its source may know
            batch["video"] = {name: batch["video"][name] for name in ("frames", "valid")}
        for part in batch.values():
            part["frames"] = shifted(part["frames"], config.shift_px, generator)
        return batch

    def losses(model: WorldModel, batch: dict, generator: torch.Generator) -> dict[str, Tensor]:
        parts = {name: training_losses(model, part, config, generator) for name, part in batch.items()}
        if len(parts) == 1:
            return next(iter(parts.values()))
        seen = {f"video_{name}": value for name, value in parts["video"].items()}
        loss = parts["episodes"]["loss"] + config.video_weight * seen.pop("video_loss")
        return parts["episodes"] | seen | {"loss": loss}

    fit(model, Task(draw, losses), config, out_dir, fingerprint, resume=resume, on_progress=on_progress)
    model.eval()
    tested = held if kept else unseen
    metrics = evaluate(model, tested or kept or films) | {"held_out": bool(tested)}
    path = checkpoint.save(model, out_dir, data=data, metrics=metrics)
    write_card(path, config)
    return Trained(model, metrics, path)


def model_config(config: TrainConfig, datasets: Sequence[Dataset], videos: Sequence[Dataset]) -> ModelConfig:
    """The network of ``config``, or of the checkpoint that it begins from, for the robot and signals of the data."""
    model = config.model
    if config.init_from is not None:
        old = ModelConfig(**checkpoint.describe(config.init_from)["model"])
        wanted = {name: getattr(model, name) for name in OF_THE_DATA}
        model = dataclasses.replace(old, **wanted | {"latent_actions": old.latent_actions})
    elif videos:
        width = min(model.action_width, LATENT_ACTION_DIM)
        model = dataclasses.replace(model, latent_actions=True, action_width=width, controller_width=CONTROLLER_WIDTH)
    if not datasets:
        return dataclasses.replace(model, action_dim=0, proprio_dim=0, signals={}, views=(), goals=False)
    first = datasets[0]
    return dataclasses.replace(
        model,
        action_dim=first.action_dim,
        proprio_dim=first.proprio_dim,
        signals=dict(first.signal_kinds),
        views=first.views,
    )


def begin(config: TrainConfig, kept: Sequence[Dataset]) -> WorldModel:
    """A new model, with everything that fits of the checkpoint it begins from, ready to be trained."""
    with torch.random.fork_rng(devices=[]):  # the caller's own random numbers stay as they were
        torch.manual_seed(config.seed)
        model = WorldModel(config.model)
    known: set[str] = set()
    if config.init_from is not None:
        known = checkpoint.take_over(model, config.init_from)
        if config.model.proprio_dim and "encoder.senses.proprio.mean" not in known:
            last = model.encoder.senses["proprio"].net[-1]  # a new sense begins by saying nothing
            torch.nn.init.zeros_(last.weight)
            torch.nn.init.zeros_(last.bias)
    fit_normalisation(model, kept, known)
    model.train()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(FREEZES[config.freeze]))
    if config.freeze != "nothing":
        model.encoder.whiten.eval()
    return model


def fit_normalisation(model: WorldModel, datasets: Sequence[Dataset], known: set[str], max_episodes: int = 500) -> None:
    """Set the model's buffers from up to ``max_episodes`` episodes, taken evenly from every dataset.

    What is ``known`` from a checkpoint goes with its weights and stays.
    """
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
    if signals and "heads.scale" not in known:
        values = torch.cat(signals)
        for name, column in zip(model.heads.names, values.unbind(-1), strict=True):
            _refuse_unfinite(f"signal '{name}'", column)
        model.heads.fit(values)
    if proprio and model.config.proprio_dim and "encoder.senses.proprio.mean" not in known:
        readings = torch.cat(proprio)
        _refuse_unfinite("proprio", readings)
        sense = model.encoder.senses["proprio"]
        sense.mean.copy_(readings.mean(0))
        # A sensor that never moved must not be blown up when it does.
        sense.std.copy_(readings.std(0, correction=0).clamp(min=1e-3))


def _refuse_unfinite(name: str, values: Tensor) -> None:
    if not torch.isfinite(values).all():
        raise DataError(f"{name} in the training data has NaN or infinite values; repair or drop those episodes.")
