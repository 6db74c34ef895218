"""The training loop, for every kind of training: draw, lose, step; killed, it goes on exactly where it was.

    fit(model, Task(draw=sampler.sample, losses=lambda model, batch, generator: {"loss": ...}), config, out_dir, "what")

``out_dir`` receives training_state.safetensors every ``config.save_every`` steps. A loss that is not finite stops the
training and keeps the batch that made it so.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from rehearse.errors import CheckpointError, ConfigError, DataError
from rehearse.files import atomic_write
from rehearse.world_model import checkpoint
from rehearse.world_model.config import TrainConfig
from rehearse.world_model.optimizer import MatrixOptimizer

STATE_FILE = "training_state.safetensors"
Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Task:
    """What is learnt from: ``draw`` gives a batch (nested dicts of tensors), ``losses`` its terms and their "loss"."""

    draw: Callable[[torch.Generator], dict]
    losses: Callable[[nn.Module, dict, torch.Generator], dict[str, Tensor]]


def fit(
    model: nn.Module,
    task: Task,
    config: TrainConfig,
    out_dir: Path,
    fingerprint: str,
    *,
    resume: bool = True,
    on_progress: Progress | None = None,
) -> None:
    """Train every parameter of ``model`` that requires a gradient; ``fingerprint`` says which training this is.

    ``on_progress`` is called after every step with step, steps, rate (frames/s), left_s and the losses; without it a
    progress bar is shown. A state of another training in ``out_dir`` is refused.
    """
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = MatrixOptimizer(model, config)
    state_path, begin = out_dir / STATE_FILE, 0
    if resume and state_path.exists():
        begin = _restore(state_path, fingerprint, model, optimizer, generator)
    started = time.perf_counter()
    with _reporter(on_progress, config.steps) as report:
        for step in range(begin, config.steps):
            optimizer.set_rate(one_cycle(step / config.steps, config.warmup))
            batch = task.draw(generator)
            losses = task.losses(model, batch, generator)
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


def one_cycle(progress: float, warmup: float) -> float:
    """Learning-rate factor in [0,1]: linear up, cosine down."""
    if progress < warmup:
        return max(progress / warmup, 0.04)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) + 1e-4


def _store(
    path: Path, fingerprint: str, step: int, model: nn.Module, optimizer: MatrixOptimizer, generator: torch.Generator
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
    path: Path, fingerprint: str, model: nn.Module, optimizer: MatrixOptimizer, generator: torch.Generator
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
    with atomic_write(out_dir / "bad_batch.safetensors") as path:
        save_file(dict(_flat(batch)), path)
    raise DataError(
        f"training broke at step {step}: '{name}' is not finite. The batch is in "
        f"{out_dir / 'bad_batch.safetensors'}; "
        "look there for NaN or extreme values, or lower the learning rate."
    )


def _flat(batch: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    for key, value in batch.items():
        if isinstance(value, Tensor):
            yield prefix + key, value.contiguous()
        else:
            yield from _flat(value, f"{prefix}{key}.")


@contextmanager
def _reporter(on_progress: Progress | None, steps: int) -> Iterator[Progress]:
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
