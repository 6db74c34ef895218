"""Write docs/tasks.md: what every task of the registry is, straight from the code.

python docs/make_tasks.py
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from rehearse.files import atomic_write
from rehearse.sim.task import Option, Task
from rehearse.sim.tasks import DEFAULT, TASKS, get_task

TARGET = Path(__file__).with_name("tasks.md")
HEAD = """# Tasks

Written by `make docs` from `sim/tasks.py` and the tasks that it names; edit those.

![All tasks](media/tasks.png)

Of each: what the robot sees at first, a picture of the goal, the best script at work. Collecting, training, evaluating,
replaying and planning work on every task by its name:

```
rehearse tasks --speed                                   # this list, and steps per CPU-second here
rehearse collect --task push --out data/push
rehearse train --task push --data data/push              # -> runs/push
rehearse eval --task push --checkpoint runs/push --methods script-best,planner-512,oracle --json result.json
rehearse replay result.json --method planner-512 --layout 3 --checkpoint runs/push --film why.mp4
```
"""
TAIL = """## A task of your own

A task is one value of `rehearse.sim.task.Task`, a frozen dataclass whose fields say all that the harness asks: how to
make the environment, what its datasets tell, how its models are trained, who plays, who demonstrates, the true physics
as a `Dynamics`, and what a future costs. `sim/reach/task.py` is a whole one; `tests/sim/point_mass.py` is one with its
world and environment in 170 lines, and `tests/commands/test_any_task.py` takes it from nothing to a planner.

It need not be listed anywhere. Name it by where it stands, and give its options by name:

```
rehearse collect --task my_robot.task:TASK --option gripper=soft --out data/mine
```

The environment is a Gymnasium one that keeps to `TaskEnv`: observations are `image`, `proprio` and, where there is a
goal, `goal` (its picture) and `goal_state` (its numbers); `reset(options={"layout": n})` lays out layout n of its
split; `info` holds the signals, `progress`, `success`, `time_s` and `layout`.

A goal can be told to a planner in three ways (`rehearse eval --planner.goal`): as `state`, numbers with which signals
that the model predicts are compared; as `image`, which the model encodes once an episode, so that a future costs the
distance of its imagined moments from that one; or as `reading`, the same picture, off which the model first reads the
signals that the task names in `goal_signals`. A moment holds all that can be seen, whether the task minds it or not.

To list it for everybody, add its line to `TASKS` in `sim/tasks.py`, and its environment to `ENVIRONMENTS` in
`sim/__init__.py`; its options become flags of the command line by themselves.
"""


def listed(names: Iterable[str] | Mapping[str, str]) -> str:
    """Names as code with commas between; a mapping says what follows each of them."""
    after = names if isinstance(names, Mapping) else dict.fromkeys(names, "")
    return ", ".join(f"`{name}`{text}" for name, text in after.items())


def known(option: Option) -> tuple[str, ...]:
    """Its choices, and how others may begin."""
    return (*option.choices, *(f"{other}…" for other in option.others))


def section(task: Task) -> str:
    """One task's heading, summary and facts."""
    levels = {name: " (usual)" if name == task.level else "" for name in task.levels}
    signals = {name: " (event)" if kind == "event" else "" for name, kind in task.signals.items()}
    facts = {
        "tags": ", ".join(sorted(task.tags)),
        "asked for as": f'"{task.instruction}"',
        "Gymnasium": f"`{task.env_id}`",
        "an episode": f"{task.episode_steps} steps of {task.period_s:g} s",
        "levels": listed(levels) if len(levels) > 1 else "",
        **{f"`--{name}`": f"{listed(known(option))}: {option.meaning}" for name, option in task.options.items()},
        "actions": listed(task.actions),
        "proprioception": listed(task.proprio),
        "signals": listed(signals),
        "goal, as numbers": listed(task.goal),
        "harm": "" if task.harm is None else f"`{task.harm.event}`, when `{task.harm.strain}` reaches 1",
        "can be varied by": listed(task.variations),
        "methods": listed([*task.scripts, *task.oracles, "planner-<futures>"]),
        "shipped model": f"`{task.checkpoint}`" if task.checkpoint else "none yet",
    }
    rows = [f"| {name} | {value} |" for name, value in facts.items() if value]
    mark = " (the usual one)" if task.name == DEFAULT else ""
    what = f"{task.summary[0].upper()}{task.summary[1:]}."
    return "\n".join([f"## {task.name}{mark}", "", what, "", "| | |", "| --- | --- |", *rows])


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(section(get_task(name)) + "\n" for name in TASKS), TAIL])


def main() -> None:
    """Write the page whole or not at all."""
    text = page()
    with atomic_write(TARGET) as path:
        path.write_text(text, encoding="utf-8")
    print(f"wrote docs/{TARGET.name}")


if __name__ == "__main__":
    main()
