"""Write docs/robots.md, and each robot's config/<name>.yaml and config/<name>.urdf, straight from sim/robots.py.

python docs/make_robots.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from rehearse.files import atomic_write
from rehearse.sim.arms import ARMS
from rehearse.sim.reach.env import ARMS as REACHING
from rehearse.sim.robots import ROBOTS, Robot
from rehearse.sim.urdf import urdf

ROOT = Path(__file__).resolve().parents[1]
HEAD = """# Robots

Written by `make docs` from `sim/robots.py`; edit that.

A robot is one value of `rehearse.sim.Robot`, a frozen dataclass. Simulation takes its model and where it stands from
it, inverse kinematics (and so every planner's joint targets) its limits, and the guard its parameters:
`config/<name>.yaml` and `config/<name>.urdf` are written from the same numbers. `tests/sim/test_robots.py` holds that
model, dataclass, guard and files agree.

```
guard_node --ros-args --params-file config/guard.yaml --params-file config/so101.yaml -p urdf_file:=config/so101.urdf
```

![The arms that reach](media/robots.png)

The box that the tool keeps to (`workspace_low_m`, `workspace_high_m`) belongs to a task and not to a robot; the one in
`config/guard.yaml` is the rug's.
"""
TAIL = """## Other people's arms

`rehearse eval --task reach --arm menagerie:panda` takes an arm of
[MuJoCo Menagerie](https://github.com/google-deepmind/mujoco_menagerie) where it lies on this machine: below
`MUJOCO_MENAGERIE`, or where robot_descriptions keeps it. Nothing is fetched unasked; `pip install robot_descriptions &&
python -m robot_descriptions pull panda_mj_description` fetches it. `menagerie:FOLDER/FILE` names one of several models.
`--arm ogbench:ur5e` is the UR5e with a Robotiq 2F85 that comes with ogbench (`pip install --no-deps ogbench`).

Of such a model is found out: the chain of driven hinges, the tool (a site with one of the usual names, else the middle
of the fingers), a posture (its first keyframe, else hand down), its servos' stiffness and torque, and a box on our
table in which inverse kinematics leads it everywhere. Motors become position servos, the fingers are held still, and
gravity is compensated for. Speed and acceleration are ours (2 rad/s, 12 rad/s²), for a model does not tell them. Their
licences are their makers'.

Tried: ogbench's UR5e, and two made-up models in `tests/sim/test_menagerie.py`; Menagerie's Panda and SO-101 with their
joints and servos typed in and without meshes (the script reached the ball in 8 of 8 layouts with each; no command). The
files of Menagerie themselves could not be had where this was written.

## A robot of your own

An MJCF model with what the first lines of `sim/robots.py` ask for, and one `Robot`.
`rehearse.sim.robots.checked(robot)` says what is missing, or said otherwise by the two. Limits of position and torque
are the model's; of speed and acceleration they are what you want to ask of it, and what the guard then lets through.
`ReachWorld(robot)` takes any; for the command line, write a task whose `build` does so ([tasks.md](tasks.md)).

A real arm, through LeRobot or ros2_control, needs no model: `robot.launch.py robot:=my_arm.yaml` takes a file like
`config/so101.yaml` ([ros.md](ros.md#a-real-arm)). `rehearse.sim.follower.Follower` stands in for one behind LeRobot's
interface.
"""


def row(robot: Robot, joint: int) -> str:
    """A joint's line."""
    low, high = robot.position_low_rad[joint], robot.position_high_rad[joint]
    asked = f"{robot.velocity_radps[joint]:g} | {robot.acceleration_radps2[joint]:g} | {robot.torque_nm[joint]:g}"
    return f"| `{robot.joints[joint]}` | {low:g} … {high:g} | {robot.home_rad[joint]:g} | {asked} |"


def section(robot: Robot) -> str:
    """A robot's heading, facts and joints."""
    point = lambda values: ", ".join(f"{value:g}" for value in values)  # noqa: E731
    tasks = [name for name, known in (("dog-on-jacket", ARMS), ("reach", REACHING)) if robot.name in known]
    facts = {
        "what it is": robot.about,
        "model": f"`sim/assets/{robot.asset}`, {robot.spec().compile().body_mass.sum():.2f} kg",
        "tasks": ", ".join(f"`{name}`" for name in tasks) or "none by name; `ReachWorld(robot)` takes it",
        "stands at": f"({point(robot.base_m)}) m, turned by {robot.facing_rad:.4g} rad",
        "reaches all of": f"({point(robot.workspace_low_m)}) … ({point(robot.workspace_high_m)}) m",
        "fingers": f"{', '.join(f'`{name}`' for name in robot.fingers)}: closed {robot.closed:g}, open {robot.open:g}",
        "tool": "site `grip` between the fingertips; force is felt at site `wrist`",
        "hand down": f"weighs {robot.hand_down:g}" if robot.hand_down else "as far as the place leaves freedom",
        "source": robot.source,
        "licence": robot.licence,
    }
    lines = [
        f"## {robot.name}",
        "",
        "| | |",
        "| --- | --- |",
        *(f"| {name} | {what} |" for name, what in facts.items()),
    ]
    lines += ["", "| joint | range, rad | home, rad | speed, rad/s | acceleration, rad/s² | torque, N m |"]
    lines += ["| --- | --- | ---: | ---: | ---: | ---: |", *(row(robot, joint) for joint in range(len(robot.joints)))]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(section(robot) for robot in ROBOTS.values()), TAIL])


def guard_yaml(robot: Robot) -> str:
    """What guard_node is told of a robot, over config/guard.yaml."""
    shown = lambda value: value if isinstance(value, str) else f"{float(value)}"  # noqa: E731
    rows = [f"    {name}: [{', '.join(map(shown, values))}]\n" for name, values in robot.guard_parameters().items()]
    head = (
        f"# Written by docs/make_robots.py: {robot.name} to guard_node, as a second --params-file after guard.yaml.\n"
    )
    return head + "/**:\n  ros__parameters:\n" + "".join(rows)


def written() -> dict[Path, str]:
    """Every file that this script writes, with its text."""
    files = {ROOT / "docs" / "robots.md": page()}
    for robot in ROBOTS.values():
        files[ROOT / "config" / f"{robot.name}.yaml"] = guard_yaml(robot)
        files[ROOT / "config" / f"{robot.name}.urdf"] = urdf(robot)
    return files


def main() -> None:
    """Write each file whole or not at all."""
    for target, text in written().items():
        with atomic_write(target) as path:
            path.write_text(text, encoding="utf-8")
        print(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
