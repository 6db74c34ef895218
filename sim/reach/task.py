"""Reaching as a task: an arm brings its fingertips to a ball.

env = TASK.make_env(split="test"); agent = make_agent(TASK, "oracle")
"""

import numpy as np

from rehearse.planner import Disagreement, Goal, MPCConfig, Objective
from rehearse.sim.arm_motion import ArmMotion
from rehearse.sim.arm_world import MAX_SPEED_MPS
from rehearse.sim.goal_env import CAMERA
from rehearse.sim.goal_task import goal_task, towards_picture
from rehearse.sim.goal_world import PERIOD_S
from rehearse.sim.live import LiveWorld
from rehearse.sim.menagerie import get_robot, located
from rehearse.sim.reach.behaviours import Demonstrator, noisy_play
from rehearse.sim.reach.env import ARMS, EPISODE_STEPS, OTHERS, ReachEnv
from rehearse.sim.reach.scene import USUAL
from rehearse.sim.reach.world import ReachWorld
from rehearse.sim.task import Option, Situation


def arm_motion(arm: str = ARMS[0]) -> ArmMotion:
    """Its actions as motion of an arm's joints; the hand is always closed, and not told."""
    robot = get_robot(arm)
    return ArmMotion(robot, PERIOD_S, MAX_SPEED_MPS, np.array([robot.workspace_low_m, robot.workspace_high_m]))


def live_world(env: ReachEnv) -> LiveWorld:
    """The environment at a robot's pace."""
    return LiveWorld(env, env.world.robot, PERIOD_S, lambda _: env.account(), camera=CAMERA)


def objective(now: Situation) -> Objective:
    """The fingertips at the ball, soon."""
    if now.goal_moment is not None:
        return towards_picture(now)
    names = ("grip_x_m", "grip_y_m", "grip_z_m")
    place = {name: float(value) for name, value in zip(names, now.goal_state, strict=True)}
    return 10 * Goal(place, end=0) + 0.2 * now.doubt * Disagreement()


TASK = goal_task(
    ReachWorld,
    name="reach",
    env_id="rehearse/Reach-v0",
    summary="an arm brings its fingertips to a ball on a stick",
    tags=frozenset({"smoke", "benchmark"}),
    build=ReachEnv,
    episode_steps=EPISODE_STEPS,
    play=noisy_play,
    scripts={"script-best": Demonstrator},
    mpc=MPCConfig(
        action_low=(-1.0,) * 3,
        action_high=(1.0,) * 3,
        horizon=6,
        period_s=PERIOD_S,
        knots=3,
        initial_std=(0.6,) * 3,
    ),
    objective=objective,
    motion=arm_motion,
    live=live_world,
    goal_within=tuple(zip(USUAL.workspace_low_m, USUAL.workspace_high_m, strict=True)),
    options={
        "arm": Option(ARMS, "which arm: one of 7 joints, LeRobot's small one, or somebody else's", OTHERS, located)
    },
    robot="rehearse_{arm}",
    success_words="At the ball",
    checkpoint="reach-tiny",
    cloned="reach-cloned",
)
