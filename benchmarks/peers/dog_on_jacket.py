"""The peers' models on our task: fetch the jacket, let the dog sleep.

    python benchmarks/peers/dog_on_jacket.py --data data/play [--peers out/peers] [--train-s 480] [--episodes 60]

``--data`` is a dataset of play (`rehearse collect`). Every model learns from the same episodes of it for the same
CPU-seconds on one thread. All plan with our planner: the same CEM of 64 futures of 10 steps, the same limits of the
arm. Two costs for each, since the peers have no heads:

signals   our objective. The peers get a probe (probe.py) fitted to their latents, observed and imagined, of the same
          episodes; its CPU time is not counted.
goal      the squared distance of the imagined latents, over the whole path, to those of a picture: the last one of the
          successful episode of the dataset that began most alike.

Not alike: our model also feels the arm (proprioception), for which the peers' LeWM has no input; "pictures only" is
ours without. Our heads shape our latents while they learn; a probe comes after. The peers imagine in float32, as they
are shipped.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from ours import PicturesOnly, train_for
from peer import FOLDER, RESULTS, Peer, open_peers, report, write
from probe import Probe, features_of
from rich.console import Console
from rich.progress import track
from torch import Tensor

from rehearse.planner import MPC, Futures, Objective, Toward, make_optimizer
from rehearse.sim.agents import make_agent
from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.task import TASK
from rehearse.sim.episode import wilson
from rehearse.sim.evaluate import run_episode
from rehearse.sim.planner_agent import LearnedDynamics
from rehearse.sim.task import Situation
from rehearse.world_model import History, WorldModel, preset
from rehearse.world_model.data import ClipCache

IMAGE_PX, HORIZON, REMEMBERED = 64, TASK.mpc.horizon, 3
TOLD = ("disturbance", "progress", "woken")  # what the objective reads
PROBE_EPISODES, PROBE_STARTS, GOALS = 1500, 2, 300
THEIRS = (("torch-world", "small", 1e-3), ("stable-worldmodel", "small", 1e-3))
Aim = Callable[[np.ndarray, np.ndarray], Callable[[int], Objective]]  # first frame, proprio -> by steps left


class PeerDynamics:
    """A peer's model behind the planner's seam: three frames are remembered, each is encoded once."""

    def __init__(self, peer: Peer, probe: Probe) -> None:
        self.peer, self.probe, self.cpu_s = peer, probe, 0.0
        self.reset()

    def reset(self) -> None:
        self.latents: list[np.ndarray] = []

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """Frames (T,h,w,3) -> latents (T,D)."""
        answer = self.peer.ask("encode", arrays={"frames": frames})
        self.cpu_s += answer["cpu_s"]
        return answer["latents"]

    def observe(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """The latents (T0,D) of the last frames and the actions (T0-1,A) between them."""
        self.latents += list(self.encode(history.frames[len(self.latents) :]))
        known = min(REMEMBERED, len(self.latents))
        done = np.zeros((0, 4), np.float32) if history.actions is None else history.actions
        return np.stack(self.latents[-known:]), done[len(done) - known + 1 :]

    def imagine(self, belief: tuple[np.ndarray, np.ndarray], actions: Tensor) -> Futures:
        """Candidates (N,H,A) -> latents, and what the probe reads off them."""
        seen, past = belief
        arrays = {"latents": seen[None], "past": past[None], "actions": actions.numpy()}
        answer = self.peer.ask("imagine", arrays=arrays)
        self.cpu_s += answer["cpu_s"]
        latents = torch.from_numpy(answer["latents"])
        before = torch.from_numpy(np.stack([seen[max(0, len(seen) - 2)], seen[-1]]))
        lead = torch.cat([before.expand(len(latents), -1, -1), latents], 1)
        signals, disagreement = self.probe.read(features_of(lead, actions))
        return Futures(latents, signals, disagreement)


class Imaginer:
    """An Agent on any Dynamics, told its aim when an episode begins."""

    def __init__(self, dynamics: PeerDynamics | LearnedDynamics, aim: Aim, futures: int) -> None:
        self.dynamics, self.aim, self.last_plan = dynamics, aim, None
        self.mpc = MPC(
            dynamics, priced(TASK.episode_steps), make_optimizer("cem", futures), TASK.mpc, limits=TASK.limits
        )

    def reset(self, env: DogOnJacketEnv, observation: dict, rng: np.random.Generator) -> None:
        self.dynamics.reset()
        self.mpc.reset()
        self.generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        self.objective = self.aim(observation["image"], observation["proprio"])
        self.frames, self.proprio, self.actions = [observation["image"]], [observation["proprio"]], []

    def act(self, env: DogOnJacketEnv) -> np.ndarray:
        self.mpc.objective = self.objective(TASK.episode_steps - len(self.actions))
        actions = np.array(self.actions, np.float32) if self.actions else None
        history = History(np.stack(self.frames), np.stack(self.proprio), actions)
        time_s = len(self.actions) * TASK.period_s
        self.last_plan = self.mpc.plan(history, time_s, self.generator)
        return np.array(self.last_plan.actions[0], float)

    def saw(self, action: np.ndarray, observation: dict) -> None:
        self.frames.append(observation["image"])
        self.proprio.append(observation["proprio"])
        self.actions.append(np.asarray(action, np.float32))


def priced(steps_left: int) -> Objective:
    """Our objective with so many steps left."""
    return TASK.objective(Situation(steps_left))


def by_signals(frame: np.ndarray, proprio: np.ndarray) -> Callable[[int], Objective]:
    """Our objective."""
    return priced


def towards_success(encode: Callable[[np.ndarray, np.ndarray], Tensor], cache: ClipCache) -> Aim:
    """An aim at the last picture of the success that began most alike. encode: frames, proprio -> (n,D)."""
    firsts, lasts = [], []
    for i in range(len(cache)):
        clip = cache.episode(i)
        if clip.signals["progress"][-1] >= 1 and not clip.signals["woken"].any() and len(firsts) < GOALS:
            firsts.append((clip.frames[0], clip.proprio[0]))
            lasts.append((clip.frames[-1], clip.proprio[-1]))
    began, ended = (encode(*(np.stack(column) for column in zip(*pairs))) for pairs in (firsts, lasts))

    def aim(frame: np.ndarray, proprio: np.ndarray) -> Callable[[int], Objective]:
        nearest = (began - encode(frame[None], proprio[None])).square().sum(-1).argmin()
        return lambda steps_left: Toward(ended[nearest])

    return aim


def export(cache: ClipCache, path: Path) -> int:
    """Frames and actions of all episodes in a row, for the peers; how many frames."""
    clips = [cache.episode(i) for i in range(len(cache))]
    lengths = np.array([len(clip) for clip in clips])
    frames, actions = (np.concatenate([getattr(clip, name) for clip in clips]) for name in ("frames", "actions"))
    np.savez(path, frames=frames, actions=actions, starts=np.cumsum(lengths) - lengths, lengths=lengths)
    return len(frames)


def fit_probe(peer: Peer, cache: ClipCache, seed: int) -> Probe:
    """A probe on observed and on imagined latents, as our heads learn from both."""
    rng = np.random.default_rng(seed)
    features, values, owner = [], {name: [] for name in TOLD}, []

    def add(latents: Tensor, actions: Tensor, clip_signals: np.ndarray, episode: int) -> None:
        features.append(features_of(latents, actions)[0])
        owner.append(np.full(len(clip_signals), episode))
        for j, name in enumerate(TOLD):
            values[name].append(torch.from_numpy(clip_signals[:, j]))

    imagined: dict[int, list] = {}  # by how many frames are remembered
    for i in np.unique(np.linspace(0, len(cache) - 1, PROBE_EPISODES).astype(int)).tolist():
        clip = cache.episode(i)
        told = np.stack([clip.signals[name] for name in TOLD], -1)
        z = peer.ask("encode", arrays={"frames": clip.frames})["latents"]
        led = np.concatenate([np.zeros((1, 4), np.float32), clip.actions[:-1]])
        add(torch.from_numpy(np.concatenate([z[:1], z[:1], z]))[None], torch.from_numpy(led)[None], told, i)
        for start in rng.integers(0, max(1, len(clip) - HORIZON), PROBE_STARTS if len(clip) > HORIZON else 0):
            known = min(REMEMBERED, start + 1)
            begin, ahead = start + 1 - known, slice(start, start + HORIZON)
            item = z[begin : start + 1], clip.actions[begin:start], clip.actions[ahead]
            imagined.setdefault(known, []).append((*item, told[start + 1 : start + 1 + HORIZON], i))
    for items in imagined.values():
        seen, past, ahead, *_ = (np.stack(column) for column in zip(*items))
        found = peer.ask("imagine", arrays={"latents": seen, "past": past, "actions": ahead})["latents"]
        for z, (before, _, actions, told, i) in zip(found, items):
            lead = np.concatenate([before[[max(0, len(before) - 2)]], before[-1:], z])
            add(torch.from_numpy(lead)[None], torch.from_numpy(actions)[None], told, i)
    rows = {name: torch.cat(columns) for name, columns in values.items()}
    return Probe.fit(torch.cat(features), rows, np.concatenate(owner), {"woken"}, seed)


def our_agents(name: str, model: WorldModel, cache: ClipCache, futures: int) -> dict[str, Imaginer]:
    """Both costs, by name."""

    def encode(frames: np.ndarray, proprio: np.ndarray) -> Tensor:
        felt = proprio if model.config.proprio_dim else [None] * len(frames)
        seen = (History(f[None], None if p is None else p[None], None) for f, p in zip(frames, felt))
        return torch.cat([model.observe(history).moment for history in seen])

    dynamics = LearnedDynamics(model)
    aims = {"signals": by_signals, "goal": towards_success(encode, cache)}
    return {f"{name}, {cost}": Imaginer(dynamics, aim, futures) for cost, aim in aims.items()}


def their_agents(name: str, dynamics: PeerDynamics, cache: ClipCache, futures: int) -> dict[str, Imaginer]:
    """Both costs, by name."""

    def encode(frames: np.ndarray, proprio: np.ndarray) -> Tensor:
        return torch.from_numpy(dynamics.encode(frames))

    aims = {"signals": by_signals, "goal": towards_success(encode, cache)}
    return {f"{name}, {cost}": Imaginer(dynamics, aim, futures) for cost, aim in aims.items()}


def evaluate(console: Console, env: DogOnJacketEnv, name: str, agent: object, options: argparse.Namespace) -> dict:
    """One row: validation layouts 0, 1, 2 ... for everybody."""
    peer = getattr(agent, "dynamics", None)
    before_s = getattr(peer, "cpu_s", 0.0)
    layouts = track(range(options.episodes), name, console=console)
    episodes = [run_episode(TASK, env, agent, name, layout, options.seed) for layout in layouts]
    steps = sum(episode.steps for episode in episodes)
    spent_s = getattr(peer, "cpu_s", 0.0) - before_s + sum(e.cpu_ms * e.steps for e in episodes) / 1e3
    success, woken = (sum(getattr(e, what) for e in episodes) for what in ("success", "harmed"))
    low, high = wilson(success, len(episodes))
    rates = dict(success=success / len(episodes), low=low, high=high, woken=woken / len(episodes), n=len(episodes))
    return dict(model=name, decision_cpu_ms=round(1e3 * spent_s / steps, 1), **rates)


def show(console: Console, rows: list[dict], futures: int) -> None:
    """The table."""
    shown = [
        {
            "model, cost": r["model"],
            "parameters": f"{r['training']['parameters'] / 1e6:.2f} M" if r["training"] else None,
            "training CPU-s": f"{r['training']['cpu_s']:.0f}" if r["training"] else None,
            "CPU-ms/decision": r["decision_cpu_ms"] if r["training"] else None,
            "success": f"{r['success']:.1%}",
            "95 %": f"{r['low']:.1%} – {r['high']:.1%}",
            "woken": f"{r['woken']:.1%}",
            "n": r["n"],
        }
        for r in rows
    ]
    report(console, f"dog-on-jacket, level half, validation layouts, {futures} futures a decision", shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peers", type=Path, default=FOLDER)
    parser.add_argument("--json", type=Path, default=RESULTS / "peers-dog-on-jacket.json")
    parser.add_argument("--train-s", type=float, default=480.0)
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--futures", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    console = Console(width=130)
    torch.set_num_threads(1)
    folder = options.peers / f"dog-on-jacket-{options.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    cache = ClipCache.open([options.data], IMAGE_PX)
    frames = export(cache, folder / "play.npz")
    config = preset("tiny", seed=options.seed)
    rows = []
    with ExitStack() as stack:
        peers = open_peers(stack, options.peers, console)
        env = stack.enter_context(DogOnJacketEnv(split="validation"))

        def add(name: str, agent: object, training: dict) -> None:
            rows.append({**evaluate(console, env, name, agent, options), "training": training})
            show(console, rows[-1:], options.futures)

        for name in ("nothing", "script-best"):
            add(name, make_agent(TASK, name), {})
        for name, dataset in (("ours", cache), ("ours, pictures only", PicturesOnly(cache))):
            trained, spent_s = train_for(config, dataset, options.train_s, folder / name.replace(", ", "-"))
            parameters = sum(parameter.numel() for parameter in trained.model.parameters())
            training = dict(parameters=parameters, cpu_s=spent_s)
            for cost, agent in our_agents(name, trained.model, cache, options.futures).items():
                add(cost, agent, training)
        for package, size, learning_rate in THEIRS:
            if package not in peers:
                continue
            peer = peers[package]
            built = peer.ask("build", size=size, image_px=IMAGE_PX, action_dim=cache.action_dim, seed=options.seed)
            how = dict(data=str(folder / "play.npz"), learning_rate=learning_rate, seed=options.seed)
            training = peer.ask("train", seconds=options.train_s, **how) | {"parameters": built["parameters"]}
            begin = time.process_time()
            dynamics = PeerDynamics(peer, fit_probe(peer, cache, options.seed))
            training["probe_cpu_s"] = time.process_time() - begin
            for cost, agent in their_agents(f"{package} {size}", dynamics, cache, options.futures).items():
                add(cost, agent, training)
        show(console, rows, options.futures)
        how = dict(train_s=options.train_s, futures=options.futures, level="half", split="validation", frames=frames)
        data = f"{options.data.name}, {len(cache)} episodes"
        write(options.json, {"how": how, "rows": rows}, peers.values(), seed=options.seed, data=data)
    console.print(f"Written to {options.json}")


if __name__ == "__main__":
    main()
