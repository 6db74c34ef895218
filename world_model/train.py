"""Training, read from top to bottom: datasets -> a checkpoint in ``out_dir``; killed, it goes on from there.

    trained = train(preset("tiny"), [ClipCache.open(["data/dog"])], "runs/dog")
    trained.model, trained.metrics, trained.path

``out_dir`` receives model.safetensors and model.json at the end, and training_state.safetensors while it
runs.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from rehearse.errors import CheckpointError, ConfigError, DataError
from rehearse.files import atomic_write
from rehearse.world_model import checkpoint
from rehearse.world_model.augment import shifted
from rehearse.world_model.config import TrainConfig
from rehearse.world_model.losses import training_losses
from rehearse.world_model.metrics import evaluate
from rehearse.world_model.model import WorldModel
from rehearse.world_model.optimizer import MatrixOptimizer
from rehearse.world_model.sampler import Dataset, Sampler, check_alike, split

STATE_FILE = "training_state.safetensors"


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
    on_progress: Callable[[dict[str, Any]], None] | None = None,
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
    generator = torch.Generator().manual_seed(config.seed)
    if config.init_from is None:
        fit_normalisation(model, kept)
    else:
        # The old normalisation goes with the old weights.
        model = _continued(config)
    model.to(config.device).train()
    optimizer = MatrixOptimizer(model, config)

    state_path, begin = out_dir / STATE_FILE, 0
    if resume and state_path.exists():
        begin = _restore(state_path, fingerprint, model, optimizer, generator)
    started = time.perf_counter()
    with _reporter(on_progress, config.steps) as report:
        for step in range(begin, config.steps):
            optimizer.set_rate(one_cycle(step / config.steps, config.warmup))
            batch = sampler.sample(generator)
            batch["frames"] = shifted(batch["frames"], config.shift_px, generator)
            losses = training_losses(model, batch, config, generator)
            optimizer.zero_grad()
            losses["loss"].backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
            values = {name: float(value.detach()) for name, value in losses.items()} | {"gradient": float(norm)}
            bad = [name for name, value in values.items() if not math.isfinite(value)]
            if bad:
                _give_up(out_dir, step, bad[0], batch)
            optimizer.step()
            if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                _store(state_path, fingerprint, step + 1, model, optimizer, generator)
            elapsed, done = time.perf_counter() - started, step + 1 - begin
            rate = done * config.batch * config.length / max(elapsed, 1e-9)
            left_s = elapsed / done * (config.steps - step - 1)
            report({"step": step + 1, "steps": config.steps, "rate": rate, "left_s": left_s} | values)
    model.eval()
    metrics = evaluate(model, held or kept) | {"held_out": bool(held)}
    return Trained(model, metrics, checkpoint.save(model, out_dir, data=data, metrics=metrics))


def one_cycle(progress: float, warmup: float) -> float:
    """Learning-rate factor in [0,1]: linear up, cosine down."""
    if progress < warmup:
        return max(progress / warmup, 0.04)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) + 1e-4


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


def _store(
    path: Path,
    fingerprint: str,
    step: int,
    model: WorldModel,
    optimizer: MatrixOptimizer,
    generator: torch.Generator,
) -> None:
    tensors = {f"model.{name}": tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer.state_tensors().items()}
    tensors["generator"] = generator.get_state()
    try:
        with atomic_write(path) as temporary:
            save_file(tensors, temporary, metadata={"step": str(step), "fingerprint": fingerprint})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"could not write {path}: {error}; free some space and start again to go on.") from error


def _restore(
    path: Path,
    fingerprint: str,
    model: WorldModel,
    optimizer: MatrixOptimizer,
    generator: torch.Generator,
) -> int:
    tensors, notes = checkpoint.read_tensors(path)
    if notes.get("fingerprint") != fingerprint:
        raise ConfigError(
            f"{path} is of a training with another configuration or data; use resume=False to start anew."
        )
    part = lambda prefix: {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}  # noqa: E731
    checkpoint.fill(model, part("model."), path)
    optimizer.restore(part("optimizer."))
    generator.set_state(tensors["generator"])
    return int(notes["step"])


def _give_up(out_dir: Path, step: int, name: str, batch: dict) -> None:
    """Keep the batch that broke training, then say so."""
    flat = {key: value.contiguous() for key, value in batch.items() if isinstance(value, Tensor)}
    flat |= {f"signals.{key}": value.contiguous() for key, value in batch["signals"].items()}
    with atomic_write(out_dir / "bad_batch.safetensors") as path:
        save_file(flat, path)
    raise DataError(
        f"training broke at step {step}: '{name}' is not finite. The batch is in "
        f"{out_dir / 'bad_batch.safetensors'}; "
        "look there for NaN or extreme values, or lower the learning rate."
    )


@contextmanager
def _reporter(on_progress: Callable | None, steps: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    if on_progress is not None:
        yield on_progress
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("training"), BarColumn(), TextColumn("{task.fields[text]}"), TimeRemainingColumn()
    with Progress(*columns) as bar:
        task = bar.add_task("training", total=steps, text="")

        def report(now: dict[str, Any]) -> None:
            losses = f"{now['rate']:,.0f} frames/s, next {now['next']:.3f}, open-loop {now['open']:.3f}"
            bar.update(task, completed=now["step"], text=losses)

        yield report
