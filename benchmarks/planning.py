"""Planning speed beside peers, in CPU-seconds on one thread: the same dynamics, the same number of futures.

    python benchmarks/planning.py [--peers out/peers] [--json benchmarks/results/planning.json] [--rounds 9]

Peers live in environments of their own: benchmarks/peers/setup.sh makes them, peers/planners.py runs in them. The
dynamics is a residual perceptron of random weights, 27 -> 128 -> 128 -> 20, which each side has as its users would
write it: pytorch-mppi and stable-worldmodel ask for one step of all candidates, we for all steps. Everybody has it in
three kinds of numbers: float32, bfloat16, and "fused", bfloat16 with each product and its relu in one kernel.

A plan of ours includes what the others do not do: choosing the best of all, its health, and sixteen candidates kept to
explain it. Contestants take turns, round by round, each with the same seeds; medians count. `cost` is what the plan
costs under the dynamics in float32. "fewer futures" is our CEM with a tenth of the futures and four gradient steps.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers.peer import FOLDER, RESULTS, Peer, open_peers, report, write
from peers.perceptron import ACTIONS, LATENT, fused, plain, problem
from rich.console import Console
from rich.progress import track
from torch import Tensor

from rehearse import speed
from rehearse.planner import (
    CEM,
    ICEM,
    MPC,
    MPPI,
    CEMConfig,
    Futures,
    Gradient,
    GradientConfig,
    ICEMConfig,
    MPCConfig,
    MPPIConfig,
    Optimizer,
)
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.planner_agent import LearnedDynamics
from rehearse.sim.task import Situation
from rehearse.world_model import History, load, shipped_checkpoint

STD = 0.5
PACKAGES = ("pytorch-mppi", "stable-worldmodel")
NUMBERS = ("float32", "bfloat16", "fused")
ONE = torch.ones(ACTIONS)
Clock = Callable[[int], tuple[float, float]]  # seed -> CPU-seconds of one plan, and its cost


@dataclass(frozen=True)
class Plan:
    """What is planned: `samples` futures of `horizon` steps in each of `iterations`, by `search`, keeping `elites`."""

    name: str
    search: str
    samples: int
    iterations: int
    horizon: int
    elites: int
    rivals: tuple[str, ...]


PLANS = (
    *(Plan(f"MPPI, {k} x 1 x H15", "mppi", k, 1, 15, k, ("pytorch-mppi",)) for k in (128, 512, 1024, 4096)),
    Plan("CEM, 300 x 10 x H5 (LeWM's plan)", "cem", 300, 10, 5, 30, ("stable-worldmodel",)),
    Plan("iCEM, 300 x 10 x H5 (LeWM's plan)", "icem", 300, 10, 5, 30, ("stable-worldmodel",)),
    Plan("MPPI, 512 x 6 x H3 (TD-MPC2's plan)", "mppi", 512, 6, 3, 64, PACKAGES),
    Plan("CEM, 512 x 6 x H3 (TD-MPC2's plan)", "cem", 512, 6, 3, 64, ("stable-worldmodel",)),
)


class Perceptron:
    """The dynamics behind our seam. Futures have the imagined z as latents, in float32."""

    def __init__(self, problem: dict[str, np.ndarray], numbers: str) -> None:
        self.kind = torch.float32 if numbers == "float32" else torch.bfloat16
        self.layer = fused if numbers == "fused" else plain
        self.start = torch.from_numpy(problem["start"])
        first, *others = (torch.from_numpy(problem[name]).to(self.kind) for name in ("first", "second", "third"))
        # To a width of 32: what bfloat16 is multiplied in.
        self.weights = torch.nn.functional.pad(first, (0, 32 - LATENT - ACTIONS)), *others

    def observe(self, history: Any) -> Tensor:
        return self.start

    def imagine(self, belief: Tensor, actions: Tensor) -> Futures:
        latents = self._derivable(actions) if actions.requires_grad else self._in_place(actions)
        return Futures(latents, {}, torch.zeros(1).expand(actions.shape[:2]))

    def _in_place(self, actions: Tensor) -> Tensor:
        """z after each of actions (N,H,A), (N,H,L)."""
        first, second, third = self.weights
        count, steps = actions.shape[:2]
        z, latents = self.start.expand(count, -1), torch.empty(steps, count, LATENT)
        seen = torch.zeros(count, 32, dtype=self.kind)
        for latent, action in zip(latents, actions.transpose(0, 1).to(self.kind), strict=True):
            seen[:, :LATENT], seen[:, LATENT : LATENT + ACTIONS] = z, action
            x = self.layer(self.layer(seen, first), second)
            z = torch.add(z, torch.nn.functional.linear(x, third), out=latent)
        return latents.transpose(0, 1)

    def _derivable(self, actions: Tensor) -> Tensor:
        """The same, without overwriting what gradients need."""
        first, second, third = self.weights
        z, latents = self.start.expand(len(actions), -1), []
        for action in torch.nn.functional.pad(actions, (0, 32 - LATENT - ACTIONS)).unbind(1):
            x = plain(plain(torch.cat([z, action], -1), first), second)
            z = z + torch.nn.functional.linear(x, third)
            latents.append(z)
        return torch.stack(latents, 1)


def price(futures: Futures, actions: Tensor) -> Tensor:
    """Σ |z|² + 0.01 Σ |a|², (N,)."""
    return futures.latents.square().sum((1, 2)) + 0.01 * actions.square().sum((1, 2))


def optimizer(plan: Plan) -> Optimizer:
    """Ours with the settings of the plan."""
    futures, share = plan.samples * plan.iterations, plan.elites / plan.samples
    return {
        "mppi": lambda: MPPI(MPPIConfig(futures, plan.iterations, temperature=1.0, absolute=True, importance=1.0)),
        "cem": lambda: CEM(CEMConfig(futures, plan.iterations, elite_fraction=share)),
        "icem": lambda: ICEM(ICEMConfig(futures, plan.iterations, elite_fraction=share)),
    }[plan.search]()


def ours(plan: Plan, given: dict[str, np.ndarray], numbers: str, fewer: bool = False) -> Clock:
    """One decision of ours, the planner being made beforehand; with a tenth of the futures and gradients if `fewer`."""
    low, high, std = (tuple((scale * ONE).tolist()) for scale in (-1, 1, STD))
    config = MPCConfig(low, high, plan.horizon, knots=plan.horizon, spline="zero", initial_std=std, refine_best=8)
    tenth = CEM(CEMConfig(plan.samples * plan.iterations // 10, 2))
    search, refine = (tenth, Gradient(GradientConfig(4, 0.1))) if fewer else (optimizer(plan), None)
    mpc = MPC(Perceptron(given, numbers), price, search, config, refine=refine)
    exact = Perceptron(given, "float32")

    def decide(seed: int) -> np.ndarray:
        mpc.reset()
        return mpc.plan(None, 0.0, torch.Generator().manual_seed(seed)).actions

    def clock(seed: int) -> tuple[float, float]:
        decide(seed)  # the peers, too, are warm when they are timed
        begin = time.process_time()
        actions = decide(seed)
        spent = time.process_time() - begin
        chosen = torch.from_numpy(actions)[None]
        return spent, price(exact.imagine(exact.start, chosen), chosen).item()

    return clock


def theirs(peer: Peer, plan: Plan, given: dict[str, np.ndarray], numbers: str) -> Clock:
    """One plan in the peer's process."""
    sizes = dict(samples=plan.samples, iterations=plan.iterations, horizon=plan.horizon, elites=plan.elites)

    def clock(seed: int) -> tuple[float, float]:
        peer.ask("problem", arrays=given, numbers=numbers)
        answer = peer.ask("time_plan", search=plan.search, seed=seed, action_dim=ACTIONS, **sizes)
        return answer["cpu_s"], answer["cost"]

    return clock


def in_turns(clocks: dict[Any, Clock], rounds: int) -> dict[Any, np.ndarray]:
    """The median of each clock's time and cost, all of them read once a round; the first round is a warm-up."""
    taken: dict[Any, list[tuple[float, float]]] = {key: [] for key in clocks}
    for seed in range(rounds + 1):
        for key, clock in clocks.items():
            taken[key].append(clock(seed))
    return {key: np.median(values[1:], axis=0) for key, values in taken.items()}


def plans(peers: dict[str, Peer], given: dict[str, np.ndarray], rounds: int) -> list[dict]:
    """A row for each plan and planner. × is the time of theirs over ours in the same kind of numbers, and of their

    float32, which is what they have by default, over the best of ours.
    """
    rows = []
    for plan in track(PLANS, "plans"):
        clocks = {("rehearse", n): ours(plan, given, n) for n in NUMBERS}
        clocks |= {(p, n): theirs(peers[p], plan, given, n) for p in plan.rivals if p in peers for n in NUMBERS}
        if plan.search == "cem":
            clocks["rehearse, fewer futures", "float32"] = ours(plan, given, "float32", fewer=True)
        taken = in_turns(clocks, rounds)
        best = min(taken["rehearse", n][0] for n in NUMBERS)
        for who in dict.fromkeys(who for who, _ in taken):
            row = {"plan": plan.name, "planner": who}
            row |= {f"{n} ms": (who, n) in taken and round(1e3 * taken[who, n][0], 2) for n in NUMBERS}
            row["cost"] = round(taken[who, "float32"][1], 2)
            rival = who in PACKAGES
            row |= {f"× {n}": rival and round(taken[who, n][0] / taken["rehearse", n][0], 2) for n in NUMBERS}
            row["× our best"] = rival and round(taken[who, "float32"][0] / best, 2)
            rows.append({name: None if value is False else value for name, value in row.items()})
    return rows


def same_update(peer: Peer, given: dict[str, np.ndarray], seed: int = 0) -> dict[str, float]:
    """pytorch-mppi's step and ours from one mean with one noise: how far the new means, and the costs, lie apart."""
    rng, temperature = np.random.default_rng(seed), 100.0
    mean = rng.uniform(-0.05, 0.05, (15, ACTIONS)).astype(np.float32)
    noise = (STD * rng.normal(size=(1024, 15, ACTIONS))).astype(np.float32)
    peer.ask("problem", arrays=given, numbers="float32")
    reply = peer.ask("update", arrays={"mean": mean, "noise": noise}, std=STD, temperature=temperature)
    dynamics = Perceptron(given, "float32")
    mppi = MPPI(MPPIConfig(temperature=temperature, absolute=True, importance=1.0))
    state = mppi.init(torch.from_numpy(mean), STD * ONE, -ONE, ONE)
    knots = torch.from_numpy(mean + noise).clamp(-1, 1)
    costs = price(dynamics.imagine(dynamics.start, knots), knots)
    moved = mppi.update(state, knots, costs).mean.numpy()
    return {
        "same_noise_costs_differ_by": float(np.abs(costs.numpy() / reply["costs"] - 1).max()),
        "same_noise_means_differ_by": float(np.abs(moved - reply["mean"]).max()),
        "same_noise_mean_moved_by": float(np.abs(moved - mean).max()),
        "same_noise_effective_samples": float(1 / np.square(reply["weights"]).sum()),
    }


def shipped(rounds: int, futures: int = 4096, steps: int = 8) -> dict[str, float]:
    """The shipped model: one frame encoded and all futures imagined at once; and a whole decision of as many."""
    model = load(shipped_checkpoint("dog-on-jacket-tiny"))
    rng, size = np.random.default_rng(0), model.config.image_size
    proprio = np.zeros((1, model.config.proprio_dim), np.float32)
    history = History(rng.integers(0, 256, (1, size, size, 3), np.uint8), proprio)
    config = MPCConfig(TASK.mpc.action_low, TASK.mpc.action_high, steps, TASK.mpc.period_s)
    mpc = MPC(LearnedDynamics(model), TASK.objective(Situation(steps_left=30)), CEMConfig(futures), config)
    actions = mpc.draw(history, 0.0, futures, torch.Generator().manual_seed(0))

    @torch.inference_mode()
    def imagine(seed: int) -> tuple[float, float]:
        begin = time.process_time()
        model.imagine(model.observe(history), actions)
        return time.process_time() - begin, 0.0

    def decide(seed: int) -> tuple[float, float]:
        generator = torch.Generator().manual_seed(seed)
        mpc.reset()
        mpc.dynamics.reset()
        begin = time.process_time()
        decided = mpc.plan(history, 0.0, generator)
        return time.process_time() - begin, decided.cost

    taken = in_turns({"imagine": imagine, "decide": decide}, rounds)
    return {f"encode_and_{key}_{futures}_x_{steps}_cpu_ms": round(1e3 * x[0], 1) for key, x in taken.items()}


def physics(rounds: int) -> dict[str, float]:
    """Our oracle beside the raw call of mujoco.rollout, by rehearse.speed."""
    env = DogOnJacketEnv(split="validation")
    try:
        found = [speed.oracle(env, 0) for _ in range(rounds)]
    finally:
        env.close()
    return {name: round(float(np.median([row[name] for row in found])), 3) for name in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=FOLDER)
    parser.add_argument("--json", type=Path, default=RESULTS / "planning.json")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    console = Console(width=150)
    torch.set_num_threads(1)
    given = problem()
    with ExitStack() as stack:
        peers = open_peers(stack, options.peers, console, PACKAGES, "planners.py")
        same = same_update(peers["pytorch-mppi"], given) if "pytorch-mppi" in peers else {}
        rows = plans(peers, given, options.rounds)
    figures = {**same, **shipped(options.rounds), **physics(3)}
    report(console, "One plan, CPU-milliseconds on one thread", rows)
    report(console, "Further", [{"figure": name, "value": value} for name, value in figures.items()])
    write(options.json, {"rounds": options.rounds, "plans": rows, "figures": figures}, peers.values())
    console.print(f"Written to {options.json}")


if __name__ == "__main__":
    main()
