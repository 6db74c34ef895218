"""A model card, README.md, beside a checkpoint: what it is, what it learnt from and how, how well it does.

    write_card(save(model, "runs/dog", data=[...], metrics={...}), config)

Everything in it comes from the checkpoint and its side file, and from the configuration of its training. The front
matter is that of the Hugging Face Hub (huggingface.co/docs/hub/model-cards; Mitchell et al., arXiv 1810.03993).
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rehearse.files import atomic_write
from rehearse.world_model import parallel
from rehearse.world_model.checkpoint import describe, read_tensors, weights_path
from rehearse.world_model.config import TrainConfig

FILE = "README.md"
SHOWN_STEPS = (1, 5, 10, 15)

CARD = """---
license: apache-2.0
library_name: rehearse
pipeline_tag: robotics
tags:
{tags}
---

# {title}

A world model: from camera frames{senses} it remembers what happened, and imagines what each of many ways to
go on would lead to. {size} M parameters and normalisation constants, made by Rehearse {code}, id `{id}`,
SHA-256 of `{weights}` `{digest}`.

## Intended use

To rank candidate actions in a planner that acts, looks and plans anew, for the robot, cameras, signals and task that
it was trained on, and for research on such models. It takes frames of {image_size} x {image_size} pixels and
{action_dim} numbers per action{readings}, and tells {signals}.

Limits: what it imagines is a prediction, not a guarantee, and no safety device; a robot's own limits must hold
whatever it says. Away from its data it may be wrong with confidence; the spread of its {members} members is a hint, no
warning to rely on. The figures below are of episodes like those that it learnt from: they say nothing about another
scene, camera or robot.

## Data

{data}

## Training

{recipe}

```json
{config}
```

## Results

{results}

## Parameters

{parts}

## Loading

```python
from rehearse.world_model import History, load

model = load("{weights}")  # with {side} beside it
belief = model.observe(History(frames, proprio, actions))
futures = model.imagine(belief, candidates)  # (N, H, A): {action_dim} numbers an action
```
"""


def write_card(path: str | Path, config: TrainConfig) -> Path:
    """Write the card of the checkpoint at ``path``, a folder or the weights file, that ``config`` trained.

    Of several processes the first writes it.
    """
    path = weights_path(path)
    target = path.with_name(FILE)
    if parallel.is_first():
        text = card(path, config)
        with atomic_write(target) as written:
            written.write_text(text, encoding="utf-8")
    return target


def card(path: Path, config: TrainConfig) -> str:
    """The card's text, Markdown under YAML front matter."""
    side, tensors = describe(path), read_tensors(path)[0]
    model, metrics, data = side["model"], side.get("metrics", {}), side.get("data", [])
    tasks = sorted({str(source["task"]) for source in data if "task" in source})
    parts: dict[str, int] = {}
    for name, tensor in tensors.items():
        part = name.split(".")[0]
        parts[part] = parts.get(part, 0) + tensor.numel()
    signals = ", ".join(f"`{name}` ({kind})" for name, kind in model["signals"].items())
    return CARD.format(
        tags="\n".join(
            f"- {json.dumps(tag)}" for tag in ["robotics", "world-model", "model-predictive-control", *tasks]
        ),
        title=" and ".join(tasks) or "World model",
        senses=_senses(model),
        readings=f", {model['proprio_dim']} proprioceptive readings" if model["proprio_dim"] else "",
        signals=signals or "no signals besides the pictures",
        size=f"{sum(parts.values()) / 1e6:.2f}",
        code=side["code"],
        id=side["id"],
        weights=path.name,
        side=path.with_suffix(".json").name,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        **{name: model[name] for name in ("image_size", "members")},
        action_dim=model["action_dim"] or f"{model['action_width']} latent",
        data=_table(data) if data else "Not noted in the checkpoint.",
        recipe=_recipe(config),
        config=json.dumps(dataclasses.asdict(config), indent=1),
        results="\n\n".join(_results(metrics, config)) if "moment" in metrics else "Not evaluated.",
        parts=_table([{"part": part, "numbers": f"{count:,}"} for part, count in parts.items()]),
    )


def fingerprint(dataset: Path) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a LeRobotDataset's files, names and contents."""
    digest = hashlib.sha256()
    for room in ("meta", "data", "videos"):
        for file in sorted(found for found in (dataset / room).rglob("*") if found.is_file()):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(dataset).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _senses(model: Mapping[str, Any]) -> str:
    """What it takes besides frames."""
    if not model["action_dim"]:
        return " alone"
    return ", proprioception and actions" if model["proprio_dim"] else " and actions"


def _recipe(config: TrainConfig) -> str:
    start = "From nothing" if config.init_from is None else f"Continued from `{config.init_from}`"
    return (
        f"{start}, seed {config.seed}: {config.steps} steps of {config.batch} sequences of {config.length} frames, "
        f"Muon for matrices and AdamW for the rest, one-cycle learning rate up to {config.learning_rate:g}; "
        f"{config.holdout:.0%} of the episodes held out. All of the configuration:"
    )


def _results(metrics: Mapping[str, Any], config: TrainConfig) -> Iterator[str]:
    episodes = "held-out episodes" if metrics.get("held_out") else "episodes of the training data (none was held out)"
    if metrics.get("held_out") and config.init_from is not None:
        episodes += " (held out here; the checkpoint that it began from may have learnt from some of them)"
    yield (
        f"Open-loop, with the episodes' own actions, from {metrics['starts']} moments of {metrics['episodes']} "
        f"{episodes}. *Copying* predicts that nothing changes. Moments: mean squared error; signals: mean absolute "
        "error in their own units; ρ: rank correlation of imagined and true totals."
    )
    rows = [_curve("moments", metrics["moment"]["mse"], metrics["moment"]["copy"])]
    for name, row in metrics["signals"].items():
        rows.append(_curve(f"`{name}`", row["mae"], row["copy"]) | {"ρ": _number(row.get("spearman"))})
    yield _table(rows)
    events = {name: row for name, row in metrics["signals"].items() if "brier" in row}
    if events:
        yield "Events: how often, and how well their probability is told."
        keys = ("rate", "brier", "auroc", "calibration_error")
        yield _table(
            [{"event": f"`{name}`"} | {key: _number(row.get(key)) for key in keys} for name, row in events.items()]
        )
    for name, row in events.items():
        yield f"Calibration of `{name}`: where it says so much, it happens so often."
        yield _table([{"said": _number(s), "happened": _number(h), "n": int(n)} for s, h, n in row["reliability"]])


def _curve(name: str, errors: Sequence[float], copied: Sequence[float]) -> dict[str, str]:
    """One row: the error and that of copying, so many steps ahead."""
    steps = [h for h in SHOWN_STEPS if h <= len(errors)]
    return {"error (of copying)": name} | {
        f"{h} ahead": f"{_number(errors[h - 1])} ({_number(copied[h - 1])})" for h in steps
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table with a column for every key of any row."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns)] + [[str(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
