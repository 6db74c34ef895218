"""``rehearse inspect``: what a checkpoint is, what it was taught, and how well it knows that."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import Command
from rehearse.world_model import WorldModel, describe, load, shipped_checkpoint
from rehearse.world_model.checkpoint import weights_path

STEPS = (1, 8, 15)


@dataclass(kw_only=True)
class Inspect(Command):
    """Print what a checkpoint knows: its network, senses, signals, errors on held-out episodes, and data."""

    checkpoint: Annotated[Path | None, tyro.conf.Positional] = None
    """World model; the shipped one unless given."""

    def run(self, console: Console) -> int:
        """Load it whole, so that a damaged one is refused, and print what stands in it."""
        weights = weights_path(self.checkpoint or shipped_checkpoint("dog-on-jacket-tiny"))
        facts = inspect(load(weights), describe(weights), weights)
        out = Console()
        for table in tables_of(facts):
            out.print(table)
        self.write_json(facts)
        return 0


def inspect(model: WorldModel, side: dict[str, Any], weights: Path) -> dict[str, Any]:
    """All that the tables show, for machines. Errors are None where the side file tells none."""
    config, metrics = dataclasses.asdict(model.config), side.get("metrics") or {}
    signals = config.pop("signals")
    parts: dict[str, dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        part = name.partition(".")[0]
        kind = type(getattr(model, part)).__name__
        parts.setdefault(part, {"kind": kind, "parameters": 0})["parameters"] += parameter.numel()
    return {
        "checkpoint": str(weights),
        "format": side["format"],
        "code": side.get("code"),
        "bytes": weights.stat().st_size,
        "parameters": sum(part["parameters"] for part in parts.values()),
        "parts": parts,
        "config": config,
        "signals": {
            name: {"kind": kind, **_known(metrics.get("signals", {}).get(name, {}))} for name, kind in signals.items()
        },
        "moment": _at_steps(metrics.get("moment", {}), "mse"),
        "evaluated": {name: metrics.get(name) for name in ("episodes", "starts", "held_out")},
        "data": side.get("data") or [],
    }


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {"mae": _at_steps(row, "mae"), **{name: row.get(name) for name in ("spearman", "auroc", "brier", "rate")}}


def _at_steps(row: dict[str, Any], key: str) -> dict[str, dict[str, float]]:
    """{"1": {"model": error, "copy": error}}: imagining against copying what was last known, where both are told."""
    model, copy = row.get(key, []), row.get("copy", [])
    told = [step for step in STEPS if step <= min(len(model), len(copy))]
    return {str(step): {"model": model[step - 1], "copy": copy[step - 1]} for step in told}


def tables_of(facts: dict[str, Any]) -> list[Table]:
    """The facts in five tables: the file, the network, the signals, open-loop errors, the data."""
    config = facts["config"]
    senses = f"camera {config['image_size']} x {config['image_size']} x 3"
    senses += "".join(f", camera {name}" for name in config.get("views", ()))
    if config["proprio_dim"]:
        senses += f", proprioception {config['proprio_dim']}"
    about = _table("checkpoint", ("", ""))
    for name, value in (
        ("file", facts["checkpoint"]),
        ("size", f"{facts['bytes'] / 1e6:.1f} MB"),
        ("format, code", f"{facts['format']}, rehearse {facts['code']}"),
        ("senses", senses),
        ("action dimensions", config["action_dim"] or f"{config['action_width']}, latent: it learnt from video alone"),
        ("ensemble members", config.get("members", "-")),
    ):
        about.add_row(name, str(value))
    network = _table(f"network, {facts['parameters']:,} parameters", ("part", "kind", "parameters", "share"), 2)
    for name, part in facts["parts"].items():
        share = part["parameters"] / facts["parameters"]
        network.add_row(name, part["kind"], f"{part['parameters']:,}", f"{100 * share:.0f} %")
    shown = {"image_size", "proprio_dim", "action_dim", "members", "views"}
    network.caption = ", ".join(f"{name} {value}" for name, value in config.items() if name not in shown)
    return [about, network, _signals(facts), _open_loop(facts), _data(facts["data"])]


def _signals(facts: dict[str, Any]) -> Table:
    table = _table("signals", ("signal", "kind", "rank correlation", "AUROC", "Brier", "happened in"), 2)
    for name, row in facts["signals"].items():
        rate = "-" if row["rate"] is None else f"{100 * row['rate']:.0f} %"
        table.add_row(name, row["kind"], *(_number(row[key]) for key in ("spearman", "auroc", "brier")), rate)
    table.caption = f"rank correlation: of totals over 12 steps; {_evaluated(facts)}"
    return table


def _open_loop(facts: dict[str, Any]) -> Table:
    headers = ("", *(f"{step} step{'s' if step > 1 else ''}" for step in STEPS))
    table = _table("open-loop error, imagined / last known", headers, 1)
    rows = {"moment (squared)": facts["moment"], **{name: row["mae"] for name, row in facts["signals"].items()}}
    for name, row in rows.items():
        pairs = [row.get(str(step)) for step in STEPS]
        table.add_row(name, *("-" if pair is None else f"{pair['model']:.4f} / {pair['copy']:.4f}" for pair in pairs))
    table.caption = f"signals: mean absolute error in their own units; {_evaluated(facts)}"
    return table


def _data(data: Sequence[dict[str, Any]]) -> Table:
    """One column per dataset: they tell many things about themselves, and not all the same."""
    table = _table("data", ("", *(str(number) for number in range(1, len(data) + 1))))
    for name in dict.fromkeys(key for row in data for key in row):
        table.add_row(name, *(str(row.get(name, "-")) for row in data))
    if not data:
        table.caption = "the side file tells none"
    return table


def _evaluated(facts: dict[str, Any]) -> str:
    told = facts["evaluated"]
    if not told["episodes"]:
        return "no evaluation is recorded"
    whose = "held-out" if told["held_out"] else "TRAINING"
    return f"{told['episodes']} {whose} episodes"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(title: str, headers: Sequence[str], words: int | None = None) -> Table:
    """A table whose first ``words`` columns are text, flush left, and the others figures."""
    table = Table(title=title, title_justify="left", caption_justify="left", show_header=any(headers))
    for column, header in enumerate(headers):
        justify = "left" if words is None or column < words else "right"
        table.add_column(header, justify=justify, overflow="fold")
    return table
