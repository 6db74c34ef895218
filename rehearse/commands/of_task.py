"""What commands share that are about one task: ``--task``, ``--level``, and the options of every task as flags."""

from dataclasses import asdict, dataclass, field, make_dataclass
from typing import Annotated

import tyro

from rehearse.commands.base import Command
from rehearse.errors import ConfigError
from rehearse.sim.task import Task
from rehearse.sim.tasks import DEFAULT, TASKS, get_task


def _flags() -> list[tuple]:
    """A field for each option of each task: None, unless it is given."""
    meanings: dict[str, list[str]] = {}
    for task in map(get_task, TASKS):
        for name, option in task.options.items():
            known = ", ".join((*option.choices, *(f"{other}…" for other in option.others)))
            meanings.setdefault(name, []).append(f"{task.name}: {known}; {option.meaning}.")
    return [
        (name, Annotated[str | None, tyro.conf.arg(help=" ".join(told))], field(default=None))
        for name, told in meanings.items()
    ]


# Made from the tasks themselves, so that a new one brings its own flags and no command has to be told.
TaskOptions = make_dataclass("TaskOptions", _flags(), frozen=True)
NOT_GIVEN = TaskOptions()


@dataclass(kw_only=True)
class TaskCommand(Command):
    """Base of the commands that work on any task."""

    task: str = DEFAULT
    """The task; `rehearse tasks` lists them. One of your own is named module:variable."""
    level: str | None = None
    """Of the task; its usual one unless given."""
    option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """NAME=VALUE, an option of a task of your own; those of the tasks that come with Rehearse are flags."""
    options: Annotated[TaskOptions, tyro.conf.arg(name="")] = NOT_GIVEN

    def found_task(self) -> Task:
        """The task that was named."""
        return get_task(self.task)

    def given_options(self) -> dict[str, str]:
        """The task's options that were given, by flag or by name."""
        given = {name: value for name, value in asdict(self.options).items() if value is not None}
        for text in self.option:
            name, _, value = text.partition("=")
            if not (name and value):
                raise ConfigError(f"--option {text!r}: write NAME=VALUE")
            given[name] = value
        return given
