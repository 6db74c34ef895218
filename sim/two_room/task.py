"""Two rooms as a task: a ball goes to where a picture shows it, often through the door.

env = TASK.make_env(split="test"); agent = make_agent(TASK, "oracle")
"""

from rehearse.planner import Disagreement, Goal, MPCConfig, Objective, ScoutConfig
from rehearse.sim.goal_task import goal_task, towards_picture
from rehearse.sim.goal_world import PERIOD_S
from rehearse.sim.task import Situation
from rehearse.sim.two_room.behaviours import Demonstrator, noisy_play
from rehearse.sim.two_room.env import EPISODE_STEPS, TwoRoomEnv
from rehearse.sim.two_room.world import TwoRoomWorld


def objective(now: Situation) -> Objective:
    """The ball at the goal, as the crow flies: that a wall is in the way is for the imagination to find."""
    if now.goal_moment is not None:
        return towards_picture(now)
    x, y = (float(value) for value in now.goal_state)
    return 10 * Goal({"agent_x_m": x, "agent_y_m": y}, end=0) + 0.2 * now.doubt * Disagreement()


TASK = goal_task(
    TwoRoomWorld,
    name="two-room",
    env_id="rehearse/TwoRoom-v0",
    summary="a ball goes to where a picture shows it, often in the other room",
    tags=frozenset({"benchmark"}),
    build=TwoRoomEnv,
    episode_steps=EPISODE_STEPS,
    play=noisy_play,
    scripts={"script-best": Demonstrator},
    mpc=MPCConfig(
        action_low=(-1.0, -1.0),
        action_high=(1.0, 1.0),
        horizon=20,
        period_s=PERIOD_S,
        knots=5,
        initial_std=(1.0, 1.0),
    ),
    # 56 steps reach as far as the longest way, 0.8 m; what follows the distance alone ends at the wall.
    scout=ScoutConfig(stride=4, legs=14, branches=8, bold=True),
    two_levels=True,
    objective=objective,
    # A plan may press against the divider for all of its 56 steps: it must have been imagined so long in training.
    training={"length": 48, "rollout_steps": 40},
    success_words="At the goal",
    checkpoint="two-room-tiny",
    cloned="two-room-cloned",
)
