"""The planner as a stable-worldmodel policy, so that their ``World.evaluate`` runs it.

    world = swm.World("rehearse/Push-v0", num_envs=4, image_shape=(64, 64), max_episode_steps=40, split="test")
    world.set_policy(SwmPolicy("push", futures=512))
    world.evaluate(episodes=20, seed=0)["success_rate"]                        # percent

Any environment that senses what our tasks sense will do: its infos hold ``image``, or else ``pixels``, and ``proprio``,
and ``goal`` and ``goal_state`` where there is a goal. Written for stable-worldmodel 0.1.1.
"""

from pathlib import Path
from typing import Any

import numpy as np

from rehearse.errors import SetupError
from rehearse.sim.policy import PlannerPolicy, planner_policy

try:
    from stable_worldmodel.policy import BasePolicy
except ImportError as error:
    raise SetupError(f"stable-worldmodel is not installed ({error}): pip install stable-worldmodel") from error


class SwmPolicy(BasePolicy):
    """One planner for each environment of the pool, begun anew with every episode."""

    def __init__(self, task: str, checkpoint: str | Path | None = None, seed: int = 0, futures: int = 512) -> None:
        super().__init__(type="rehearse")
        self.seed: int | None = None  # theirs, which would be set anew; ours counts
        self._make = lambda index: planner_policy(task, checkpoint, seed + index, futures)
        self._planners: list[PlannerPolicy] = []
        self._episodes: list[int] = []

    def get_action(self, infos: dict[str, Any], **_: Any) -> np.ndarray:
        """Imagine and choose for all environments: infos of shape (E,1,...) -> actions (E,A)."""
        steps = np.asarray(infos["step_idx"]).reshape(len(infos["step_idx"]), -1)[:, -1]
        while len(self._planners) < len(steps):
            self._planners.append(self._make(len(self._planners)))
            self._episodes.append(-1)
        actions = []
        for i, planner in enumerate(self._planners[: len(steps)]):
            if steps[i] == 0:
                self._episodes[i] += 1
                planner.reset(self._episodes[i])
            actions.append(planner(_sensed(infos, i)))
        return np.stack(actions).astype(np.float32)


def _sensed(infos: dict[str, Any], index: int) -> dict[str, np.ndarray]:
    """What environment ``index`` senses now."""
    last = lambda name: np.asarray(infos[name][index])[-1]  # noqa: E731
    told = {name: last(name) for name in ("proprio", "goal", "goal_state") if name in infos}
    return told | {"image": last("image" if "image" in infos else "pixels")}
