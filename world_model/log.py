"""Where the numbers of every step go: a file of JSON lines always, TensorBoard and Weights & Biases where wanted.

    with opened(config, Path("runs/dog")) as logs:
        for log in logs:
            log.scalars(step, {"loss": 0.5, "learning_rate": 1e-3})      # steps count from 1

A training that was killed repeats the steps since its last saved state. Each log therefore begins at the first step
that it is given: what it held of that step and later ones is forgotten, and the curve has neither gap nor repeat.
"""

import dataclasses
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from rehearse.errors import SetupError
from rehearse.files import atomic_write
from rehearse.world_model.config import TrainConfig

LINES_FILE = "training.jsonl"
RUN_FILE = "wandb_run.txt"


class Log(Protocol):
    """Takes the scalars of one step after the other."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """One line a step, {"step": 7, "loss": 0.5, ...}, in the file before ``scalars`` returns."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, None

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        if self._file is None:
            earlier = [row for row in read_lines(self._path) if row["step"] < step]
            with atomic_write(self._path) as kept:
                kept.write_text("".join(json.dumps(row) + "\n" for row in earlier))
            self._file = self._path.open("a", buffering=1)
        self._file.write(json.dumps({"step": step} | dict(values)) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def read_lines(path: Path) -> list[dict[str, float]]:
    """The steps in a file of ``JsonLines``; a line that a crash cut short is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with suppress(json.JSONDecodeError):
            rows.append(json.loads(line))
    return rows


class TensorBoard:
    """Event files in a folder, for ``tensorboard --logdir``."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._writer = folder, None

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(self._folder, purge_step=step)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        # Else a killed run would lose what was waiting, and resumed it does not go that far back.
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class WeightsAndBiases:
    """A run of a Weights & Biases project; resumed, the same run. WANDB_MODE=offline keeps it on this machine."""

    def __init__(self, project: str, folder: Path, config: TrainConfig) -> None:
        if find_spec("wandb") is None:
            raise SetupError("logging to Weights & Biases needs its package: pip install 'rehearse[wandb]'.")
        self._project, self._folder, self._config, self._run = project, folder, config, None

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        if self._run is None:
            import wandb

            self._run = wandb.init(
                project=self._project,
                id=self._identifier(step),
                resume="allow",
                name=str(self._folder),
                dir=self._folder,
                config=dataclasses.asdict(self._config),
                settings=wandb.Settings(console="off", silent=True),
            )
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        if self._run is not None:
            self._run.finish()

    def _identifier(self, step: int) -> str:
        """That of the run which this one goes on with, or a new one's."""
        path = self._folder / RUN_FILE
        if step == 1 or not path.exists():
            with atomic_write(path) as written:
                written.write_text(uuid.uuid4().hex[:8])
        return path.read_text()


def has_tensorboard() -> bool:
    """Whether the package is installed."""
    return find_spec("tensorboard") is not None


@contextmanager
def opened(config: TrainConfig, folder: Path) -> Iterator[list[Log]]:
    """The logs that ``config`` asks for; a missing tensorboard is left out, a missing wandb is a SetupError."""
    logs: list[Log] = [JsonLines(folder / LINES_FILE)]
    if config.tensorboard and has_tensorboard():
        logs.append(TensorBoard(folder))
    if config.wandb is not None:
        logs.append(WeightsAndBiases(config.wandb, folder, config))
    with ExitStack() as stack:
        for log in logs:
            stack.callback(log.close)
        yield logs
