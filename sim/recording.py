"""An episode while it is recorded, from which others may branch: the same past, another way on.

    recording = Recording.begin(task, env, layout)
    while not recording.over:
        action, observation = recording.do(agent.act(env))
    take = recording.take()
    other = recording.until(5)          # its first 5 steps; the environment must be put back to that moment

An episode goes on for a few steps after success or harm, because what that looks like must be learnt too: a model that
never saw arrival cannot imagine it.
"""

from typing import Self

import numpy as np

from rehearse.sim.takes import Take
from rehearse.sim.task import Task, TaskEnv
from rehearse.world_model.data import Clip

STEPS_AFTER_END = 4


class Recording:
    """T moments and the T - 1 actions between them.

    Where the task tells how (``carried_out``), actions are recorded as the robot carried them out: one that pushes
    against the edge of a workspace moves nothing, and a model that had to find that out by itself would be wrong there,
    where an optimiser soon looks.
    """

    def __init__(self, task: Task, env: TaskEnv, observations: list[dict], infos: list[dict]) -> None:
        self.task, self.env = task, env
        self.observations, self.infos = observations, infos
        self.actions: list[np.ndarray] = []

    @classmethod
    def begin(cls, task: Task, env: TaskEnv, layout: int) -> Self:
        """The first moment of a layout."""
        observation, info = env.reset(options={"layout": layout})
        return cls(task, env, [observation], [info])

    def until(self, step: int) -> Self:
        """A recording of the first ``step`` steps of this one."""
        other = type(self)(self.task, self.env, self.observations[: step + 1], self.infos[: step + 1])
        other.actions = self.actions[:step]
        return other

    @property
    def over(self) -> bool:
        """Whether enough was recorded: some steps after its end, or after all the time there is."""
        ended = sum(self.task.over(info) for info in self.infos[1:]) > STEPS_AFTER_END
        return ended or len(self.actions) >= self.task.episode_steps + STEPS_AFTER_END

    def do(self, action: np.ndarray) -> tuple[np.ndarray, dict]:
        """Act; the action as it was carried out, and what was then seen."""
        action = self.task.carried_out(action, self.env.world)
        observation, _, _, _, info = self.env.step(action)
        self.actions.append(action)
        self.observations.append(observation)
        self.infos.append(info)
        return action, observation

    def take(self) -> Take:
        """T frames, T - 1 actions and one of padding."""
        clip = Clip(
            frames=np.stack([seen["image"] for seen in self.observations]),
            actions=np.array([*self.actions, self.task.hold], np.float32),
            proprio=np.stack([seen["proprio"] for seen in self.observations]),
            signals=self.task.signals_of(self.infos),
            task=self.task.instruction,
        )
        harmed = any(self.task.harmed(info) for info in self.infos)
        return Take(clip, not harmed and any(info[self.task.success] for info in self.infos), harmed)
