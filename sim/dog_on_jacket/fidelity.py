"""Does the model rank plans as the physics does? Imagined against true outcomes of many plans from one state.

    report = measure(FidelityConfig(states=40), checkpoint)

A planner only needs the order right, and only among the plans that it compares, so this is measured there: the planner
itself acts until a step of an evaluation layout, then candidate plans are drawn from where its search begins, imagined
by the model from what the robot saw, and carried out on copies of the true world. ``nominal`` is the reference: the
physics itself from the true state, with friction and mass, which nobody can see, at their nominal values.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import bootstrap

from rehearse.errors import ConfigError
from rehearse.planner import Futures
from rehearse.sim.agents import make_agent
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.factors import LEVELS
from rehearse.sim.dog_on_jacket.physics import NominalPhysics, PhysicsDynamics
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.dog_on_jacket.world import World
from rehearse.sim.layouts import LAYOUTS_PER_SEED
from rehearse.sim.planner_agent import PlannerAgent
from rehearse.sim.task import Situation
from rehearse.sim.workers import in_workers
from rehearse.world_model.metrics import auroc, spearman

DYNAMICS = ("model", "nominal")
QUANTITIES = ("cost", "disturbance", "distance")


@dataclass(frozen=True)
class FidelityConfig:
    """States are spread over layouts and over steps 0, 3, 6 and 9 of an episode."""

    states: int = 40
    candidates: int = 48
    level: str = "half"
    seed: int = 0
    split: str = "test"
    workers: int = os.cpu_count() or 1

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ConfigError(f"unknown level {self.level!r}; choose one of {', '.join(LEVELS)}")
        if self.states < 2 or self.candidates < 3:
            raise ConfigError("fidelity needs at least 2 states and 3 candidates")


_worker: tuple[FidelityConfig, DogOnJacketEnv, PlannerAgent] | None = None


def _start_worker(config: FidelityConfig, checkpoint: Path) -> None:
    global _worker
    torch.set_num_threads(1)
    env = DogOnJacketEnv(level=config.level, split=config.split)
    _worker = config, env, make_agent(TASK, "planner-64", checkpoint)


def outcomes(futures: Futures, actions: torch.Tensor) -> dict[str, np.ndarray]:
    """What a plan's future comes to, each (N,): cost, peak disturbance, chance of waking, last distance in metres."""
    signal = lambda name: futures.signal(name).float().mean(0).numpy()  # noqa: E731
    return {
        "cost": TASK.objective(Situation(TASK.episode_steps))(futures, actions).float().numpy(),
        "disturbance": signal("disturbance").max(-1),
        "woken": signal("woken").max(-1),
        "distance": signal("distance_m")[:, -1],
    }


def _state(index: int) -> dict[str, dict[str, np.ndarray]] | None:
    """Outcomes of the candidates at state ``index`` by dynamics; None if the episode ended before that step."""
    config, env, agent = _worker
    layout = config.seed * LAYOUTS_PER_SEED + index
    observation, _ = env.reset(options={"layout": layout})
    agent.reset(env, observation, np.random.default_rng((config.seed, layout)))
    for _ in range(3 * (index % 4)):
        action = agent.act(env)
        observation, _, terminated, _, _ = env.step(action)
        if terminated:
            return None
        agent.saw(action, observation)
    generator = torch.Generator().manual_seed(layout)
    actions = torch.from_numpy(agent.candidates(config.candidates, generator))
    imagined = {
        "truth": PhysicsDynamics(env.world),
        "nominal": NominalPhysics(World()),
        "model": agent.dynamics,
    }
    found = {}
    for name, dynamics in imagined.items():
        belief = dynamics.observe(agent.history() if name == "model" else env.world)
        found[name] = outcomes(dynamics.imagine(belief, actions), actions)
    return found


def measure(
    config: FidelityConfig, checkpoint: Path, on_state: Callable[[], None] = lambda: None
) -> list[dict[str, float | int | str]]:
    """One row per dynamics: Spearman over candidates, mean over states with a bootstrap 95 % interval; AUROC of waking.

    ``brier`` is the mean squared error of the chance of waking over all candidates of all states.
    """
    found, numbers = [], range(config.states)
    for state in in_workers(_state, numbers, config.workers, _start_worker, (config, checkpoint), in_order=True):
        on_state()
        if state is not None:
            found.append(state)
    return [_row(name, found) for name in DYNAMICS]


def _row(name: str, states: Sequence[dict]) -> dict[str, float | int | str]:
    row: dict[str, float | int | str] = {"dynamics": name, "states": len(states)}
    for quantity in QUANTITIES:
        each = [spearman(s["truth"][quantity], s[name][quantity]) for s in states]
        each = np.array([value for value in each if value is not None])  # where all candidates tie there is no order
        if len(each) < 2:
            raise ConfigError(f"only {len(each)} of the states could be compared; ask for more states")
        low, high = bootstrap((each,), np.mean, method="percentile", rng=0).confidence_interval
        values = each.mean(), low, high
        row |= {f"{quantity}{tag}": round(float(v), 3) for tag, v in zip(("", "_low", "_high"), values, strict=True)}
    woke = np.concatenate([s["truth"]["woken"] for s in states]) > 0.5
    chance = np.concatenate([s[name]["woken"] for s in states])
    row["woken_true"], row["woken_imagined"] = round(float(woke.mean()), 3), round(float(chance.mean()), 3)
    row["auroc"], row["brier"] = auroc(chance, woke), round(float(np.mean((chance - woke) ** 2)), 3)
    return row
