"""Picking and placing as a task: a block to where a picture shows it.

env = TASK.make_env(split="test"); agent = make_agent(TASK, "oracle")
"""

from rehearse.planner import Objective
from rehearse.sim.goal_task import goal_task, towards_picture
from rehearse.sim.handling import MPC, ORACLE_SEARCH, brought
from rehearse.sim.pick_place.behaviours import Demonstrator, noisy_play
from rehearse.sim.pick_place.env import EPISODE_STEPS, PickPlaceEnv
from rehearse.sim.pick_place.world import TOLERANCE_M, PickPlaceWorld
from rehearse.sim.task import Situation

BLOCK = ("block_x_m", "block_y_m", "block_z_m")


def objective(now: Situation) -> Objective:
    """The block at the goal, the hand at the block until it is there."""
    if now.goal_moment is not None:
        return towards_picture(now)
    place = {name: float(value) for name, value in zip(BLOCK, now.goal_state, strict=True)}
    return brought(BLOCK, place, TOLERANCE_M, now)


TASK = goal_task(
    PickPlaceWorld,
    name="pick-place",
    env_id="rehearse/PickPlace-v0",
    summary="an arm picks a block up and puts it where a picture shows it, on table or shelf",
    tags=frozenset({"benchmark"}),
    build=PickPlaceEnv,
    episode_steps=EPISODE_STEPS,
    play=noisy_play,
    scripts={"script-best": Demonstrator},
    mpc=MPC,
    oracle_search=ORACLE_SEARCH,
    objective=objective,
    success_words="Block in its place",
)
