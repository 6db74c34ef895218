"""The dog on the jacket at a robot's pace: live = live_world(env), see rehearse.sim.live."""

from collections.abc import Sequence
from dataclasses import replace

from rehearse.sim.dog_on_jacket.env import DogOnJacketEnv
from rehearse.sim.dog_on_jacket.world import PERIOD_S, Outcome
from rehearse.sim.live import LiveWorld


def live_world(env: DogOnJacketEnv) -> LiveWorld:
    """Of this environment."""
    account = lambda outcomes: env.account(_over(outcomes))  # noqa: E731
    return LiveWorld(env, env.world.arm, PERIOD_S, account, camera="front")


def _over(outcomes: Sequence[Outcome]) -> Outcome:
    """Of several, one after the other: the last, with the greatest of what is a peak."""
    peaks = ("disturbance", "dog_speed_mps", "dog_turn_radps", "dog_shift_m")
    return replace(outcomes[-1], **{name: max(getattr(outcome, name) for outcome in outcomes) for name in peaks})
