"""A recurrent state as memory: one vector, at one price however long the past was.

The cell is the gated recurrent unit of DreamerV2 (arXiv 2010.02193): one matrix product per step, layer norm over all
gates. It is shown each moment, how that differs from the one before (a difference of two rounded vectors is where
speed would be lost) and the action that led to it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rehearse.world_model.backbones.predictor import Predictor, Steer, as_it_is
from rehearse.world_model.config import ModelConfig


@dataclass(frozen=True)
class State:
    """``feature`` (B,S) is the recurrent state itself."""

    feature: Tensor
    moment: Tensor  # (B,D)

    def to(self, dtype: torch.dtype) -> "State":
        return State(self.feature.to(dtype), self.moment.to(dtype))


@dataclass(frozen=True)
class States:
    """The states of all moments: (B,T,S) and (B,T,D)."""

    features: Tensor
    moments: Tensor

    def at(self, rows: Tensor, steps: Tensor) -> State:
        return State(self.features[rows, steps], self.moments[rows, steps])

    def last(self) -> State:
        return State(self.features[:, -1], self.moments[:, -1])


class Recurrent(nn.Module):
    """Backbone with a gated recurrent cell."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.state_dim = state = config.state_dim
        self.no_action = nn.Parameter(torch.zeros(config.action_width))
        self.gates = nn.Linear(2 * config.latent_dim + config.action_width + state, 3 * state)
        self.gates_norm = nn.LayerNorm(3 * state)
        self.predict = Predictor(config)
        with torch.no_grad():
            self.gates_norm.bias[2 * state :] = -1.0  # remember by default

    def observe(self, moments: Tensor, led: Tensor, memory: State | None = None) -> tuple[Tensor, States]:
        if memory is None:
            memory = State(moments.new_zeros(len(moments), self.state_dim), moments[:, 0])
        inside = 2 * moments.shape[-1] + led.shape[-1]
        changes = moments - torch.cat([memory.moment[:, None], moments[:, :-1]], 1)
        # The inputs' share of the gates is one large product; only the state's share must wait its turn.
        inputs = F.linear(
            torch.cat([moments, changes, led.to(moments.dtype)], -1), self.gates.weight[:, :inside], self.gates.bias
        )
        recurrent, state, states = self.gates.weight[:, inside:].to(inputs.dtype), memory.feature, []
        for given in inputs.unbind(1):
            state = self._mix(given + F.linear(state, recurrent), state)
            states.append(state)
        features = torch.stack(states, 1)
        return features, States(features, moments)

    def unroll(self, memory: State, actions: Tensor, steer: Steer = as_it_is) -> tuple[Tensor, Tensor]:
        state, moment = memory.feature.expand(len(actions), -1), memory.moment.expand(len(actions), -1)
        actions = actions.to(state.dtype)
        states, moments = [], []
        for action in actions.unbind(1):
            action = steer(action, state)
            change = self.predict(state, action)
            moment = moment + change
            state = self._mix(self.gates(torch.cat([moment, change, action, state], -1)), state)
            states.append(state)
            moments.append(moment)
        return torch.stack(states, 1), torch.stack(moments, 1)

    def _mix(self, gates: Tensor, state: Tensor) -> Tensor:
        reset, candidate, update = self.gates_norm(gates).to(state.dtype).chunk(3, -1)
        return torch.lerp(state, torch.tanh(torch.sigmoid(reset) * candidate), torch.sigmoid(update))
