"""``rehearse dream``: watch what a model imagines beside what happens, or steer it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from rehearse.commands.base import about
from rehearse.commands.of_task import TaskCommand
from rehearse.dream_pictures import count, film, frames_per_second, strip
from rehearse.dreams import Dreamed, Recorded, Simulated, Stage, decoded, imagine, read_actions, watch
from rehearse.errors import CheckpointError, ConfigError, DataError
from rehearse.files import atomic_write
from rehearse.film import SPRITE_CRF, encode_mp4
from rehearse.recorded import default_checkpoint
from rehearse.sim.agents import make_agent
from rehearse.steering import ACTIONS, keyboard, steer
from rehearse.world_model import Belief, ModelConfig, WorldModel, load
from rehearse.world_model.data import LeRobotReader
from rehearse.world_model.data.resize import resize

SPLIT = "validation"


@dataclass(kw_only=True)
class Dream(TaskCommand):
    """Let a model observe the beginning of an episode and imagine the rest: a film and a strip beside the truth."""

    checkpoint: Annotated[Path | None, tyro.conf.Positional] = None
    """World model; the one that is shipped for the task unless given."""
    layout: int = 2
    """Layout of the task (validation split)."""
    method: str = "script-best"
    """Who acts in the simulator: any method of `rehearse eval`."""
    data: Path | None = None
    """Take an episode of this LeRobotDataset instead of the simulator."""
    episode: int = 0
    """Which episode of --data."""
    context: int = 3
    """Moments that the model observes before it imagines."""
    actions: str | None = None
    """Imagine these instead of the episode's own: a .npy or .csv file of (H, A), or `keyboard` to steer."""
    speed: float = 0.4
    """Of a key press, as a share of the greatest (0 .. 1)."""
    out: Path = Path("out/dream.mp4")
    """The film; the strip goes beside it as .png."""

    def run(self, console: Console) -> int:
        """Observe, imagine, decode, write."""
        if self.out.suffix != ".mp4":
            raise ConfigError(f"--out is {self.out}; the film is an .mp4, and the strip goes beside it")
        if not 0 < self.speed <= 1:
            raise ConfigError(f"--speed is {self.speed}; choose a share of the greatest speed, above 0 and at most 1")
        checkpoint = self.checkpoint or default_checkpoint(self.found_task(), ("planner-1",))
        with ExitStack() as stack:
            keys = stack.enter_context(keyboard()) if self.actions == "keyboard" else None
            model = load(checkpoint)
            given = None
            if self.data is None and not model.config.action_dim:
                raise CheckpointError(
                    "this model learnt from video alone and knows no robot's actions; give an episode with --data, "
                    "whose latent actions it infers, or fine-tune it"
                )
            if keys is not None and model.config.action_dim != len(ACTIONS):
                raise ConfigError(f"keys steer {', '.join(ACTIONS)}; this model has {model.config.action_dim} actions")
            if keys is None and self.actions is not None:
                given = read_actions(Path(self.actions), model.action_dim)
            stage, title, period_s = self._stage(model.config, checkpoint, stack)
            belief = watch(model, stage.clip)
            if keys is not None:
                actions, whose = self._steered(model, belief, stage, keys), "the actions of a person"
            elif given is not None:
                actions = np.stack([stage.act(action) for action in given])
                whose = f"those of {Path(self.actions).name}"
            elif model.config.action_dim:
                actions, whose = stage.finish(), "the episode's own actions"
            else:
                actions, whose = stage.infer(model), "what it infers was done"
            if not len(actions):
                console.print("no step was imagined, so nothing is written")
                return 1
            note = f"{count(self.context, 'moment')} observed, then {count(len(actions), 'step')} imagined with {whose}"
            dream = imagine(model, belief, actions, stage, title, note, period_s)
        self._write(dream, about(checkpoint=checkpoint.stem, episode=title, seed=self.seed), console)
        return 0

    def _stage(self, config: ModelConfig, checkpoint: Path, stack: ExitStack) -> tuple[Stage, str, float]:
        """Where the truth comes from, its title, and its period (s)."""
        if self.data is not None:
            reader = LeRobotReader(self.data)
            if not 0 <= self.episode < len(reader):
                raise DataError(f"{self.data} has episodes 0 to {len(reader) - 1}; there is no episode {self.episode}")
            clip = reader.read(self.episode)
            reader.close()
            clip = replace(clip, frames=resize(clip.frames, config.image_size))
            return Recorded(clip, self.context), f"{self.data.name}, episode {self.episode}", 1 / reader.fps
        task = self.found_task()
        needed = len(task.actions), len(task.proprio)
        if config.action_dim != needed[0] or config.proprio_dim not in (0, needed[1]):
            raise CheckpointError(
                f"this model has {config.action_dim} action and {config.proprio_dim} proprioception dimensions, "
                f"{task.name} {needed[0]} and {needed[1]}; give an episode of its own robot with --data"
            )
        agent = make_agent(task, self.method, checkpoint)
        env = task.make_env(self.level, SPLIT, self.given_options(), image_size=config.image_size, stop_at_harm=False)
        stack.callback(env.close)
        stage = Simulated(task, env, agent, self.layout, self.context, self.seed)
        return stage, f"{self.task}, {SPLIT} layout {self.layout}, {self.method}", task.period_s

    def _steered(self, model: WorldModel, belief: Belief, stage: Stage, keys: Iterator[str]) -> np.ndarray:
        def look(actions: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
            pictures, said, _ = decoded(model, belief, actions)
            return pictures[-1], said

        screen = Console(force_terminal=True, color_system="truecolor")
        return steer(look, stage.act, keys, screen, stage.clip.frames[-1], self.speed)

    def _write(self, dream: Dreamed, made: dict, console: Console) -> None:
        picture = self.out.with_suffix(".png")
        with atomic_write(self.out) as path, atomic_write(picture) as beside:
            path.write_bytes(encode_mp4(film(dream), frames_per_second(dream), SPRITE_CRF))
            strip(dream).save(beside, optimize=True)
        Console().print(table_of(dream))
        console.print(f"the film: {self.out.resolve()}\nthe strip: {picture.resolve()}")
        self.write_json(
            {
                "context": dream.context,
                "actions": dream.actions.tolist(),
                "imagined": {name: values.mean(0).tolist() for name, values in dream.said.items()},
                "spread": {name: values.std(0).tolist() for name, values in dream.said.items()},
                "disagreement": dream.disagreement.tolist(),
                "truth": {name: values.tolist() for name, values in dream.true.items()},
                "film": str(self.out),
                "strip": str(picture),
                "about": made,
            }
        )


def table_of(dream: Dreamed) -> Table:
    """Each signal at the last imagined moment, and how far its imagination was off on the way there."""
    table = Table(title=f"{dream.title}\n{dream.note}")
    for name in ("signal", "imagined at the end", "truth at the end", "mean error on the way"):
        table.add_column(name, justify="left" if name == "signal" else "right")
    for name, values in dream.said.items():
        mean, known = values.mean(0), dream.true.get(name, np.empty(0))[dream.context :]
        told = (f"{known[-1]:.3f}", f"{np.abs(mean - known).mean():.3f}") if len(known) else ("not known", "-")
        table.add_row(name, f"{mean[-1]:.3f} ± {values[:, -1].std():.3f}", *told)
    return table
