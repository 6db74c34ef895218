"""Imagined rollouts per CPU-second on one thread, ours and the peers', on the plan that LeWM has as default.

    python benchmarks/peers/speed.py [--peers out/peers] [--json benchmarks/results/peers-speed.json]

The plan: CEM of 300 candidates, 30 elites, 10 iterations, 5 steps of 10 numbers (5 blocks of 5 actions of 2), towards a
goal image: 3000 rollouts. "dynamics" has the frame and the goal encoded already, "with frames" encodes both anew.
Weights are untrained, on which the time does not depend. Every model is timed in each of two rounds, the quick ones
five times, and the fastest counts. Ours chooses bfloat16 itself; the peers do not offer it for planning, but one line
of a user's does it, so their default size is timed both ways.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from ours import lewm_sized, moment_of
from peer import FOLDER, RESULTS, Peer, open_peers, report, write
from rich.console import Console
from rich.progress import track

from rehearse.planner import MPC, CEMConfig, Futures, MPCConfig, Toward
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.task import Situation
from rehearse.world_model import History, ModelConfig, WorldModel, preset

PLAN = dict(samples=300, iterations=10, elites=30, horizon=5, action_dim=10)
ROLLOUTS = PLAN["samples"] * PLAN["iterations"]
ROUNDS = 2
QUICK_S = 0.5  # what takes less is timed five times a round
THEIRS = (  # package, size, image_px, bfloat16
    ("stable-worldmodel", "default", 224, False),
    ("stable-worldmodel", "default", 224, True),
    ("stable-worldmodel", "small", 64, False),
    ("torch-world", "default", 224, False),
    ("torch-world", "default", 224, True),
    ("torch-world", "readme", 32, False),
    ("torch-world", "small", 32, False),
    ("torch-world", "baseline", 32, False),
)
REFERENCE = "stable-worldmodel default"
Clock = Callable[[bool], float]  # whether to encode -> CPU-seconds of one plan


class Known:
    """A WorldModel behind the planner's seam; with ``belief`` given, nothing is encoded."""

    def __init__(self, model: WorldModel, belief: object = None) -> None:
        self.model, self.belief = model, belief

    def observe(self, history: History) -> object:
        return self.model.observe(history) if self.belief is None else self.belief

    def imagine(self, belief: object, actions: torch.Tensor) -> Futures:
        imagined = self.model.imagine(belief, actions)
        return Futures(imagined.latents, imagined.signals, imagined.disagreement)


def ours(name: str, config: ModelConfig) -> tuple[dict, Clock]:
    """A row and its clock. A model with signals is asked for dog-on-jacket's objective instead of a goal image."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = WorldModel(config).eval()
    rng = np.random.default_rng(0)
    frame, goal = rng.integers(0, 256, (2, config.image_size, config.image_size, 3), np.uint8)
    history = History(frame[None], None, None)
    belief, target = model.observe(history), moment_of(model, goal)
    bound, steps = (3.0,) * config.action_dim, PLAN["horizon"]
    std = (1.0,) * config.action_dim
    settings = MPCConfig(tuple(-b for b in bound), bound, steps, knots=steps, spline="zero", initial_std=std)
    search = CEMConfig(ROLLOUTS, PLAN["iterations"], elite_fraction=PLAN["elites"] / PLAN["samples"])

    def clock(encode: bool) -> float:
        begin = time.process_time()
        if config.signals:
            aim = TASK.objective(Situation(TASK.episode_steps))
        else:
            aim = Toward(moment_of(model, goal) if encode else target)
        mpc = MPC(Known(model, None if encode else belief), aim, search, settings)
        plan = mpc.plan(history, 0.0, torch.Generator().manual_seed(0))
        assert plan.futures == ROLLOUTS
        return time.process_time() - begin

    clock(True)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    dynamics = sum(count for name, count in sizes.items() if name.startswith("backbone"))
    return row(name, config.image_size, sum(sizes.values()), dynamics, True), clock


def theirs(peer: Peer, size: str, image_px: int, bfloat16: bool) -> tuple[dict, Clock]:
    """A row and its clock."""
    shape = dict(size=size, image_px=image_px, action_dim=PLAN["action_dim"], seed=0)
    built = peer.ask("build", **shape)

    def clock(encode: bool) -> float:
        peer.ask("build", **shape)
        return peer.ask("time_decision", image_px=image_px, encode=encode, bfloat16=bfloat16, **PLAN)["cpu_s"]

    return row(f"{peer.package} {size}", image_px, built["parameters"], built["dynamics"], bfloat16), clock


def row(model: str, image_px: int, parameters: int, dynamics: int, bfloat16: bool) -> dict:
    """What is measured, and later the times."""
    numbers = "bfloat16" if bfloat16 else "float32"
    sizes = dict(parameters=parameters, dynamics_parameters=dynamics)
    return dict(model=model, numbers=numbers, image_px=image_px, **sizes)


def measure(entrants: list[tuple[dict, Clock]]) -> list[dict]:
    """Time everybody, in rounds, so that what else the machine does falls on all."""
    taken: dict[tuple[int, bool], list[float]] = {}
    for _ in track(range(ROUNDS), "rounds"):
        for i, (_, clock) in enumerate(entrants):
            for encode in (False, True):
                seconds = taken.setdefault((i, encode), [])
                seconds.append(clock(encode))
                if seconds[-1] < QUICK_S:
                    seconds.extend(clock(encode) for _ in range(4))
    rows = []
    for i, (about, _) in enumerate(entrants):
        seconds = {"dynamics": min(taken[i, False]), "with_frames": min(taken[i, True])}
        rates = {f"{key}_rollouts_per_cpu_s": round(ROLLOUTS / value) for key, value in seconds.items()}
        rows.append(about | {f"{key}_cpu_s": round(value, 4) for key, value in seconds.items()} | rates)
    for base in [r for r in rows if r["model"] == REFERENCE]:
        for r in rows:
            for key in ("dynamics", "with_frames"):
                ratio = base[f"{key}_cpu_s"] / r[f"{key}_cpu_s"]
                r[f"{key}_times_reference_{base['numbers']}"] = round(ratio, 2)
    return rows


def show(console: Console, rows: list[dict]) -> None:
    """The table; ratios are to the reference in both of its kinds of numbers."""

    def ratios(r: dict, key: str) -> str:
        found = [r.get(f"{key}_times_reference_{numbers}") for numbers in ("float32", "bfloat16")]
        return " / ".join("–" if value is None else f"{value:.3g}" for value in found)

    shown = [
        {
            "model": r["model"],
            "px": r["image_px"],
            "parameters (dynamics)": f"{r['parameters'] / 1e6:.2f} M ({r['dynamics_parameters'] / 1e6:.2f})",
            "numbers": r["numbers"],
            "dynamics": f"{r['dynamics_rollouts_per_cpu_s']:,}",
            "ratio": ratios(r, "dynamics"),
            "with frames": f"{r['with_frames_rollouts_per_cpu_s']:,}",
            "ratio ": ratios(r, "with_frames"),
        }
        for r in rows
    ]
    report(console, "Rollouts per CPU-second, CEM 300 x 10 x H5, one thread", shown)
    console.print(f"ratio: to {REFERENCE} in float32 / in bfloat16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=FOLDER)
    parser.add_argument("--json", type=Path, default=RESULTS / "peers-speed.json")
    options = parser.parse_args()
    console = Console(width=130)
    torch.set_num_threads(1)
    default = dataclasses.replace(preset("tiny").model, action_dim=PLAN["action_dim"])
    kinds = dict(TASK.signals)
    with ExitStack() as stack:
        peers = open_peers(stack, options.peers, console)
        entrants = [theirs(peers[p], *rest) for p, *rest in THEIRS if p in peers]
        entrants.append(ours("ours default, goal image", default))
        entrants.append(ours("ours default, 5 heads", dataclasses.replace(default, signals=kinds)))
        entrants.append(ours("ours LeWM-sized, goal image", lewm_sized(PLAN["action_dim"])))
        rows = measure(entrants)
    show(console, rows)
    write(options.json, {"plan": PLAN, "rounds": ROUNDS, "reference": REFERENCE, "rows": rows}, peers.values())
    console.print(f"Written to {options.json}")


if __name__ == "__main__":
    main()
