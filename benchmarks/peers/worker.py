"""One peer in its own environment, doing what it is asked: a line of JSON in, a line of JSON out, arrays as .npz files.

    out/peers/torch-world/bin/python benchmarks/peers/worker.py check     # says its versions
    out/peers/torch-world/bin/python benchmarks/peers/worker.py           # serves lines; peer.py is the other end

A request {"do": verb, "arrays": path or null, "reply": path, ...} calls the method of that name with the arrays and the
other fields; what comes back are numbers in the line and arrays in ``reply``. ``cpu_s`` is the CPU time of the work
itself, on one thread, without reading and writing files.
"""

import json
import math
import os
import sys
import time
from collections.abc import Callable
from importlib import metadata

import numpy as np
import torch
from adapters import import_stable_worldmodel, installed, load
from torch import Tensor

BATCH = 64  # windows per training step
CLIP_NORM = 1.0
WARMUP = 0.05  # share of the training
KINDS = (False, True)  # whether in bfloat16


def pixels(frames: np.ndarray) -> Tensor:
    """(...,h,w,3) uint8 -> (...,3,h,w) in [0,1]."""
    return torch.from_numpy(frames).movedim(-1, -3).float() / 255


class Worker:
    """The verbs. ``build`` comes first where a model is needed."""

    def __init__(self) -> None:
        self.package = installed()

    def about(self) -> dict:
        """Versions, and whether the package imports."""
        if self.package == "torch-world":
            import torch_world  # noqa: F401
        else:
            import_stable_worldmodel()
        return {"peer": f"{self.package} {metadata.version(self.package)}", "torch": torch.__version__}

    def build(self, size: str, image_px: int, action_dim: int, seed: int) -> dict:
        """A new model; parameters in all and of the dynamics."""
        self.peer = load(self.package, size, image_px, action_dim, seed)
        self.model = self.peer.model.eval()
        self.norm = torch.zeros(action_dim), torch.ones(action_dim)
        self.bfloat16 = False
        count = lambda modules: sum(p.numel() for module in modules for p in module.parameters())  # noqa: E731
        return {"parameters": count([self.model]), "dynamics": count(self.peer.dynamics), "history": self.peer.history}

    def train(self, data: str, seconds: float, learning_rate: float, seed: int) -> dict:
        """AdamW and one cycle of the learning rate over so many CPU-seconds, in the faster of float32 and bfloat16."""
        with np.load(data) as stored:
            frames, actions, starts, lengths = (stored[k] for k in ("frames", "actions", "starts", "lengths"))
        values = torch.from_numpy(actions).flatten(0, -2)
        self.norm = values.mean(0), values.std(0).clamp(min=1e-3)
        generator = torch.Generator().manual_seed(seed)
        window = torch.arange(self.peer.history + 1)
        first = torch.from_numpy(
            np.concatenate([s + np.arange(max(0, n - len(window) + 1)) for s, n in zip(starts, lengths)])
        )
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=learning_rate, weight_decay=1e-3)

        def step(bfloat16: bool) -> float:
            rows = first[torch.randint(len(first), (BATCH, 1), generator=generator)] + window
            led = (torch.from_numpy(actions[rows]) - self.norm[0]) / self.norm[1]
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                loss = self.peer.loss(pixels(frames[rows]), led)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
            optimizer.step()
            return float(loss.detach())

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model.train()
            untouched = {name: value.clone() for name, value in self.model.state_dict().items()}
            taken = {kind: [timed(lambda kind=kind: {"loss": step(kind)})["cpu_s"] for _ in range(4)] for kind in KINDS}
            self.bfloat16 = min(taken[True]) < min(taken[False])
            self.model.load_state_dict(untouched)
            optimizer.state.clear()
            losses, begin = [], time.process_time()
            while (used := time.process_time() - begin) < seconds:
                done = used / seconds
                rate = min(done / WARMUP, 0.5 * (1 + math.cos(math.pi * max(0.0, done - WARMUP) / (1 - WARMUP))))
                optimizer.param_groups[0]["lr"] = learning_rate * max(rate, 0.01)
                losses.append(step(self.bfloat16))
        self.model.eval()
        return {"steps": len(losses), "cpu_s": used, "loss": np.mean(losses[-50:]).item(), "bfloat16": self.bfloat16}

    def encode(self, frames: np.ndarray) -> dict:
        """Frames (T,h,w,3) -> latents (T,D)."""
        return timed(lambda: {"latents": self.peer.encode(pixels(frames)[:, None])[:, 0]})

    def imagine(self, latents: np.ndarray, past: np.ndarray, actions: np.ndarray) -> dict:
        """Latents (M,T0,D), past actions (M,T0-1,A), candidates (N,H,A), M being 1 or N -> latents (N,H,D)."""
        z, past, actions = (torch.from_numpy(x) for x in (latents, past, actions))
        led = [(x - self.norm[0]) / self.norm[1] for x in (past, actions)]
        return timed(lambda: {"latents": self.peer.rollout(z, *led)})

    def plan(self, frames: np.ndarray, goals: np.ndarray, seed: int, **plan: int) -> dict:
        """One decision for each of B worlds: frames and goals (B,h,w,3) -> actions (B,A) within [-1,1]."""
        generator = torch.Generator().manual_seed(seed)
        seen, wanted = pixels(frames), pixels(goals)
        with torch.random.fork_rng(devices=[]):
            return timed(lambda: {"actions": self.peer.plan(seen, wanted, plan, self.norm, generator).clamp(-1, 1)})

    def time_decision(self, image_px: int, encode: bool, bfloat16: bool, **plan: int) -> dict:
        """CPU-seconds of one plan, frame and goal encoded or given, after a warm-up of one iteration."""
        shown = torch.rand(2, 1, 3, image_px, image_px, generator=torch.Generator().manual_seed(0))
        known = self.peer.encode(shown)

        def decide(**other: int) -> dict:
            z = self.peer.encode(shown) if encode else known
            self.peer.decide(z[:1], z[1:, 0], plan | other)
            return {}

        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            decide(iterations=1)
            return timed(decide)

    def collect(self, path: str, episodes: int, steps: int, image_px: int, seed: int) -> dict:
        """torch-world's point mass moved at random, as it generates it, into an .npz of frames in a row."""
        from torch_world.envs import PointMass

        world = PointMass(batch_size=episodes, size=image_px)
        data = world.collect(steps, generator=torch.Generator().manual_seed(seed))
        frames = pictures(data["pixels"].flatten(0, 1))
        starts = np.arange(episodes) * steps
        actions = data["actions"].flatten(0, 1).numpy()
        np.savez(path, frames=frames, actions=actions, starts=starts, lengths=np.full(episodes, steps))
        return {"frames": len(frames)}

    def begin(self, episodes: int, image_px: int, seed: int) -> dict:
        """Point masses with goals at torch-world's default distances: frames and goals (B,h,w,3)."""
        from torch_world.envs import PointMass

        generator = torch.Generator().manual_seed(seed)
        self.world = PointMass(batch_size=episodes, size=image_px)
        seen = self.world.reset(generator=generator)
        self.goal = self.world.sample_goals(generator=generator)
        return {"frames": pictures(seen), "goals": pictures(self.world.render(self.goal))}

    def step(self, actions: np.ndarray) -> dict:
        """Actions (B,A) -> frames, and whether each is now at its goal by torch-world's rule."""
        seen = self.world.step(torch.from_numpy(actions).float())
        return {"frames": pictures(seen), "success": self.world.success(self.world.state, self.goal)}


def pictures(images: Tensor) -> np.ndarray:
    """(B,3,h,w) in [0,1] -> (B,h,w,3) uint8."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def timed(work: Callable[[], dict]) -> dict:
    """What ``work`` gives, and its CPU-seconds."""
    begin = time.process_time()
    result = work()
    return {**result, "cpu_s": time.process_time() - begin}


def answer(worker: object, request: dict) -> dict:
    """One request carried out; arrays of the reply go into the file that the request names."""
    verb, arrays, reply = request.pop("do"), request.pop("arrays", None), request.pop("reply", None)
    if arrays is not None:
        with np.load(arrays) as stored:
            request |= {name: stored[name] for name in stored}
    grad = torch.enable_grad() if verb == "train" else torch.no_grad()
    with grad:
        result = getattr(worker, verb)(**request)
    large = {k: np.asarray(v) for k, v in result.items() if isinstance(v, Tensor | np.ndarray)}
    if large:
        np.savez(reply, **large)
    return {k: v for k, v in result.items() if k not in large}


def serve(worker: object) -> None:
    """The verbs of ``worker`` until the other end closes. What the peer itself prints goes to stderr."""
    torch.set_num_threads(1)
    if sys.argv[1:] == ["check"]:
        print(json.dumps(worker.about()))
        return
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        for line in sys.stdin:
            out.write(json.dumps(answer(worker, json.loads(line))) + "\n")
            out.flush()


if __name__ == "__main__":
    serve(Worker())
