"""Several processes that train one model as if they were one, each on its share of every batch.

    torchrun --nproc-per-node 2 -m rehearse.cli train ...

    with joined(config.device):                        # reads what torchrun set; without torchrun it does nothing
        rows = own(batch)                              # every size()-th sequence of a batch that all have drawn
        values = averaged(model, {"loss": 0.5})        # after backward: gradients and values, over all processes
        moments = together(whiten, moments)            # by the statistics of all processes' rows, not this one's alone

DistributedDataParallel hooks a module's ``forward``; the losses here call the model's parts one by one, so that the
gradients are averaged after ``backward`` instead, in one all-reduce of one flat tensor (6 MB for ``tiny``). Every
process draws the whole batch from the same generator and keeps its rows: the batches are those of one process, and one
saved generator resumes all.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor, nn

from rehearse.errors import ConfigError, RehearseError


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Join the processes that torchrun started, over NCCL on GPUs (one each), else over gloo."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl", device_id=torch.device("cuda", torch.cuda.current_device()))
    else:
        dist.init_process_group("gloo")
    try:
        yield
    except RehearseError:
        # Mostly the first process has the same, tells it, and torchrun ends the others while they wait.
        if not is_first():
            time.sleep(20)
        raise
    dist.destroy_process_group()


def fail(error: RehearseError) -> NoReturn:
    """Raise an error that all processes have: the first tells it for all, the others end and say nothing."""
    # With 0: of a process that fails torchrun would not wait for the others to tell.
    raise error if is_first() else SystemExit(0)


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this process is the one that writes, logs and reports."""
    return rank() == 0


def wait() -> None:
    """Until all processes have come here."""
    if dist.is_initialized():
        dist.barrier()


@contextmanager
def first_ahead() -> Iterator[None]:
    """The first process goes through the block before the others: what it has cached on disk, they find."""
    if not is_first():
        wait()
    yield
    if is_first():
        wait()


def check(batch: int) -> None:
    """Raise ConfigError unless a batch of so many sequences can be shared out evenly."""
    if batch % size():
        fail(ConfigError(f"batch is {batch}, which {size()} processes cannot share evenly; use a multiple of them."))


def own(batch: dict) -> dict:
    """This process's rows of a batch: nested dicts of tensors with one row per sequence."""
    if size() == 1:
        return batch
    return {k: own(v) if isinstance(v, Mapping) else v[rank() :: size()] for k, v in batch.items()}


def agree(generator: torch.Generator) -> None:
    """Put everybody's generator into the first one's state: a share with less padding may have drawn more."""
    if dist.is_initialized():
        state = generator.get_state().to(_place())
        dist.broadcast(state, 0)
        generator.set_state(state.cpu())


def uniform(rows: int, *shape: int, generator: torch.Generator) -> Tensor:
    """Random numbers in [0,1) (rows,...) for this process's sequences, as one process draws them for all."""
    return torch.rand(rows * size(), *shape, generator=generator)[rank() :: size()]


def normal(rows: int, *shape: int, generator: torch.Generator) -> Tensor:
    """The same from a standard normal."""
    return torch.randn(rows * size(), *shape, generator=generator)[rank() :: size()]


def alike(model: nn.Module) -> None:
    """Give every process the first one's parameters and buffers."""
    if dist.is_initialized():
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)


def averaged(model: nn.Module, values: Mapping[str, float]) -> dict[str, float]:
    """The mean of ``values`` over all processes; gradients and buffers (running statistics) become theirs too."""
    if size() == 1:
        return dict(values)
    tensors = [p.grad for p in model.parameters() if p.grad is not None]
    tensors += [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    told = tensors[0].new_tensor(list(values.values()))
    tensors.append(told)
    bucket = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(bucket)
    bucket /= size()
    parts = bucket.split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))
    return dict(zip(values, told.tolist(), strict=True))


def gathered(rows: Tensor) -> Tensor:
    """Rows (M,...) of all processes, in the order that ``own`` took them from; M may differ. Gradients flow to all.

    Every process must call it equally often: never in what one of them does alone, such as evaluation.
    """
    return _Gather.apply(rows)[0] if dist.is_initialized() else rows


def together(function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """This process's rows of ``function(gathered(rows))``, for a function that maps rows by the statistics of all."""
    if not dist.is_initialized():
        return function(rows)
    everything, mine = _Gather.apply(rows)
    return function(everything)[mine]


class _Gather(torch.autograd.Function):
    """rows (M,...) -> the rows of all processes, and which of them are this one's."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> tuple[Tensor, Tensor]:
        counts = _stacked(torch.tensor(len(rows), device=rows.device))
        padded = rows.new_zeros(int(counts.max()), *rows.shape[1:])
        padded[: len(rows)] = rows
        real = (torch.arange(len(padded), device=rows.device)[:, None] < counts).flatten()
        mine = (real.cumsum(0) - 1)[rank() :: size()][: len(rows)]
        ctx.save_for_backward(mine)
        ctx.mark_non_differentiable(mine)
        return _stacked(padded, 1).flatten(0, 1)[real], mine

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> Tensor:
        # The sum over the losses of all processes: ``averaged`` divides by their number.
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[ctx.saved_tensors[0]]


def _stacked(tensor: Tensor, dim: int = 0) -> Tensor:
    """One tensor of every process, side by side."""
    found = [torch.empty_like(tensor) for _ in range(size())]
    dist.all_gather(found, tensor)
    return torch.stack(found, dim)


def _place() -> torch.device:
    """Where tensors must lie to be sent."""
    return torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")
