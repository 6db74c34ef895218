"""A task told to people: the words of the page about it, and of what is said of an episode or of a future.

    tale = Tale(title="Let the sleeping dog lie", lead="A dog is asleep ... it imagines {futures} ways to pull ...")

Whoever gives none gets words that fit any task.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

METHODS = {
    "nothing": "Hold still",
    "random": "Random motion",
    "script-best": "The best script",
    "cloning": "Cloned policy",
    "oracle": "Planner on true physics",
}
LEAD = """Before it moves, the robot rehearses: it imagines {futures} ways to go on, sees where each of them leads, and
takes the one that goes best. A moment later it thinks again."""


@dataclass(frozen=True)
class Tale:
    """Sentences and halves of sentences; those about harm are only read where there is any."""

    title: str
    lead: str = LEAD
    habit: str = "A habit acts"  # over the film of the contrast
    imagination: str = "Imagination acts"
    contrast: str = "random"  # the method that is shown beside the planner
    did: str = "succeeded"  # in so many layouts
    succeeded: str = "there"  # after so many seconds
    done: str = "the goal is reached"
    neither: str = "not there when the time was up"
    script: str = "The best hand-written behaviour, which is told the true state,"
    harmed: str = "harm was done"  # after so many seconds
    did_harm: str = "did harm"
    would_harm: str = "do harm"
    threshold: str = "harm"  # beside 1 on the axis of the strain
    unharmed: str = "unharmed"  # over the film until harm was done
    state: str = "harmed"  # and from then on
    strain: str = "Strain"
    weighs: str = "how far from the goal it predicts to be"
    methods: Mapping[str, str] = field(default_factory=dict)  # {method: name}, beside those of METHODS
    notes: Mapping[str, str] = field(default_factory=dict)  # {what: how to read it}

    def method(self, name: str) -> str:
        """A method's name for people."""
        return (METHODS | dict(self.methods)).get(name, name)
