"""torch-world's point mass: the same pictures, the same CPU-seconds to learn from them and to plan; who arrives?

    python benchmarks/peers/point_mass.py [--peers out/peers] [--train-s 110] [--plan-ms 40] [--episodes 200]

Data, world, goals and the rule of success are torch-world's own: 32 px pictures of a dot that is moved at random; then
8 steps towards the picture of a goal 0.2 to 0.5 away, within 0.1 of which the dot must end. Every model learns from the
same file for the same CPU-seconds on one thread, plans with its own package's CEM, 5 steps ahead, 4 iterations, cost
summed over the path, and gets as many candidates as fit into the same CPU-time per decision. A model so slow that this
leaves it fewer than 100 candidates is also shown with 400, over fewer episodes; ours also with 64.

One model after the other is trained and tried, then its rows are written; those in ``--json`` already are not done
again.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from ours import Arrays, towards, train_for
from peer import FOLDER, RESULTS, Peer, open_peers, report, write
from rich.console import Console

from rehearse.planner import MPC, CEMConfig, MPCConfig
from rehearse.sim.episode import wilson
from rehearse.world_model import History, TrainConfig, WorldModel, preset

IMAGE_PX, ACTION_DIM, STEPS = 32, 2, 8
DATA_EPISODES, DATA_STEPS = 4000, 16
HORIZON, ITERATIONS, SMALLEST, ELITES = 5, 4, 16, 0.1
DEAR_BELOW, DEAR, FEW = 100, 400, 64
TRIAL = 8  # worlds on which the cost of planning is measured
THEIRS = (  # package, size, learning rate
    ("torch-world", "small", 1e-3),
    ("stable-worldmodel", "small", 1e-3),
    ("torch-world", "baseline", 1e-3),
    ("torch-world", "readme", 1e-3),
)
MPC_CONFIG = MPCConfig((-1.0,) * 2, (1.0,) * 2, HORIZON, 1.0, knots=HORIZON, spline="zero", initial_std=(1.0,) * 2)
Seen = list[np.ndarray]  # frames (B,h,w,3) or actions (B,A), one entry a step
# frames, actions and goals (B,h,w,3) -> actions (B,A) and the CPU-seconds that they took
Act = Callable[[Seen, Seen, np.ndarray], tuple[np.ndarray, float]]


def populations(rollouts: int) -> tuple[int, int]:
    """Candidates and iterations: four of them, unless that leaves populations too small to fit a Gaussian to."""
    iterations = max(1, min(ITERATIONS, rollouts // SMALLEST))
    return max(3, rollouts // iterations), iterations


class Theirs:
    """A peer's model and its package's planner."""

    def __init__(self, peer: Peer, size: str, learning_rate: float) -> None:
        self.peer, self.name, self.learning_rate = peer, f"{peer.package} {size}", learning_rate
        self.shape = dict(size=size, image_px=IMAGE_PX, action_dim=ACTION_DIM)

    def train(self, data: Path, seconds: float, seed: int, folder: Path) -> dict:
        built = self.peer.ask("build", **self.shape, seed=seed)
        how = dict(data=str(data), seconds=seconds, learning_rate=self.learning_rate, seed=seed)
        trained = self.peer.ask("train", **how)
        kept = {key: trained[key] for key in ("steps", "cpu_s", "loss", "bfloat16")}
        return {"parameters": built["parameters"], "learning_rate": self.learning_rate, **kept}

    def planner(self, rollouts: int, episodes: int, seed: int) -> Act:
        samples, iterations = populations(rollouts)
        sizes = dict(samples=samples, iterations=iterations, elites=max(3, round(ELITES * samples)))

        def act(frames: Seen, actions: Seen, goals: np.ndarray) -> tuple[np.ndarray, float]:
            how = dict(seed=seed + len(actions), horizon=HORIZON, action_dim=ACTION_DIM, **sizes)
            answer = self.peer.ask("plan", arrays={"frames": frames[-1], "goals": goals}, **how)
            return answer["actions"], answer["cpu_s"]

        return act


class Ours:
    """Our model and our planner, one world after the other."""

    name = "ours"

    def train(self, data: Path, seconds: float, seed: int, folder: Path) -> dict:
        config = shrunk(seed)
        trained, spent_s = train_for(config, Arrays.load(data), seconds, folder / "ours")
        self.model: WorldModel = trained.model
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        return {"parameters": parameters, "learning_rate": config.learning_rate, "cpu_s": spent_s}

    def planner(self, rollouts: int, episodes: int, seed: int) -> Act:
        search = CEMConfig(rollouts, ITERATIONS, SMALLEST, ELITES)
        generators = [torch.Generator().manual_seed(seed * 1000 + i) for i in range(episodes)]
        planners: list[MPC] = []

        def act(frames: Seen, actions: Seen, goals: np.ndarray) -> tuple[np.ndarray, float]:
            begin = time.process_time()
            if not actions:
                planners[:] = [towards(self.model, goal, search, MPC_CONFIG) for goal in goals]
            seen, done = np.stack(frames, 1), np.stack(actions, 1) if actions else [None] * len(goals)
            chosen = [
                planner.plan(History(seen[i], None, done[i]), float(len(actions)), generators[i]).actions[0]
                for i, planner in enumerate(planners)
            ]
            return np.array(chosen), time.process_time() - begin

        return act


def shrunk(seed: int) -> TrainConfig:
    """preset("tiny") for a world of 32 px and two numbers: narrower, shorter sequences, no decoder."""
    widths = dict(image_size=IMAGE_PX, latent_dim=64, state_dim=128, predictor_width=128, encoder_width=16, members=1)
    model = dataclasses.replace(preset("tiny").model, **widths)
    sequences = dict(length=10, rollout_steps=HORIZON, shift_px=0, decode_frames=0, holdout=0.02)
    return preset("tiny", model=model, seed=seed, **sequences)


def random_act(seed: int) -> Act:
    """torch-world's random policy."""
    rng = np.random.default_rng(seed)
    return lambda frames, actions, goals: (rng.uniform(-1, 1, (len(goals), ACTION_DIM)).astype(np.float32), 0.0)


def episodes_of(world: Peer, act: Act, episodes: int, seed: int) -> tuple[np.ndarray, float]:
    """Whether each of the episodes ended at its goal, and the CPU-seconds per decision."""
    first = world.ask("begin", episodes=episodes, image_px=IMAGE_PX, seed=seed)
    frames, actions, spent_s = [first["frames"]], [], 0.0
    for _ in range(STEPS):
        action, cpu_s = act(frames, actions, first["goals"])
        spent_s += cpu_s
        answer = world.ask("step", arrays={"actions": action})
        actions.append(action)
        frames.append(answer["frames"])
    return answer["success"], spent_s / STEPS / episodes


def affordable(world: Peer, side: Theirs | Ours, plan_s: float, seed: int) -> int:
    """How many candidates per decision cost ``plan_s``: a line through two measured plans."""
    first = world.ask("begin", episodes=TRIAL, image_px=IMAGE_PX, seed=seed)
    costs = {}
    for rollouts in (64, 512):
        act = side.planner(rollouts, TRIAL, seed)
        costs[rollouts] = min(act([first["frames"]], [], first["goals"])[1] for _ in range(2)) / TRIAL
    each_s = (costs[512] - costs[64]) / (512 - 64)
    return max(SMALLEST, int((plan_s - costs[64]) / each_s) + 64)


def row(name: str, rollouts: int, success: np.ndarray, decision_s: float, training: dict) -> dict:
    """One line of the result."""
    low, high = wilson(int(success.sum()), len(success))
    rate = dict(success=float(success.mean()), low=low, high=high, n=len(success))
    return dict(model=name, rollouts=rollouts, decision_cpu_ms=round(1e3 * decision_s, 2), **rate, training=training)


def show(console: Console, rows: list[dict]) -> None:
    """The table."""
    shown = [
        {
            "model": r["model"],
            "parameters": f"{r['training']['parameters'] / 1e6:.2f} M" if r["training"] else None,
            "training CPU-s": f"{r['training']['cpu_s']:.0f}" if r["training"] else None,
            "candidates": r["rollouts"] or None,
            "CPU-ms/decision": r["decision_cpu_ms"] or None,
            "success": f"{r['success']:.1%}",
            "95 %": f"{r['low']:.1%} – {r['high']:.1%}",
            "n": r["n"],
        }
        for r in rows
    ]
    report(console, "Point mass: at the goal after 8 steps, by torch-world's rule", shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=FOLDER)
    parser.add_argument("--json", type=Path, default=RESULTS / "peers-point-mass.json")
    parser.add_argument("--train-s", type=float, default=110.0)
    parser.add_argument("--plan-ms", type=float, default=40.0)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--dear-episodes", type=int, default=40, help="0: leave these rows out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    console = Console(width=130)
    torch.set_num_threads(1)
    folder = options.peers / f"point-mass-{options.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    data, trials = folder / "data.npz", options.seed + 500
    seed = options.seed + 1000
    how = dict(train_s=options.train_s, plan_ms=options.plan_ms, horizon=HORIZON, iterations=ITERATIONS)
    rows = json.loads(options.json.read_text())["rows"] if options.json.exists() else []
    with ExitStack() as stack:
        peers = open_peers(stack, options.peers, console)
        if "torch-world" not in peers:
            raise SystemExit("peers: the point mass is torch-world's; run benchmarks/peers/setup.sh")
        world = stack.enter_context(Peer("torch-world", options.peers))
        amount = dict(episodes=DATA_EPISODES, steps=DATA_STEPS)
        world.ask("collect", path=str(data), image_px=IMAGE_PX, seed=options.seed, **amount)

        def add(name: str, plans: list[tuple[int, Act, int]], training: dict) -> None:
            new = [row(name, count, *episodes_of(world, act, n, seed), training) for count, act, n in plans]
            show(console, new)
            rows.extend(new)
            result = {"how": how, "frames": DATA_EPISODES * DATA_STEPS, "rows": rows}
            write(options.json, result, peers.values(), seed=options.seed)

        done = {r["model"] for r in rows}
        if "random" not in done:
            add("random", [(0, random_act(seed), options.episodes)], {})
        sides = [Ours(), *(Theirs(peers[package], size, rate) for package, size, rate in THEIRS if package in peers)]
        for side in sides:
            if side.name in done:
                continue
            console.print(f"training {side.name}")
            training = side.train(data, options.train_s, options.seed, folder)
            rollouts = affordable(world, side, options.plan_ms / 1e3, trials)
            plans = [(rollouts, options.episodes)]
            plans += [(DEAR, options.dear_episodes)] if rollouts < DEAR_BELOW and options.dear_episodes else []
            plans += [(FEW, options.episodes)] if isinstance(side, Ours) else []
            add(side.name, [(count, side.planner(count, n, seed), n) for count, n in plans], training)
        show(console, rows)
    console.print(f"Written to {options.json}")


if __name__ == "__main__":
    main()
