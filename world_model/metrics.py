"""How well a model imagines, on episodes it did not learn from, beside copying what was last known.

    report = evaluate(model, [held_out])
    report["moment"]["mse"][4], report["moment"]["copy"][4]        # five steps ahead
    report["signals"]["disturbance"]["spearman"]                   # imagined against true total over 12 steps
    report["signals"]["woken"]["brier"], ["auroc"], ["reliability"]       # does "5 %" mean 5 %?
    report["by_step"]["woken"]["brier"][7], report["by_step"]["doubt"][7]   # and how that decays; doubt against error

All numbers are plain floats and lists, so that a report can be written as JSON.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rehearse.world_model.heads import Signals
from rehearse.world_model.model import History, WorldModel
from rehearse.world_model.sampler import Dataset

HORIZON = 15
TOTAL_STEPS = 12


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """Rank correlation with ties averaged; None where one side is constant or there are fewer than three."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def auroc(chance: np.ndarray, happened: np.ndarray) -> float | None:
    """Probability that an event got a higher chance than a non-event; None where only one occurred."""
    positive = int(happened.sum())
    negative = len(happened) - positive
    if not positive or not negative:
        return None
    return float((_ranks(chance)[happened > 0.5].sum() - positive * (positive + 1) / 2) / (positive * negative))


def calibration_error(chance: np.ndarray, happened: np.ndarray) -> float:
    """Mean distance of what was said from what happened, over the bins of ``reliability`` (expected calibration error,
    Naeini et al. 2015)."""
    rows = np.array(reliability(chance, happened))
    return float(np.average(np.abs(rows[:, 0] - rows[:, 1]), weights=rows[:, 2]))


def reliability(chance: np.ndarray, happened: np.ndarray, bins: int = 10) -> list[list[float]]:
    """Rows [mean chance, share that happened, count] of the filled bins; calibrated: the first two equal."""
    place = np.minimum((chance * bins).astype(int), bins - 1)
    rows = [(chance[place == i], happened[place == i]) for i in range(bins)]
    return [[float(c.mean()), float(h.mean()), float(len(c))] for c, h in rows if len(c)]


@torch.no_grad()
def evaluate(
    model: WorldModel,
    datasets: Sequence[Dataset],
    max_episodes: int = 200,
    stride: int = 4,
    horizon: int = HORIZON,
) -> dict[str, Any]:
    """Imagine from every ``stride``-th moment of up to ``max_episodes`` episodes, with their own actions."""
    model.eval()
    chosen = [(dataset, i) for dataset in datasets for i in range(len(dataset))]
    # Evenly over all datasets, so that a limit does not drop the last one.
    chosen = [chosen[i] for i in np.unique(np.linspace(0, len(chosen) - 1, min(max_episodes, len(chosen))).astype(int))]
    runs = [run for dataset, i in chosen for run in _imagine_episode(model, dataset.episode(i), stride, horizon)]
    report: dict[str, Any] = {"episodes": len(chosen), "starts": len(runs)}
    if not runs:
        return report
    report["moment"] = {"mse": _by_step(runs, "mse", horizon), "copy": _by_step(runs, "copy", horizon)}
    report["signals"] = {}
    for name, kind in model.config.signals.items():
        pairs = [(run["said"][name], run["true"][name], run["last"][name]) for run in runs]
        said, true = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
        errors = [{"model": np.abs(s - t), "copy": np.abs(last - t)} for s, t, last in pairs]
        row: dict[str, Any] = {
            "mae": _by_step(errors, "model", horizon),
            "copy": _by_step(errors, "copy", horizon),
        }
        full = [pair for pair in pairs if len(pair[0]) >= TOTAL_STEPS]
        totals = np.array([[s[:TOTAL_STEPS].sum(), t[:TOTAL_STEPS].sum()] for s, t, _ in full]).reshape(-1, 2)
        if kind == "event":
            row |= {
                "rate": float(true.mean()),
                "brier": float(((said - true) ** 2).mean()),
                "auroc": auroc(said, true),
                "reliability": reliability(said, true),
                "calibration_error": calibration_error(said, true),
            }
        row["spearman"] = spearman(totals[:, 0], totals[:, 1])
        report["signals"][name] = row
    events = [name for name, kind in model.config.signals.items() if kind == "event"]
    report["by_step"] = {name: _event_by_step(runs, name, horizon) for name in events}
    report["by_step"]["doubt"] = _doubt_by_step(model, runs, horizon)
    return report


def _imagine_episode(model: WorldModel, clip: Any, stride: int, horizon: int) -> list[dict[str, Any]]:
    """One run per start: squared errors of moments, signals said and true, what was last known of each."""
    length = len(clip.frames)
    if length < 2:
        return []
    history = History(clip.frames, clip.proprio, clip.actions, views=clip.views)
    moments, led, trace = model.follow(history)
    starts = list(range(0, length - 1, stride))
    # Steps beyond the episode's end are imagined with its last action and thrown away.
    window = (torch.tensor(starts)[:, None] + torch.arange(horizon)).clamp(max=length - 2)
    rows = torch.zeros(len(starts), dtype=torch.long, device=moments.device)
    memory = trace.at(rows, torch.tensor(starts, device=moments.device))
    actions = led[1:] if model.controller is None else torch.as_tensor(clip.actions).float().to(model.device)
    dreamed_features, dreamed = model.unroll(memory, actions[window])
    raw = model.heads.raw(dreamed_features.flatten(0, 1))
    signals, doubt = Signals(model.heads, raw), model.heads.spread(raw)
    runs = []
    for row, start in enumerate(starts):
        steps = min(horizon, length - 1 - start)
        goal = moments[start + 1 : start + 1 + steps]
        pick = slice(row * horizon, row * horizon + steps)
        runs.append(
            {
                "mse": _mean_square(dreamed[row, :steps] - goal),
                "copy": _mean_square(moments[start] - goal),
                "doubt": doubt[pick].cpu().numpy(),
                "said": {name: value[:, pick].mean(0).cpu().numpy() for name, value in signals.items()},
                "true": {name: np.asarray(clip.signals[name])[start + 1 : start + 1 + steps] for name in signals},
                "last": {name: float(clip.signals[name][start]) for name in signals},
            }
        )
    return runs


def _event_by_step(runs: list[dict[str, Any]], name: str, horizon: int) -> dict[str, list[float | None]]:
    """How well the chance of an event is known, by the step ahead."""
    steps = [_column(runs, h, lambda run: (run["said"][name], run["true"][name])) for h in range(horizon)]
    steps = [column for column in steps if len(column)]
    return {
        "brier": [float(((said - true) ** 2).mean()) for said, true in map(np.transpose, steps)],
        "calibration_error": [calibration_error(*column.T) for column in steps],
        "auroc": [auroc(*column.T) for column in steps],
    }


def _doubt_by_step(model: WorldModel, runs: list[dict[str, Any]], horizon: int) -> list[float | None]:
    """Rank correlation of the members' disagreement with how wrong their mean is, by the step ahead.

    How wrong: the mean over signals of the absolute error in standard deviations of that signal.
    """
    names = list(model.config.signals)
    if not names:
        return []
    scale = {name: np.concatenate([run["true"][name] for run in runs]).std() + 1e-9 for name in names}
    wrong = lambda run: np.mean([np.abs(run["said"][n] - run["true"][n]) / scale[n] for n in names], 0)  # noqa: E731
    steps = [_column(runs, h, lambda run: (run["doubt"], wrong(run))) for h in range(horizon)]
    return [spearman(*column.T) for column in steps if len(column)]


def _column(runs: list[dict[str, Any]], h: int, pair: Callable[[dict], tuple[np.ndarray, ...]]) -> np.ndarray:
    """``pair`` of every run that reaches step ``h``, there: (R,2)."""
    return np.array([[values[h] for values in pair(run)] for run in runs if len(run["mse"]) > h])


def _mean_square(error: Tensor) -> np.ndarray:
    return error.square().mean(-1).cpu().numpy()


def _by_step(runs: list[dict[str, Any]], key: str, horizon: int) -> list[float]:
    columns = [[run[key][h] for run in runs if len(run[key]) > h] for h in range(horizon)]
    return [float(np.mean(column)) for column in columns if column]


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
