"""Models on disk: ``model.safetensors`` (weights and normalisation) beside ``model.json`` (what they are).

    save(model, "runs/dog", data=[...], metrics={...})
    model = load("runs/dog")      # in evaluation mode; a CheckpointError names what is wrong

Both files carry the same id, so that halves of two checkpoints are never taken for one. No pickle is read or
written.
"""

import dataclasses
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from rehearse.errors import CheckpointError, RehearseError
from rehearse.files import atomic_write
from rehearse.world_model import parallel
from rehearse.world_model.config import ModelConfig
from rehearse.world_model.model import WorldModel

FORMAT = 2
Network = TypeVar("Network", bound=nn.Module)


def weights_path(path: str | Path) -> Path:
    """The weights file that ``path``, a folder or the file itself, stands for."""
    path = Path(path)
    return path if path.suffix == ".safetensors" else path / "model.safetensors"


def shipped_checkpoint(name: str) -> Path:
    """The weights file of a checkpoint that comes with the package."""
    folder = Path(__file__).parent / "checkpoints"
    path = folder / f"{name}.safetensors"
    if not path.exists():
        known = sorted(p.stem for p in folder.glob("*.safetensors"))
        raise CheckpointError(f"no checkpoint '{name}' is shipped; there are {known or 'none'}. Train one instead.")
    return path


def save(
    model: nn.Module, path: str | Path, *, data: Sequence[Any] = (), metrics: Mapping[str, Any] | None = None
) -> Path:
    """Write both files whole or leave the old ones as they were; returns the weights' path.

    ``model.config`` is the dataclass that the network can be built from again. Of several processes the first writes,
    and all must call.
    """
    path, mark = weights_path(path), uuid.uuid4().hex
    side = {
        "format": FORMAT,
        "id": mark,
        "code": _version(),
        "model": dataclasses.asdict(model.config),
        "data": list(data),
        "metrics": dict(metrics or {}),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    try:
        if parallel.is_first():
            # Both temporaries are complete before either is renamed.
            with atomic_write(path.with_suffix(".json")) as note, atomic_write(path) as weights:
                note.write_text(json.dumps(side, indent=1) + "\n")
                save_file(tensors, weights, metadata={"id": mark})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"could not write {path}: {error}; free some space. The old file is intact.") from error
    parallel.wait()
    return path


def describe(path: str | Path) -> dict[str, Any]:
    """The side file's contents: format, code, model, data, metrics."""
    path = weights_path(path)
    note = path.with_suffix(".json")
    if not path.exists():
        raise CheckpointError(f"there is no checkpoint at {path}; train one, or check the path.")
    if not note.exists():
        raise CheckpointError(f"{note} is missing, and {path.name} cannot be read without it; copy both files.")
    try:
        side = json.loads(note.read_text())
        version = side["format"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CheckpointError(f"{note} is damaged ({error!r}); copy both files again.") from error
    if version != FORMAT:
        newer = isinstance(version, int) and version > FORMAT
        remedy = "update Rehearse" if newer else "train it again"
        raise CheckpointError(f"{path} has format {version}, this version of Rehearse reads {FORMAT}; {remedy}.")
    return side


def load(path: str | Path, device: str = "cpu") -> WorldModel:
    """The world model of a checkpoint, checked tensor by tensor, in evaluation mode."""
    return restore(path, lambda config: WorldModel(ModelConfig(**config)), device)


def restore(path: str | Path, build: Callable[[dict[str, Any]], Network], device: str = "cpu") -> Network:
    """The network that ``build`` makes of the checkpoint's configuration, with its weights, in evaluation mode."""
    path, side = weights_path(path), describe(path)
    try:
        model = build(side["model"])
    except (TypeError, KeyError, RehearseError) as error:
        raise CheckpointError(f"{path.with_suffix('.json')} describes no known model ({error}).") from error
    tensors, marks = read_tensors(path)
    if marks.get("id") != side.get("id"):
        raise CheckpointError(f"{path} and {path.stem}.json are halves of two checkpoints; copy or save both again.")
    fill(model, tensors, path)
    return model.to(device).eval()


def take_over(model: WorldModel, path: str | Path) -> set[str]:
    """Give a model what a checkpoint has for it, and leave the rest as it is; returns the names of what it took.

    The heads are taken whole or not at all: their columns are those of the checkpoint's signals, in their order.
    """
    old = load(path)
    mine, theirs = model.state_dict(), old.state_dict()
    taken = {name for name in mine if name in theirs and theirs[name].shape == mine[name].shape}
    if list(old.config.signals.items()) != list(model.config.signals.items()):
        taken = {name for name in taken if not name.startswith("heads.")}
    model.load_state_dict({name: theirs[name] for name in taken}, strict=False)
    return taken


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors and the metadata of a safetensors file."""
    try:
        with safe_open(path, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or cut short ({error}); copy or train it again.") from error


def fill(model: WorldModel, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load tensors into the model; raise CheckpointError that names the first that does not fit."""
    wanted = model.state_dict()
    for name, tensor in wanted.items():
        if name not in tensors:
            raise CheckpointError(f"{path} lacks the tensor '{name}'; it belongs to another model.")
        if tensors[name].shape != tensor.shape:
            raise CheckpointError(
                f"{path}: tensor '{name}' is {tuple(tensors[name].shape)}, the model needs {tuple(tensor.shape)}."
            )
        if not torch.isfinite(tensors[name]).all():
            raise CheckpointError(f"{path}: tensor '{name}' holds NaN or infinite values; train the model again.")
    extra = sorted(set(tensors) - set(wanted))
    if extra:
        raise CheckpointError(f"{path} holds the tensor '{extra[0]}', which the model lacks.")
    with torch.no_grad():
        model.load_state_dict(dict(tensors))


def _version() -> str:
    try:
        return metadata.version("rehearse")
    except metadata.PackageNotFoundError:
        return "source tree"
