"""Why the model ranks plans as it does: many plans of one state, imagined and carried out, kept and taken apart.

    python benchmarks/ranking.py --out out/ranking.npz --json benchmarks/results/ranking-half.json

States lie on the planner's own way through validation layouts, at steps 0, 3, 6 and 9. Plans of two kinds: ``first``,
drawn from where the search begins (as `rehearse fidelity` has it), and ``compared``, spread over the ranks of all that
the decision imagined. All is kept in ``--out``, so that the tables are made anew in a second; where the file is there
already nothing is simulated.

    cost        as the planner has it: the ensemble's worst view of waking, and a price on its disagreement; signals are
                cut where the task cuts them before a model learns them (a dog that is woken twice over is woken)
    uncut       the same with true disturbances as high as the physics gives them
    believed    the cost of the ensemble's mean, without a price on disagreement
    with true X the same, but for signal X, which is the physics'
    nominal     true physics with middling friction and mass; "sleep as read": and its dog sleeps as deeply as the model
                reads off the pictures
    calm        only among the plans of a state that in truth wake nobody
    pooled      all plans of all states in one order: easier, for states differ more than the plans of one do, which is
                all that a planner chooses among
    regret      what the plan that was put first costs in truth above the best one, as a share of what a random one does
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import bootstrap

from rehearse.commands.base import about
from rehearse.files import atomic_write
from rehearse.planner import Futures
from rehearse.sim.agents import make_agent
from rehearse.sim.dog_on_jacket.disturbance import WAKE_THRESHOLD
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.physics import NominalPhysics, PhysicsDynamics
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.dog_on_jacket.world import World
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.task import Situation
from rehearse.world_model import shipped_checkpoint
from rehearse.world_model.metrics import auroc, spearman

SIGNALS = ("disturbance", "progress", "woken", "distance_m")
KINDS = ("compared", "first")
STEPS = (0, 3, 6, 9)
FEWEST = 6  # plans that an order is asked of
State = dict[str, np.ndarray]
Pair = tuple[Callable[[State], np.ndarray], Callable[[State], np.ndarray]]  # what is said, and what is true


@dataclass
class Ranking:
    """Simulate, keep, take apart."""

    states: int = 40
    """Validation layouts, one state of each."""
    candidates: int = 24
    """Plans of each kind per state."""
    seed: int = 5
    """Seed of the layouts."""
    checkpoint: Path | None = None
    """World model; the shipped one unless given."""
    out: Path = Path("out/ranking.npz")
    """Where everything is kept."""
    json: Path = Path("out/ranking.json")
    """Where the rows go."""

    def run(self) -> None:
        """The tables, from what is kept or from new simulations."""
        torch.set_num_threads(1)
        if not self.out.exists():
            self.simulate()
        with np.load(self.out) as kept:
            states = [
                {name.split("/", 1)[1]: kept[name] for name in kept.files if name.startswith(f"{i}/")}
                for i in range(int(kept["count"]))
            ]
        console, rows = Console(), []
        for kind in KINDS:
            rows += [{"plans": kind} | row for row in rows_of(kind, states)]
        for kind in KINDS:
            show(console, kind, [row for row in rows if row["plans"] == kind])
        asked = {name: getattr(self, name) for name in ("states", "candidates", "seed")}
        asked["checkpoint"] = "shipped" if self.checkpoint is None else "/".join(self.checkpoint.parts[-2:])
        with atomic_write(self.json) as path:
            path.write_text(json.dumps({"about": about(**asked), "rows": rows}, indent=1) + "\n")

    def simulate(self) -> None:
        """All states into ``out``."""
        checkpoint = self.checkpoint or shipped_checkpoint("dog-on-jacket-tiny")
        env, nominal = DogOnJacketEnv(split="validation"), World()
        agent = make_agent(TASK, "planner-64", checkpoint)
        found: list[State] = []
        for i in track(range(self.states), "states"):
            found += [state] if (state := self.state(i, env, agent, nominal)) else []
        named = {f"{i}/{name}": array for i, state in enumerate(found) for name, array in state.items()}
        self.out.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self.out, count=len(found), **named)

    def state(self, i: int, env: DogOnJacketEnv, agent: object, nominal: World) -> State | None:
        """What is true, nominal and imagined of both kinds of plans at state ``i``; None if the episode was over."""
        layout = self.seed * LAYOUTS_PER_SEED + i
        observation, _ = env.reset(options={"layout": layout})
        agent.reset(env, observation, np.random.default_rng((self.seed, layout)))
        for _ in range(STEPS[i % len(STEPS)]):
            action = agent.act(env)
            observation, _, terminated, _, _ = env.step(action)
            if terminated:
                return None
            agent.saw(action, observation)
        state = {"step": np.array(env.steps), "layout": np.array(layout)}
        belief = agent.dynamics.observe(agent.history())
        read = agent.dynamics.signals_now(belief)["sleep_depth"].mean()
        state["sleep_depth"] = np.array([env.world.factors.sleep_depth, float(read)])  # true, as read
        generator = torch.Generator().manual_seed(layout)
        first = torch.from_numpy(agent.candidates(self.candidates, generator))
        agent.mpc.config = dataclasses.replace(agent.mpc.config, keep_best=1, keep_rejected=self.candidates - 1)
        agent.act(env)
        compared = torch.from_numpy(np.stack([each.actions for each in agent.last_plan.kept])).float()
        beliefs = {"truth": (PhysicsDynamics(env.world), env.world), "model": (agent.dynamics, agent.history())}
        for kind, actions in zip(KINDS, (compared, first), strict=True):
            state[f"{kind}/actions"] = actions.numpy()
            if kind == "first":  # physics is dear, and one kind is enough to know how much can be seen
                beliefs["nominal"] = NominalPhysics(nominal), env.world
            for name, (dynamics, seen) in beliefs.items():
                futures = dynamics.imagine(dynamics.observe(seen), actions)
                state[f"{kind}/{name}/doubt"] = futures.disagreement.float().numpy()
                for signal in SIGNALS:
                    state[f"{kind}/{name}/{signal}"] = futures.signal(signal).float().numpy()
        return state


def futures_of(
    state: State, kind: str, name: str, steps: int, mean: bool = False, true: tuple[str, ...] = (), cut: bool = True
) -> Futures:
    """The first ``steps`` of what ``name`` foresees, or of the mean of its members, some signals being the truth's."""
    signals = {}
    for signal in SIGNALS:
        value = torch.from_numpy(state[f"{kind}/{'truth' if signal in true else name}/{signal}"])[..., :steps]
        value = value.clamp(max=TASK.tops[signal]) if cut and signal in TASK.tops else value
        signals[signal] = value.mean(0, keepdim=True) if mean else value
    doubt = torch.from_numpy(state[f"{kind}/{name}/doubt"])[:, :steps]
    return Futures(None, signals, torch.zeros_like(doubt) if mean else doubt)


def cost(state: State, kind: str, name: str, steps: int = 99, **how: object) -> np.ndarray:
    """(N,) as the objective has it at this step of the episode."""
    objective = TASK.objective(Situation(TASK.episode_steps - int(state["step"])))
    return objective(futures_of(state, kind, name, steps, **how), torch.from_numpy(state[f"{kind}/actions"])).numpy()


def cost_as_read(state: State, kind: str) -> np.ndarray:
    """(N,) by nominal physics, were the dog to sleep as deeply as the model reads: arousal goes with 1 / depth."""
    true, read = state["sleep_depth"]
    level = state[f"{kind}/nominal/disturbance"] * np.float32(true / read)
    woken = (np.maximum.accumulate(level, -1) >= WAKE_THRESHOLD).astype(np.float32)
    retold = {f"{kind}/nominal/disturbance": level, f"{kind}/nominal/woken": woken}
    return cost(state | retold, kind, "nominal")


def peak(state: State, kind: str, who: str) -> np.ndarray:
    """(N,) highest disturbance that the ensemble's mean foresees."""
    return state[f"{kind}/{who}/disturbance"].mean(0).clip(max=TASK.tops["disturbance"]).max(-1)


def on_the_way(state: State, kind: str, who: str) -> np.ndarray:
    """(N,) progress, mean over the plan."""
    return state[f"{kind}/{who}/progress"].mean(0).mean(-1)


def last(state: State, kind: str, who: str) -> np.ndarray:
    """(N,) distance of the jacket at the end, in metres."""
    return state[f"{kind}/{who}/distance_m"].mean(0)[:, -1]


def rows_of(kind: str, states: list[State]) -> list[dict]:
    """Every comparison over all states, and the planner's own cost by step of the episode and by what is at stake."""
    truth = lambda s: cost(s, kind, "truth")  # noqa: E731
    calm = lambda s: s[f"{kind}/truth/woken"][0, :, -1] < 0.5  # noqa: E731

    def model(steps: int = 99, **how: object) -> Pair:
        return lambda s: cost(s, kind, "model", steps, **how), lambda s: cost(s, kind, "truth", steps)

    def uncut(who: str) -> Pair:
        return lambda s: cost(s, kind, who, cut=False), lambda s: cost(s, kind, "truth", cut=False)

    def told(what: Callable, who: str = "model") -> Pair:
        return lambda s: what(s, kind, who), lambda s: what(s, kind, "truth")

    pairs = {
        "cost, uncut": uncut("model"),
        "cost": model(),
        "cost, 8 steps": model(8),
        "cost, 5 steps": model(5),
        "believed": model(mean=True),
        "believed, with true disturbance and waking": model(mean=True, true=("disturbance", "woken")),
        "believed, with true progress": model(mean=True, true=("progress",)),
        "peak disturbance": told(peak),
        "progress": told(on_the_way),
        "distance after 2 s": told(last),
    }
    if kind == "first":
        pairs["cost, uncut, nominal"] = uncut("nominal")
        pairs["cost, nominal"] = (lambda s: cost(s, kind, "nominal"), truth)
        pairs["cost, nominal, sleep as read"] = (lambda s: cost_as_read(s, kind), truth)
        pairs["peak disturbance, nominal"] = told(peak, "nominal")
    rows = [row(name, states, *pair) for name, pair in pairs.items()]
    said, true = pairs["cost"]
    rows.append(row("cost, calm", states, lambda s: said(s)[calm(s)], lambda s: true(s)[calm(s)]))
    for name in ("cost", "peak disturbance", "progress", "distance after 2 s"):
        for step in STEPS:
            rows.append(row(f"{name}, at step {step}", [s for s in states if s["step"] == step], *pairs[name]))
    order = np.argsort([np.std(truth(s)) for s in states])
    for part, index in zip(("least", "middle", "most"), np.array_split(order, 3), strict=True):
        rows.append(row(f"cost, where true costs differ {part}", [states[i] for i in index], *pairs["cost"]))
    woke = np.concatenate([~calm(s) for s in states])
    for who in ("model", "nominal") if kind == "first" else ("model",):
        chance = np.concatenate([s[f"{kind}/{who}/woken"].mean(0).max(-1) for s in states])
        brier = float(np.mean((chance - woke) ** 2))
        rows.append(
            {"what": f"waking, {who}", "share": float(woke.mean()), "auroc": auroc(chance, woke), "brier": brier}
        )
    return rows


def row(what: str, states: list[State], said: Callable, true: Callable) -> dict:
    """Spearman within a state, mean over states, and pooled, with bootstrap 95 % intervals (states are drawn anew).

    And the regret of who is put first.
    """
    ranks, regrets, spreads = [], [], []
    pairs = [(said(state), true(state)) for state in states]
    for a, b in pairs:
        if len(b) >= FEWEST and (rank := spearman(a, b)) is not None:
            ranks.append(rank)
            spreads.append(float(b.std()))
            regrets.append(float((b[a.argmin()] - b.min()) / (b.mean() - b.min())))
    low, high = bootstrap((np.array(ranks),), np.mean, method="percentile", rng=0).confidence_interval
    numbers = {"spearman": np.mean(ranks), "low": low, "high": high, "median": np.median(ranks)}
    numbers["pooled"], numbers["pooled_low"], numbers["pooled_high"] = pooled(pairs)
    numbers |= {"regret": np.mean(regrets), "spread": np.mean(spreads)}
    return {"what": what, "states": len(ranks)} | {name: round(float(value), 3) for name, value in numbers.items()}


def pooled(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float, float]:
    """Spearman of what is said and what is true over all plans of all states, with its interval."""

    def over(chosen: np.ndarray) -> float:
        return spearman(*(np.concatenate([pairs[i][side] for i in chosen]) for side in (0, 1)))

    states = np.arange(len(pairs))
    drawn = bootstrap((states,), over, vectorized=False, n_resamples=1000, method="percentile", rng=0)
    return over(states), *drawn.confidence_interval


def show(console: Console, kind: str, rows: list[dict]) -> None:
    """One table."""
    table = Table("", "states", "Spearman", "pooled", "median", "regret", "true spread", title=f"plans: {kind}")
    for r in rows:
        if "spearman" in r:
            rank = f"{r['spearman']:.2f} [{r['low']:.2f}, {r['high']:.2f}]"
            together = f"{r['pooled']:.2f} [{r['pooled_low']:.2f}, {r['pooled_high']:.2f}]"
            numbers = rank, together, f"{r['median']:.2f}", f"{r['regret']:.2f}", f"{r['spread']:.2f}"
            table.add_row(r["what"], str(r["states"]), *numbers)
        else:
            table.add_row(r["what"], "", f"AUROC {r['auroc']:.3f}", "", "", f"Brier {r['brier']:.3f}", "")
    console.print(table)


if __name__ == "__main__":
    tyro.cli(Ranking).run()
