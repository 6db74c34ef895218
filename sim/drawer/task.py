"""The drawer as a task: open as far as a picture shows it, with a glass that must not fall.

env = TASK.make_env(split="test"); agent = make_agent(TASK, "oracle")
"""

from rehearse.planner import Excess, Hazard, Objective
from rehearse.sim.drawer.behaviours import Demonstrator, noisy_play
from rehearse.sim.drawer.env import EPISODE_STEPS, DrawerEnv
from rehearse.sim.drawer.world import TOLERANCE_M, DrawerWorld
from rehearse.sim.goal_task import goal_task, towards_picture
from rehearse.sim.handling import MPC, ORACLE_SEARCH, brought
from rehearse.sim.tale import Tale
from rehearse.sim.task import Harm, Situation

KNOB = ("knob_x_m", "knob_y_m", "knob_z_m")


def objective(now: Situation) -> Objective:
    """The drawer at the goal, the hand at its knob until it is there; almost never a glass that falls, or leans far."""
    calm = 3 * Hazard("fallen", risk=now.risk) + Excess("disturbance", above=0.3, risk=now.risk)
    if now.goal_moment is not None:
        return towards_picture(now) + 0.6 * now.fear * calm
    return brought(KNOB, {"opening_m": float(now.goal_state[0])}, TOLERANCE_M, now) + 0.6 * now.fear * calm


TASK = goal_task(
    DrawerWorld,
    name="drawer",
    env_id="rehearse/Drawer-v0",
    summary="an arm opens a drawer as far as a picture shows it, and lets the glass on its cabinet stand",
    tags=frozenset({"benchmark"}),
    build=DrawerEnv,
    episode_steps=EPISODE_STEPS,
    play=noisy_play,
    scripts={"script-fast": lambda: Demonstrator(pull=1.0), "script-best": Demonstrator},
    mpc=MPC,
    oracle_search=ORACLE_SEARCH,
    objective=objective,
    tops={"disturbance": 2.0},  # of a glass that lies there is nothing to tell apart
    success_words="Open, glass standing",
    checkpoint="drawer-tiny",
    harm=Harm(event="fallen", strain="disturbance", words="Glass fallen"),
    tale=Tale(
        title="Let the glass stand",
        lead="""A drawer is to be opened, and a glass stands on its cabinet. So before it moves, the robot rehearses: it
imagines {futures} ways to reach for the knob and to pull, sees which of them would shake the glass down, and takes one
that opens the drawer all the same. A moment later it thinks again.""",
        contrast="script-fast",
        did="opened the drawer, the glass standing",
        succeeded="open, the glass standing,",
        harmed="the glass fell",
        did_harm="let it fall",
        would_harm="let the glass fall",
        threshold="falls",
        unharmed="standing",
        state="fallen",
        strain="Lean of the glass",
        methods={"script-fast": "Script: the fast pull", "script-best": "Script: the gentle pull"},
    ),
)
