"""The peers' planners on a dynamics that is given to all. Runs in a peer's own environment, as worker.py does.

    out/peers/pytorch-mppi/bin/python benchmarks/peers/planners.py check

``problem`` takes the weights of a residual perceptron, z' = z + W₃ relu(W₂ relu(W₁ [z, a])), and the first z; the cost
of a future is Σ |z|² + 0.01 Σ |a|² over its steps. ``time_plan`` is one plan of the peer's optimizer on it, timed.
"""

from collections.abc import Callable
from importlib import metadata

import numpy as np
import torch
from adapters import import_stable_worldmodel
from perceptron import fused, plain
from worker import serve, timed

PACKAGES = ("pytorch-mppi", "stable-worldmodel")
Plan = Callable[[], torch.Tensor]  # -> actions (H,A)


class Perceptron:
    """The dynamics and the cost as a user of either peer would write them: one step for all candidates.

    numbers: "float32", "bfloat16", or "fused", bfloat16 with products and relu in one kernel of oneDNN.
    """

    def __init__(self, weights: list[torch.Tensor], start: torch.Tensor, numbers: str) -> None:
        self.kind = torch.float32 if numbers == "float32" else torch.bfloat16
        self.layer = fused if numbers == "fused" else plain
        self.weights, self.start = [weight.to(self.kind) for weight in weights], start

    def step(self, z: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """(N,L), (N,A) -> (N,L), in the precision of z."""
        first, second, third = self.weights
        x = self.layer(torch.cat([z, action], -1).to(self.kind), first)
        return z + torch.nn.functional.linear(self.layer(x, second), third).to(z.dtype)

    def cost(self, z: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """(N,L), (N,A) -> (N,)."""
        return z.square().sum(-1) + 0.01 * action.square().sum(-1)

    def get_cost(self, info: dict, candidates: torch.Tensor) -> torch.Tensor:
        """stable-worldmodel's face: candidates (1,N,H,A) -> (1,N)."""
        actions = candidates[0]
        z, costs = self.start.expand(len(actions), -1), actions.new_zeros(len(actions))
        for action in actions.unbind(1):
            z = self.step(z, action)
            costs = costs + self.cost(z, action)
        return costs[None]


class Planners:
    """The verbs."""

    def __init__(self) -> None:
        self.package = next(
            p for p in PACKAGES if any(d.metadata["Name"].replace("_", "-") == p for d in metadata.distributions())
        )

    def about(self) -> dict:
        """Versions, and whether the package imports."""
        if self.package == "pytorch-mppi":
            import pytorch_mppi  # noqa: F401
        else:
            import_stable_worldmodel()
        return {"peer": f"{self.package} {metadata.version(self.package)}", "torch": torch.__version__}

    def problem(
        self, numbers: str, first: np.ndarray, second: np.ndarray, third: np.ndarray, start: np.ndarray
    ) -> dict:
        """Weights (out,in) of the three layers, and z (L,) that every future begins with."""
        weights = [torch.from_numpy(weight) for weight in (first, second, third)]
        self.exact = Perceptron(weights, torch.from_numpy(start), "float32")
        self.model = Perceptron(weights, torch.from_numpy(start), numbers)
        return {}

    def time_plan(self, search: str, seed: int, **sizes: int) -> dict:
        """CPU-seconds of one plan after a warm-up, the planner being made beforehand; and what it costs in float32."""
        make = self._mppi if self.package == "pytorch-mppi" else self._solver
        torch.manual_seed(seed)  # pytorch-mppi knows no generator
        plan = make(search, seed, **sizes)
        plan()
        done = timed(lambda: {"actions": plan()})
        return {
            "cpu_s": done["cpu_s"],
            "cost": self.exact.get_cost({}, done["actions"].clamp(-1, 1)[None, None]).item(),
        }

    def update(self, mean: np.ndarray, noise: np.ndarray, std: float, temperature: float) -> dict:
        """pytorch-mppi's step from mean (H,A) with this noise (K,H,A): the new mean, and the costs it saw (K,)."""
        mppi = self._controller(*noise.shape, std, temperature)
        mppi.U = torch.from_numpy(mean)
        mppi._sample_noise = lambda shape: torch.from_numpy(noise)
        mppi.command(self.model.start, shift_nominal_trajectory=False)
        # What it adds for sampling around a mean that is not zero is part of the update, not of the cost.
        charge = temperature * (torch.from_numpy(mean) * mppi.noise / std**2).sum((1, 2))
        return {"mean": mppi.U, "costs": mppi.cost_total - charge, "weights": mppi.omega}

    def _mppi(
        self, search: str, seed: int, samples: int, iterations: int, horizon: int, action_dim: int, elites: int
    ) -> Plan:
        """One decision from no action at all, refined `iterations` times."""
        mppi, still = self._controller(samples, horizon, action_dim, 0.5, 1.0), torch.zeros(horizon, action_dim)

        def plan() -> torch.Tensor:
            mppi.U = still
            for _ in range(iterations):
                mppi.command(self.model.start, shift_nominal_trajectory=False)
            return mppi.U

        return plan

    def _controller(self, samples: int, horizon: int, action_dim: int, std: float, temperature: float) -> object:
        from pytorch_mppi import MPPI

        one = torch.ones(action_dim)
        return MPPI(
            self.model.step,
            self.model.cost,
            len(self.model.start),
            torch.diag(std**2 * one),
            num_samples=samples,
            horizon=horizon,
            lambda_=temperature,
            u_min=-one,
            u_max=one,
            U_init=torch.zeros(horizon, action_dim),
        )

    def _solver(
        self, search: str, seed: int, samples: int, iterations: int, horizon: int, action_dim: int, elites: int
    ) -> Plan:
        import_stable_worldmodel()
        from gymnasium.spaces import Box
        from stable_worldmodel import PlanConfig
        from stable_worldmodel.solver import CEMSolver, ICEMSolver, MPPISolver

        kind = {"cem": CEMSolver, "icem": ICEMSolver, "mppi": MPPISolver}[search]
        solver = kind(self.model, num_samples=samples, topk=elites, n_steps=iterations, var_scale=0.5, seed=seed)
        space = Box(-1.0, 1.0, (1, action_dim))
        solver.configure(action_space=space, n_envs=1, config=PlanConfig(horizon=horizon, receding_horizon=horizon))
        return lambda: solver({"z": self.model.start[None]})["actions"][0]


if __name__ == "__main__":
    serve(Planners())
