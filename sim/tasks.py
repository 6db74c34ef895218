"""The tasks, by name.

    task = get_task("dog-on-jacket"); names = task_names("benchmark")

A task that is not listed here is named by where it stands: ``get_task("my_robot.task:TASK")``, on every command line
too (``--task my_robot.task:TASK``). Any Gymnasium environment is one as well: ``get_task("gym:Reacher-v5")``. A task is
imported when it is first asked for.
"""

from importlib import import_module

from rehearse.errors import ConfigError
from rehearse.sim.task import Task

# name -> module:variable
TASKS = {
    "dog-on-jacket": "rehearse.sim.dog_on_jacket.task:TASK",
    "push": "rehearse.sim.push.task:PUSH",
    "push-t": "rehearse.sim.push.task:PUSH_T",
    "two-room": "rehearse.sim.two_room.task:TASK",
    "reach": "rehearse.sim.reach.task:TASK",
    "pick-place": "rehearse.sim.pick_place.task:TASK",
    "drawer": "rehearse.sim.drawer.task:TASK",
}
DEFAULT = "dog-on-jacket"
GYM = "gym:"


def get_task(name: str) -> Task:
    """The task of this name, or at this ``module:variable``; ConfigError lists the names."""
    if name.startswith(GYM):
        from rehearse.sim.gym.task import gym_task

        return gym_task(name.removeprefix(GYM))
    module, _, variable = TASKS.get(name, name).partition(":")
    if not variable:
        raise ConfigError(
            f"unknown task {name!r}; choose one of {', '.join(TASKS)}, module:variable of your own, or gym:<id>"
        )
    try:
        task = getattr(import_module(module), variable)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"task {name!r} cannot be found: {error}") from error
    if not isinstance(task, Task):
        raise ConfigError(f"task {name!r} is a {type(task).__name__}; it must be a rehearse.sim.task.Task")
    return task


def arm_task(name: str) -> Task:
    """The task of this name, which an arm does and nodes can run; ConfigError for one of which that is not so."""
    task = get_task(name)
    if task.motion is None or task.live is None:
        known = ", ".join(known for known in TASKS if get_task(known).motion is not None)
        raise ConfigError(f"{task.name} has no arm that could be run at a robot's pace; choose one of {known}")
    return task


def task_names(tag: str | None = None) -> list[str]:
    """All names, or those of the tasks with a tag."""
    return [name for name in TASKS if tag is None or tag in get_task(name).tags]
