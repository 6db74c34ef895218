"""The dynamics: what is remembered (state) and what comes next (moment), given an action.

    states = backbone.observe(moments, actions, state, previous)   # (B,T,D), (B,T,E), (B,S), (B,D) -> (B,T,S)
    states, moments = backbone.unroll(state, moment, actions)      # (N,S), (N,D), (N,H,E) -> (N,H,S), (N,H,D)

A recurrent state remembers the past at one price however long it was, and one state is branched into N
futures by expanding a row: no prefix is copied. The cell is the gated recurrent unit of DreamerV2 (arXiv
2010.02193): one matrix product per step, layer norm over all gates. It is shown each moment, how that differs
from the one before (a difference of two rounded vectors is where speed would be lost) and the action that led
to it.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model.config import ModelConfig


class Backbone(Protocol):
    """What a backbone must offer; E is the width of an embedded action."""

    def embed_actions(self, actions: Tensor) -> Tensor: ...

    def start(self, batch: int) -> tuple[Tensor, Tensor]:
        """The state before anything was seen (batch,S) and the embedding of "no action yet" (batch,E)."""

    def observe(self, moments: Tensor, actions: Tensor, state: Tensor, previous: Tensor) -> Tensor:
        """``previous`` (B,D) is the moment before the first; where there was none, the first itself."""

    def predict(self, state: Tensor, action: Tensor) -> Tensor:
        """How the moment is about to change."""

    def unroll(self, state: Tensor, moment: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]: ...


class Recurrent(nn.Module):
    """Backbone with a gated recurrent cell and a residual predictor of the next moment."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        latent, state, width, action = (
            config.latent_dim,
            config.state_dim,
            config.predictor_width,
            config.action_width,
        )
        self.action = nn.Sequential(nn.Linear(config.action_dim, action), nn.SiLU(), nn.Linear(action, action))
        self.no_action = nn.Parameter(torch.zeros(action))
        self.gates = nn.Linear(2 * latent + action + state, 3 * state)
        self.gates_norm = nn.LayerNorm(3 * state)
        self.first = nn.Linear(state + action, width)
        self.second = nn.Linear(width, width)
        self.change = nn.Linear(width, latent)
        nn.init.zeros_(self.change.weight)  # an untrained model imagines that nothing moves
        nn.init.zeros_(self.change.bias)
        with torch.no_grad():
            self.gates_norm.bias[2 * state :] = -1.0  # remember by default

    def embed_actions(self, actions: Tensor) -> Tensor:
        return self.action(actions)

    def start(self, batch: int) -> tuple[Tensor, Tensor]:
        state = self.no_action.new_zeros(batch, self.gates.out_features // 3)
        return state, self.no_action.expand(batch, -1)

    def observe(self, moments: Tensor, actions: Tensor, state: Tensor, previous: Tensor) -> Tensor:
        inside = 2 * moments.shape[-1] + actions.shape[-1]
        changes = moments - torch.cat([previous[:, None], moments[:, :-1]], 1)
        # The inputs' share of the gates is one large product; only the state's share must wait its turn.
        inputs = F.linear(
            torch.cat([moments, changes, actions.to(moments.dtype)], -1),
            self.gates.weight[:, :inside],
            self.gates.bias,
        )
        recurrent, states = self.gates.weight[:, inside:].to(inputs.dtype), []
        for given in inputs.unbind(1):
            state = self._mix(given + F.linear(state, recurrent), state)
            states.append(state)
        return torch.stack(states, 1)

    def predict(self, state: Tensor, action: Tensor) -> Tensor:
        x = F.silu(self.first(torch.cat([state, action.to(state.dtype)], -1)))
        x = x + F.silu(self.second(x))
        return self.change(x)

    def unroll(self, state: Tensor, moment: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        states, moments = [], []
        actions = actions.to(state.dtype)
        for action in actions.unbind(1):
            change = self.predict(state, action)
            moment = moment + change
            state = self._mix(self.gates(torch.cat([moment, change, action, state], -1)), state)
            states.append(state)
            moments.append(moment)
        return torch.stack(states, 1), torch.stack(moments, 1)

    def _mix(self, gates: Tensor, state: Tensor) -> Tensor:
        reset, candidate, update = self.gates_norm(gates).to(state.dtype).chunk(3, -1)
        return torch.lerp(state, torch.tanh(torch.sigmoid(reset) * candidate), torch.sigmoid(update))
