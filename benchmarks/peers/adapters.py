"""The peers' LeWMs behind one face. Runs in a peer's own environment: torch, numpy and that peer, nothing of ours.

    peer = load("torch-world", "small", image_px=32, action_dim=2, seed=0)
    peer.loss(pixels, actions)          pixels (B,T,3,h,w) in [0,1], actions (B,T,A) standardised -> scalar
    peer.encode(pixels)                 (B,T,3,h,w) -> (B,T,D)
    peer.rollout(z, past, actions)      (M,T0,D), (M,T0-1,A), (N,H,A), M being 1 or N -> (N,H,D)
    peer.plan(pixels, goals, ...)       (B,3,h,w) twice -> first actions (B,A): the peer's own optimizer
    peer.decide(z, goal, ...)           one plan of the peer's own optimizer from latents, for timing

Models are the peer's classes with the peer's losses; sizes that are not their defaults are named in SIZES.
"""

from collections.abc import Callable
from functools import partial
from importlib import metadata

import numpy as np
import torch
from torch import Tensor, nn

# width: of a token; depth to hidden: the predictor; proj: the projectors; layers and patch: the encoder.
SIZES = {
    # What the papers and both packages have as default: 18 M parameters, of which the predictor 10.8 M.
    "default": dict(width=192, depth=6, heads=16, head=64, hidden=2048, proj=2048, layers=12, patch=14),
    # torch-world's readme: the default predictor on a narrow encoder.
    "readme": dict(width=64, depth=6, heads=16, head=64, hidden=2048, proj=2048, layers=6, patch=8),
    # Shrunk alike for both peers, to what trains in minutes on one core.
    "small": dict(width=64, depth=2, heads=4, head=16, hidden=256, proj=256, layers=6, patch=8),
    "wide": dict(width=192, depth=2, heads=4, head=64, hidden=512, proj=512, layers=4, patch=8),
}
HISTORY = 3
SIGREG_WEIGHT = 0.09


def tile(x: Tensor, count: int) -> Tensor:
    """(1,...) or (count,...) -> (count,...)."""
    return x.expand(count, *x.shape[1:])


class TorchWorld:
    """torch-world's LeWM; "baseline" is the model that its own experiments use for every environment."""

    package = "torch-world"

    def __init__(self, size: str, image_px: int, action_dim: int) -> None:
        from torch_world.benchmarks.experiment import lewm_baseline
        from torch_world.models import LeWM
        from torch_world.nn import CLSEncoder

        if size == "baseline":
            self.model = lewm_baseline((3, image_px, image_px), action_dim)
        else:
            s = SIZES[size]
            encoder = CLSEncoder(image_px, s["patch"], embed_dim=s["width"], depth=s["layers"])
            widths = dict(depth=s["depth"], num_heads=s["heads"], head_dim=s["head"], mlp_dim=s["hidden"])
            self.model = LeWM(encoder, action_dim, s["width"], HISTORY, **widths, proj_dim=s["proj"])
        self.history, self.dynamics = self.model.history, (self.model.predictor,)

    def loss(self, pixels: Tensor, actions: Tensor) -> Tensor:
        return self.model(pixels, actions)["loss"]

    def encode(self, pixels: Tensor) -> Tensor:
        return self.model.encode(pixels)

    def rollout(self, z: Tensor, past: Tensor, actions: Tensor) -> Tensor:
        count = len(actions)
        led = torch.cat([tile(past, count), actions], 1)
        return self.model.rollout(tile(z, count), led)[:, z.shape[1] :]

    def plan(
        self, pixels: Tensor, goals: Tensor, plan: dict, norm: tuple[Tensor, Tensor], generator: torch.Generator
    ) -> Tensor:
        mean, std = norm
        z, goal = self.encode(pixels[:, None]), self.encode(goals[:, None])[:, 0]
        standardised = _Standardised(self.model, mean, std)
        return self._cem(plan, bounds=(-1, 1), objective="path")(standardised, z, goal, generator=generator)[:, 0]

    def decide(self, z: Tensor, goal: Tensor, plan: dict) -> None:
        self._cem(plan)(self.model, z, goal)

    def _cem(self, plan: dict, **more: object) -> Callable:
        from torch_world.planning import CEM

        sizes = dict(num_samples=plan["samples"], num_elites=plan["elites"], iterations=plan["iterations"])
        return CEM(plan["horizon"], plan["action_dim"], **sizes, **more)


class _Standardised:
    """A model that takes raw actions, for a planner whose bounds are in raw actions."""

    def __init__(self, model: nn.Module, mean: Tensor, std: Tensor) -> None:
        self.model, self.mean, self.std, self.cost = model, mean, std, model.cost

    def rollout(self, z: Tensor, actions: Tensor) -> Tensor:
        return self.model.rollout(z, (actions - self.mean) / self.std)


class StableWorldmodel:
    """stable-worldmodel's LeWM, put together as its scripts/train/lewm.py does."""

    package = "stable-worldmodel"

    def __init__(self, size: str, image_px: int, action_dim: int) -> None:
        import_stable_worldmodel()
        from stable_worldmodel.wm.lewm import LeWM
        from stable_worldmodel.wm.lewm.module import MLP, Embedder, Predictor
        from stable_worldmodel.wm.loss import SIGReg
        from transformers import ViTConfig, ViTModel

        class PathLeWM(LeWM):
            """The cost of all imagined steps instead of the last one's alone, as the others here have it."""

            def criterion(self, info: dict) -> Tensor:
                ahead = info["predicted_emb"][:, :, info["pixels"].shape[2] :]
                return (ahead - info["goal_emb"][..., -1:, :]).square().mean((2, 3))

        s = SIZES[size]
        width, proj = s["width"], partial(MLP, hidden_dim=s["proj"], norm_fn=nn.BatchNorm1d)
        encoder = ViTConfig(
            hidden_size=width,
            num_hidden_layers=s["layers"],
            num_attention_heads=3 if width % 3 == 0 else 4,
            intermediate_size=4 * width,
            image_size=image_px,
            patch_size=s["patch"],
        )
        sizes = dict(depth=s["depth"], heads=s["heads"], mlp_dim=s["hidden"], dim_head=s["head"], dropout=0.1)
        parts = dict(
            encoder=ViTModel(encoder, add_pooling_layer=False),
            predictor=Predictor(num_frames=HISTORY, input_dim=width, hidden_dim=width, **sizes),
            action_encoder=Embedder(input_dim=action_dim, emb_dim=width),
            projector=proj(width),
            pred_proj=proj(width),
        )
        self.model = (LeWM if size == "default" else PathLeWM)(**parts)
        self.history, self.dynamics, self.sigreg = HISTORY, (self.model.predictor,), SIGReg()
        self.pixel_mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        self.pixel_std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    def loss(self, pixels: Tensor, actions: Tensor) -> Tensor:
        out = self.model.encode({"pixels": self._shown(pixels), "action": actions})
        z = out["emb"]
        predicted = self.model.predict(z[:, : self.history], out["act_emb"][:, : self.history])
        return (predicted - z[:, 1 : self.history + 1]).square().mean() + SIGREG_WEIGHT * self.sigreg(z.transpose(0, 1))

    def encode(self, pixels: Tensor) -> Tensor:
        return self.model.encode({"pixels": self._shown(pixels)})["emb"]

    def rollout(self, z: Tensor, past: Tensor, actions: Tensor) -> Tensor:
        count, known = len(actions), z.shape[1]
        info = {"pixels": torch.empty(1, count, known), "emb": tile(z, count)[None]}
        led = torch.cat([tile(past, count), actions], 1)[None]
        return self.model.rollout(info, led)["predicted_emb"][0, :, known:]

    def plan(
        self, pixels: Tensor, goals: Tensor, plan: dict, norm: tuple[Tensor, Tensor], generator: torch.Generator
    ) -> Tensor:
        mean, std = norm
        solver = self._solver(plan, int(torch.randint(2**31, (), generator=generator)))
        nothing = torch.zeros(len(pixels), 1, plan["action_dim"])
        seen = {"pixels": self._shown(pixels[:, None]), "goal": self._shown(goals[:, None]), "action": nothing}
        return solver(seen)["actions"][:, 0] * std + mean

    def decide(self, z: Tensor, goal: Tensor, plan: dict) -> None:
        solver = self._solver(plan, seed=0)
        solver({"pixels": torch.empty(1, 1), "emb": z, "goal": z, "goal_emb": goal[:, None], "action": z})

    def _shown(self, pixels: Tensor) -> Tensor:
        return (pixels - self.pixel_mean) / self.pixel_std

    def _solver(self, plan: dict, seed: int) -> Callable:
        from gymnasium.spaces import Box
        from stable_worldmodel import PlanConfig
        from stable_worldmodel.solver import CEMSolver

        sizes = dict(num_samples=plan["samples"], topk=plan["elites"], n_steps=plan["iterations"])
        solver = CEMSolver(self.model, **sizes, seed=seed)
        space = Box(-np.inf, np.inf, (1, plan["action_dim"]))
        horizon = PlanConfig(horizon=plan["horizon"], receding_horizon=plan["horizon"])
        solver.configure(action_space=space, n_envs=1, config=horizon)
        return solver


def import_stable_worldmodel() -> None:
    """The import fails where torch is a CPU build and torchvision is not: then torchvision's operators are missing.

    Nothing here uses them; declaring the two that it registers while loading is enough.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import stable_worldmodel  # noqa: F401


PEERS = {peer.package: peer for peer in (TorchWorld, StableWorldmodel)}


def installed() -> str:
    """The peer of this environment."""
    found = [name for name in PEERS if any(d.metadata["Name"] == name for d in metadata.distributions())]
    if len(found) != 1:
        raise SystemExit(f"peers: this environment has {found or 'no peer'}; run benchmarks/peers/setup.sh")
    return found[0]


def load(package: str, size: str, image_px: int, action_dim: int, seed: int) -> TorchWorld | StableWorldmodel:
    """A freshly initialised model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PEERS[package](size, image_px, action_dim)
