"""The ablation of imagination: a model that imagines that nothing changes, whatever is done.

    agent = PlannerAgent(task, model, settings, dynamics=Unchanging(model))      # the row planner-identity-<futures>

It sees through the same encoder, reads the same signals off what it sees, and is searched by the same planner with the
same objective. Only its futures stand still. What a planner achieves with it is due to the planner's habits (where its
search begins, what actions themselves cost), and a learned model is worth what it adds.
"""

from collections.abc import Sequence

import torch

from rehearse.planner import Futures
from rehearse.sim.planner_agent import LearnedDynamics
from rehearse.world_model import Belief


class Unchanging(LearnedDynamics):
    """A Dynamics of which every future is the present."""

    def imagine(self, belief: Belief, actions: torch.Tensor) -> Futures:
        """N action sequences (N, H, A): the moment and every signal stay as they are, and nobody disagrees."""
        n, h = actions.shape[:2]
        now = self.signals_now(belief)
        return Futures(
            belief.moment[0].expand(n, h, -1),
            {name: value[:, None, None].expand(-1, n, h) for name, value in now.items()},
            torch.zeros(n, h, device=actions.device),
        )

    def go_on(self, belief: Belief, rows: torch.Tensor, actions: torch.Tensor) -> tuple[Futures, Belief]:
        """As ``imagine``: every branch of the present is the present."""
        return self.imagine(belief, actions), belief

    def imagine_many(self, beliefs: Sequence[Belief], actions: Sequence[torch.Tensor]) -> list[Futures]:
        """Of several robots' beliefs, each its own."""
        return [self.imagine(belief, each) for belief, each in zip(beliefs, actions, strict=True)]
