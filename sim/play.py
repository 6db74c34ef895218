"""Noisy play, which training data is made of: several behaviours in turn, at changing tempo, with noise and lapses.

    play = NoisyPlay({"goal": (0.5, Demonstrator()), "uniform": (0.5, Random(2))})
    play.reset(world, rng); action = play.act(world)

What a planner will imagine is more various than what any behaviour does on purpose: here is each, done badly too.
"""

from collections.abc import Collection, Mapping

import numpy as np

from rehearse.errors import ConfigError
from rehearse.sim.goal_world import GoalWorld
from rehearse.sim.task import Behaviour

NOISES = (0.05, 0.15, 0.4)  # standard deviation of an episode's noise, in shares of the fastest action
TEMPOS = (0.3, 0.6, 1.0, 1.0)
NEW_TEMPO, LAPSE = 0.15, 0.08  # chance per step
LONGEST_LAPSE_STEPS = 3


class NoisyPlay:
    """One of several behaviours per episode; ``kinds`` holds the share and the behaviour of each.

    An episode has its own noise, and its own tempo, which now and then changes. Now and then it lapses: for one to
    three steps a random action is repeated. ``switches``: which numbers of an action only switch something on and off,
    and are changed by lapses alone, for tempo and noise would flip them all the time.
    """

    def __init__(self, kinds: Mapping[str, tuple[float, Behaviour]], switches: Collection[int] = ()) -> None:
        if abs(sum(share for share, _ in kinds.values()) - 1) > 1e-9:
            raise ConfigError(f"play: the shares of {', '.join(kinds)} do not add up to 1")
        self.kinds, self.switches = dict(kinds), list(switches)

    def reset(self, world: GoalWorld, rng: np.random.Generator) -> None:
        """Draw this episode's character."""
        self._rng = rng
        self.kind = str(rng.choice(list(self.kinds), p=[share for share, _ in self.kinds.values()]))
        self._behaviour = self.kinds[self.kind][1]
        self._behaviour.reset(world, rng)
        self._noise, self._tempo = rng.choice(NOISES), rng.choice(TEMPOS)
        self._lapse, self._lapse_steps = np.zeros(len(world.action_names)), 0

    def act(self, world: GoalWorld) -> np.ndarray:
        """What the kind does, at its tempo, with its noise; or the lapse."""
        rng, size = self._rng, len(world.action_names)
        intended = self._behaviour.act(world)
        if rng.random() < NEW_TEMPO:
            self._tempo = rng.choice(TEMPOS)
        if self._lapse_steps == 0 and rng.random() < LAPSE:
            self._lapse, self._lapse_steps = rng.uniform(-1, 1, size), int(rng.integers(1, LONGEST_LAPSE_STEPS + 1))
        if self._lapse_steps:
            self._lapse_steps -= 1
            return self._lapse
        noisy = intended * self._tempo + rng.normal(0, self._noise, size)
        noisy[self.switches] = intended[self.switches]
        return np.clip(noisy, -1, 1)
