"""The training loop, for every kind of training: draw, lose, step; killed, it goes on exactly where it was.

    fit(model, Task(draw=sampler.sample, losses=lambda model, batch, generator: {"loss": ...}), config, out_dir, "what")

``out_dir`` receives training_state.safetensors every ``config.save_every`` steps, and the curves (log.py). A loss that
is not finite stops the training and keeps the batch that made it so. Under torchrun all processes train together
(parallel.py), and the first alone writes and reports.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from rehearse.errors import CheckpointError, ConfigError, DataError
from rehearse.files import atomic_write
from rehearse.world_model import checkpoint, parallel
from rehearse.world_model.config import TrainConfig
from rehearse.world_model.log import Log, opened
from rehearse.world_model.optimizer import MatrixOptimizer

STATE_FILE = "training_state.safetensors"
Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Task:
    """What is learnt from: ``draw`` gives a batch, ``losses`` its terms and their "loss".

    A batch is nested dicts of tensors with one row per sequence. The losses are means over it, and take their chance
    from the generator that they are given.
    """

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
    logs: Sequence[Log] = (),
) -> None:
    """Train every parameter of ``model`` that requires a gradient; ``fingerprint`` says which training this is.

    ``on_progress`` is called after every step with step, steps, rate (frames/s), left_s and the losses; without it a
    progress bar is shown. ``logs`` are written to besides those that ``config`` asks for. A state of another training
    in ``out_dir`` is refused.
    """
    parallel.check(config.batch)
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = MatrixOptimizer(model, config)
    state_path, begin = out_dir / STATE_FILE, 0
    if resume and state_path.exists():
        begin = _restore(state_path, fingerprint, model, optimizer, generator)
    parallel.alike(model)
    started = time.perf_counter()
    with _reporter(on_progress, logs, config, out_dir) as report:
        for step in range(begin, config.steps):
            factor = one_cycle(step / config.steps, config.warmup)
            optimizer.set_rate(factor)
            batch = task.draw(generator)
            losses = task.losses(model, parallel.own(batch), generator)
            parallel.agree(generator)
            optimizer.zero_grad()
            losses["loss"].backward()
            values = parallel.averaged(model, {name: float(value.detach()) for name, value in losses.items()})
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
            values["gradient"] = float(norm)
            bad = [name for name, value in values.items() if not math.isfinite(value)]
            if bad:
                _give_up(out_dir, step, bad[0], batch)
            optimizer.step()
            elapsed, done = time.perf_counter() - started, step + 1 - begin
            rate = done * config.batch * config.length / max(elapsed, 1e-9)
            left_s = elapsed / done * (config.steps - step - 1)
            values["learning_rate"] = config.learning_rate * factor
            report({"step": step + 1, "steps": config.steps, "rate": rate, "left_s": left_s} | values)
            # After the report: killed in between, a step is logged again rather than never.
            if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                _store(state_path, fingerprint, step + 1, model, optimizer, generator)


def one_cycle(progress: float, warmup: float) -> float:
    """Learning-rate factor in [0,1]: linear up, cosine down."""
    if progress < warmup:
        return max(progress / warmup, 0.04)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) + 1e-4


def _store(
    path: Path, fingerprint: str, step: int, model: nn.Module, optimizer: MatrixOptimizer, generator: torch.Generator
) -> None:
    if not parallel.is_first():
        return
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
            f"{path} is of a training with another configuration or data; name another folder, or delete this one."
        )
    part = lambda prefix: {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}  # noqa: E731
    checkpoint.fill(model, part("model."), path)
    optimizer.restore(part("optimizer."))
    generator.set_state(tensors["generator"])
    return int(notes["step"])


def _give_up(out_dir: Path, step: int, name: str, batch: dict) -> None:
    """Keep the batch that broke training, whole, then say so."""
    if parallel.is_first():
        with atomic_write(out_dir / "bad_batch.safetensors") as path:
            save_file(dict(_flat(batch)), path)
    where = out_dir / "bad_batch.safetensors"
    parallel.fail(
        DataError(
            f"training broke at step {step}: '{name}' is not finite. The batch is in {where}; look there for NaN or "
            "extreme values, or lower the learning rate."
        )
    )


def _flat(batch: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    for key, value in batch.items():
        if isinstance(value, Tensor):
            yield prefix + key, value.contiguous()
        else:
            yield from _flat(value, f"{prefix}{key}.")


@contextmanager
def _reporter(
    on_progress: Progress | None, logs: Sequence[Log], config: TrainConfig, out_dir: Path
) -> Iterator[Progress]:
    """What tells the logs, and ``on_progress`` or a bar, about a step; in all processes but the first, nobody."""
    if not parallel.is_first():
        yield lambda now: None
        return
    with opened(config, out_dir) as own, nullcontext(on_progress) if on_progress else _bar(config.steps) as show:

        def report(now: dict[str, Any]) -> None:
            values = {name: value for name, value in now.items() if name not in ("step", "steps", "rate", "left_s")}
            for log in (*own, *logs):
                log.scalars(now["step"], values | {"frames_per_s": now["rate"]})
            show(now)

        yield report


@contextmanager
def _bar(steps: int) -> Iterator[Progress]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("training"), BarColumn(), TextColumn("{task.fields[text]}"), TimeRemainingColumn()
    with Progress(*columns) as bar:
        task = bar.add_task("training", total=steps, text="")
        yield lambda now: bar.update(
            task, completed=now["step"], text=f"{now['rate']:,.0f} frames/s, loss {now['loss']:.3f}"
        )
