"""What the commands share that take up one episode of a recorded evaluation: which one, and under which conditions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rehearse.commands.base import Command
from rehearse.recorded import config_of, default_checkpoint, find_episode, read_evaluation, task_of
from rehearse.sim.evaluate import EvalConfig


@dataclass(kw_only=True)
class EpisodeCommand(Command):
    """Base of ``replay`` and ``explain``."""

    result: Annotated[Path, tyro.conf.Positional]
    """What `rehearse eval --json` wrote."""
    method: str
    """The method."""
    layout: int
    """The layout, as listed among the result's episodes."""
    checkpoint: Path | None = None
    """The world model that was evaluated; the shipped one unless given."""

    def recorded(self) -> tuple[dict, EvalConfig]:
        """The episode as it was recorded, and the conditions under which it was made."""
        result = read_evaluation(self.result)
        episode = find_episode(result["episodes"], self.method, self.layout)
        checkpoint = self.checkpoint or default_checkpoint(task_of(result["about"]), (self.method,))
        return episode, config_of(result["about"], self.method, checkpoint)
